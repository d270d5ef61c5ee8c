"""What ``fleetmend check`` looks at, and how it exits."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from remediator.actions.spec import ActionSpec
from remediator.policy.check import check, exit_code


class Rules(Protocol):
    root: Path

    def put(self, name: str, text: str) -> None: ...
    def change(self, name: str, old: str, new: str) -> None: ...


Actions = Mapping[str, ActionSpec]


def errors(folder: Path, actions: Actions) -> list[str]:
    return [str(problem) for problem in check(folder, actions) if problem.severity == "error"]


def test_a_folder_with_settings_is_checked_whole(rules: Rules, actions: Actions) -> None:
    home = rules.root.parent
    (home / "fleetmend.yml").write_text("patience: 10s\n")
    (home / "hosts.yml").write_text("- {name: h1, region: arn}\n")
    said = errors(home, actions)
    assert any("patience: 10s is shorter than limits.yml allows (120s)" in line for line in said)
    assert any("hosts.yml:1:3: rack: is missing" in line for line in said)


def test_broken_settings_do_not_hide_the_rules_mistakes(rules: Rules, actions: Actions) -> None:
    (rules.root.parent / "fleetmend.yml").write_text("patince: 10s\n")
    rules.change("playbooks/host_dead.yml", "target: host", "target: hosts")
    said = "\n".join(errors(rules.root.parent, actions))
    assert "patince: unknown field (did you mean 'patience'?)" in said
    assert "unknown value 'hosts'" in said


def test_errors_are_code_2_warnings_1_and_notes_0(rules: Rules, actions: Actions) -> None:
    rules.change("playbooks/host_dead.yml", "target: host", "target: hosts")
    problems = check(rules.root, actions)
    assert exit_code(problems) == 2
    assert exit_code([]) == 0
    assert exit_code([replace(problems[0], severity="warning")]) == 1
    assert exit_code([replace(problems[0], severity="info")]) == 0


def test_a_sender_may_only_ask_for_playbooks_that_there_are(rules: Rules, actions: Actions) -> None:
    home = rules.root.parent
    (home / "fleetmend.yml").write_text("intake:\n  - token_file: t\n    playbooks: [host_dead, host_ded]\n")
    (home / "hosts.yml").write_text("[]\n")
    found = [problem for problem in check(home, actions) if problem.severity == "error"]
    assert [problem.message for problem in found] == [
        "intake.playbooks: unknown playbook 'host_ded' (did you mean 'host_dead'?)"
    ]
    assert (found[0].line, found[0].column) == (3, 28)
