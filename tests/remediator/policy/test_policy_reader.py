"""Reading a folder again and again: what changed, what is kept, and that nothing about it depends on when."""

import os
import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import pytest

from remediator.actions.spec import ActionSpec
from remediator.model.alert import OnError, OnNoData, Outcomes
from remediator.model.errors import Problem
from remediator.policy.load import PolicyReader, read_policy

Actions = Mapping[str, ActionSpec]
OTHER = """\
groups:
  - name: other
    rules:
      - {alert: Other, expr: max by (host) (busy) > 1, for: 3s, labels: {playbook: host_dead}}
      - {record: "host:busy:max", expr: max by (host) (busy)}
"""


class Rules(Protocol):
    root: Path

    def put(self, name: str, text: str) -> None: ...
    def change(self, name: str, old: str, new: str) -> None: ...


@pytest.fixture
def reader(rules: Rules, actions: Actions) -> PolicyReader:
    rules.put("alerts/other.yml", OTHER)
    return PolicyReader(rules.root, actions)


def test_the_files_that_differ_are_named(rules: Rules, reader: PolicyReader) -> None:
    every = {path.relative_to(rules.root).as_posix() for path in rules.root.rglob("*.yml")}
    assert "alerts/other.yml" in every
    assert reader.read().changed == every
    assert reader.read().changed == frozenset()
    rules.change("alerts/other.yml", "> 1", "> 2")
    assert reader.read().changed == {"alerts/other.yml"}
    (rules.root / "alerts/other.yml").unlink()
    rules.put("outcomes.yml", "default: {error: alert}\n")
    assert reader.read().changed == {"alerts/other.yml", "outcomes.yml"}


def test_what_did_not_change_is_the_same_object_and_the_answer_is_that_of_a_fresh_reader(
    rules: Rules, reader: PolicyReader, actions: Actions
) -> None:
    before = reader.read()
    rules.change("alerts/other.yml", "for: 3s", "for: 4s")
    after = reader.read()
    assert after.policy.groups[0] is before.policy.groups[0]
    assert after.policy.groups[1].rules[0].hold_for == timedelta(seconds=4)
    fresh = read_policy(rules.root, actions)
    assert (after.policy, after.problems) == (fresh.policy, fresh.problems)


def test_an_edit_of_the_same_size_within_one_tick_of_the_clock_is_seen(rules: Rules, reader: PolicyReader) -> None:
    for seconds in (4, 5, 6, 7):
        rules.change("alerts/other.yml", f"for: {seconds - 1}s", f"for: {seconds}s")
        assert reader.read().policy.groups[1].rules[0].hold_for == timedelta(seconds=seconds)


def test_touching_a_file_changes_nothing(rules: Rules, reader: PolicyReader) -> None:
    digest = reader.read().policy.digest
    os.utime(rules.root / "alerts/other.yml", ns=(1, 1))
    again = reader.read()
    assert (again.changed, again.policy.digest) == (frozenset(), digest)


def test_a_changed_playbook_is_held_against_the_rules_that_name_it(rules: Rules, reader: PolicyReader) -> None:
    assert reader.read().errors == ()
    rules.change("playbooks/host_dead.yml", "target: host", "target: rack")
    said = [problem.message for problem in reader.read().errors]
    assert sum("its result has no label 'rack'" in one for one in said) == 2
    rules.change("playbooks/host_dead.yml", "target: rack", "target: host")
    assert reader.read().errors == ()


def test_limits_in_force_are_kept_and_another_file_is_told(rules: Rules, actions: Actions) -> None:
    limits = read_policy(rules.root, actions).policy.limits
    reader = PolicyReader(rules.root, actions, limits=limits)
    assert reader.read().problems == ()
    rules.change("limits.yml", "settle: 2s", "settle: 20s")
    reading = reader.read()
    assert reading.policy.limits == limits
    assert [problem.check for problem in reading.problems] == ["limits/restart"]
    assert read_policy(rules.root, actions).policy.limits == replace(limits, settle=timedelta(seconds=20))


def test_a_broken_folder_is_answered_and_mended_without_a_new_reader(rules: Rules, reader: PolicyReader) -> None:
    good = reader.read()
    rules.put("alerts/other.yml", "groups: [")
    assert [problem.check for problem in reader.read().errors] == ["yaml/syntax"]
    rules.put("alerts/other.yml", OTHER)
    assert reader.read().policy == good.policy


def test_threads_may_read_at_once(reader: PolicyReader) -> None:
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(reader.read().policy.digest)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert len(found) == 8
    assert len(set(found)) == 1


def test_outcomes_go_to_the_alerts_they_name_and_the_default_to_the_others(
    rules: Rules, reader: PolicyReader
) -> None:
    rules.put("outcomes.yml", "default: {error: alert}\nalerts: {HostDead: {no_data: keep}}\n")
    reading = reader.read()
    (dead,), (other, recording) = (group.rules for group in reading.policy.groups)
    assert reading.errors == ()
    assert dead.outcomes == Outcomes(OnNoData.KEEP, OnError.ALERT)
    assert dead.presence == "count(silent)"
    assert (other.outcomes, other.presence) == (Outcomes(OnNoData.RESOLVE, OnError.ALERT), "")
    assert recording.outcomes == Outcomes()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("alerts: {HostDed: {}}", "alerts.HostDed: no rule is called 'HostDed' (did you mean 'HostDead'?)"),
        ('alerts: {"host:busy:max": {}}', "no rule is called 'host:busy:max'"),
        ("default: {no_data: kep}", "default.no_data: unknown value 'kep' (did you mean 'keep'?)"),
        ("alerts: [HostDead]", "alerts: must be a mapping"),
        ("defaults: {}", "defaults: unknown field (did you mean 'default'?)"),
    ],
)
def test_mistakes_in_outcomes(rules: Rules, reader: PolicyReader, text: str, said: str) -> None:
    rules.put("outcomes.yml", f"{text}\n")
    assert any(said in problem.message for problem in reader.read().errors)


def warnings(reader: PolicyReader) -> list[Problem]:
    return [problem for problem in reader.read().problems if problem.severity == "warning"]


def test_a_comment_disables_a_warning_of_its_rule_only(rules: Rules, reader: PolicyReader) -> None:
    flagged = [problem for problem in warnings(reader) if problem.check == "alerts/annotation"]
    assert {Path(problem.file).name for problem in flagged} == {"other.yml"}
    rule = "      - {alert: Other"
    rules.change("alerts/other.yml", rule, f"      # fleetmend disable alerts/annotation(people know)\n{rule}")
    assert not any(problem.check in ("alerts/annotation", "disable/useless") for problem in warnings(reader))
    again = "      - {alert: Again, expr: max by (host) (busy) > 3, for: 3s, labels: {playbook: host_dead}}\n"
    rules.put("alerts/other.yml", (rules.root / "alerts/other.yml").read_text() + again)
    left = [problem for problem in warnings(reader) if problem.check == "alerts/annotation"]
    assert left
    assert {problem.line for problem in left} == {7}


@pytest.mark.parametrize(
    ("comment", "check"),
    [
        ("alerts/anotation(why)", "disable/unknown"),
        ("annotation(why)", "disable/unknown"),
        ("alerts/absent(it uses absent() on purpose)", "disable/useless"),
        ("alerts/absent(why)", "disable/useless"),
        ("alerts/annotation", "disable/reason"),
        ("playbook/unknown(why)", "disable/error"),
    ],
)
def test_comments_that_are_wrong_themselves(rules: Rules, reader: PolicyReader, comment: str, check: str) -> None:
    if check == "disable/error":
        rules.change("alerts/other.yml", "playbook: host_dead", "playbook: host_ded")
    text = (rules.root / "alerts/other.yml").read_text()
    rules.put("alerts/other.yml", text.replace("}}\n", f"}}}} # fleetmend disable {comment}\n", 1))
    reading = reader.read()
    told = [problem for problem in reading.problems if problem.check.startswith("disable/")]
    assert [problem.check for problem in told] == [check]
    assert (told[0].line, told[0].severity) == (4, "warning")
    assert bool(reading.errors) is (check == "disable/error")
