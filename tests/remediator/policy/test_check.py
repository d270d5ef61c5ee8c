"""What ``fleetmend check`` shows, and how it exits."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from remediator.actions.spec import ActionSpec
from remediator.policy.check import check, exit_code, render


class Rules(Protocol):
    root: Path

    def put(self, name: str, text: str) -> None: ...
    def change(self, name: str, old: str, new: str) -> None: ...


Actions = Mapping[str, ActionSpec]


def test_nothing_wrong_is_code_0(rules: Rules, actions: Actions) -> None:
    problems = check(rules.root, actions)
    assert exit_code(problems) == 0
    assert render(problems) == "0 errors, 0 warnings"


def test_a_warning_is_code_1(rules: Rules, actions: Actions) -> None:
    rules.put("playbooks/other.yml", "playbook: other\ntarget: host\nsteps: [notify]\n")
    problems = check(rules.root, actions)
    assert exit_code(problems) == 1
    assert render(problems).startswith("warning: ")


def test_an_error_is_code_2_and_shown_under_its_line(rules: Rules, actions: Actions) -> None:
    rules.change("playbooks/host_dead.yml", "target: host", "target: hosts")
    problems = check(rules.root, actions)
    assert exit_code(problems) == 2
    assert "\n    target: hosts\n            ^\n1 error, 0 warnings" in render(problems)


def test_a_folder_with_settings_is_checked_whole(rules: Rules, actions: Actions) -> None:
    home = rules.root.parent
    (home / "fleetmend.yml").write_text("patience: 10s\n")
    (home / "hosts.yml").write_text("- {name: h1, region: arn}\n")
    said = [str(problem) for problem in check(home, actions)]
    assert any("patience: 10s is shorter than limits.yml allows (120s)" in line for line in said)
    assert any("hosts.yml:1:3: rack: is missing" in line for line in said)


def test_broken_settings_do_not_hide_the_rules_mistakes(rules: Rules, actions: Actions) -> None:
    (rules.root.parent / "fleetmend.yml").write_text("patince: 10s\n")
    rules.change("playbooks/host_dead.yml", "target: host", "target: hosts")
    said = render(check(rules.root.parent, actions))
    assert "patince: unknown field (did you mean 'patience'?)" in said
    assert "unknown value 'hosts'" in said
