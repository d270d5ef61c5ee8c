"""A folder in, a frozen policy out; or everything that is wrong with it, each with its place."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import pytest

from remediator.actions.spec import ActionSpec
from remediator.model.errors import BadInput
from remediator.model.policy import Mode, Share
from remediator.policy.load import load_policy

Actions = Mapping[str, ActionSpec]


class Rules(Protocol):
    root: Path

    def put(self, name: str, text: str) -> None: ...
    def change(self, name: str, old: str, new: str) -> None: ...
    def said(self) -> list[str]: ...


def test_the_small_folder_is_all_right(rules: Rules) -> None:
    assert rules.said() == []


def test_what_is_left_out_gets_the_strict_guard(rules: Rules, actions: Actions) -> None:
    playbook = load_policy(rules.root, actions).playbooks["host_dead"]
    assert playbook.mode is Mode.SHADOW
    assert (playbook.evidence.verdict, playbook.evidence.outside_rack) == ("dead", 2)
    assert (playbook.continuous, playbook.settle) == (timedelta(seconds=2), timedelta(seconds=2))
    assert [b.max_in_flight for b in playbook.budgets if b.max_in_flight] == [Share(0.01, 2)]
    assert [b.newly_unhealthy for b in playbook.budgets if b.newly_unhealthy] == [Share(0.1, 1)]
    assert any(budget.rate for budget in playbook.budgets)
    assert playbook.correlated is not None
    assert playbook.correlated.at_least == 3


@pytest.mark.parametrize(("scope", "added"), [("rack", 2), ("app", 2), ("region", 1), ("fleet", 1)])
def test_ceilings_of_racks_and_apps_alone_bound_no_region(
    rules: Rules, actions: Actions, scope: str, added: int
) -> None:
    mine = f"target: host\nbudget: [{{scope: {scope}, max_in_flight: {{share: 1%, at_least: 1}}}}]"
    rules.change("playbooks/host_dead.yml", "target: host", mine)
    budgets = load_policy(rules.root, actions).playbooks["host_dead"].budgets
    in_flight = [(budget.scope, budget.max_in_flight) for budget in budgets if budget.max_in_flight]
    assert in_flight == [(scope, Share(0.01, 1)), ("region", Share(0.01, 2))][:added]


def test_steps_carry_checked_parameters_and_what_runs_beside(rules: Rules, actions: Actions) -> None:
    steps = load_policy(rules.root, actions).playbooks["host_dead"].steps
    assert [step.action for step in steps] == ["mark_host_dead", "move", "condemn"]
    assert steps[1].params == {"within": timedelta(minutes=5), "machines": "all"}
    assert steps[1].meanwhile is not None
    assert steps[1].meanwhile.action == "notify"


def test_rules_know_their_place_and_the_digest_follows_the_files(rules: Rules, actions: Actions) -> None:
    before = load_policy(rules.root, actions)
    rule = before.groups[0].rules[0]
    assert (rule.file, rule.line, rule.hold_for) == ("alerts/liveness.yml", 5, timedelta(seconds=3))
    rules.change("alerts/liveness.yml", "for: 3s", "for: 4s")
    assert load_policy(rules.root, actions).digest != before.digest


# Where, what is put in its place, and what is said of it.
SPOILED = [
    ("playbooks/host_dead.yml", "mode", "target: host", "target: host\nmod: auto",
     "playbooks/host_dead.yml:3:1: mod: unknown field (did you mean 'mode'?)"),
    ("playbooks/host_dead.yml", "enum", "target: host", "target: hosts",
     "playbooks/host_dead.yml:2:9: target: unknown value 'hosts' (did you mean 'host'?)"),
    ("playbooks/host_dead.yml", "action", "- condemn", "- condem",
     "playbooks/host_dead.yml:7:5: steps: unknown action 'condem' (did you mean 'condemn'?)"),
    ("playbooks/host_dead.yml", "parameter", "{within: 5m}", "{withn: 5m}",
     "playbooks/host_dead.yml:5:12: steps.move.withn: unknown field (did you mean 'within'?)"),
    ("playbooks/host_dead.yml", "parameter's value", "within: 5m", "within: 5",
     "playbooks/host_dead.yml:5:20: steps.move.within: 5 has no unit; write for example 5s"),
    ("playbooks/host_dead.yml", "name", "playbook: host_dead", "playbook: host_dea",
     "playbooks/host_dead.yml:1:11: playbook: must be 'host_dead', as its file is named"),
    ("playbooks/host_dead.yml", "label", "- condemn", "- burst_provision",
     "action 'burst_provision' acts on a region, but the target is 'host'"),
    ("playbooks/host_dead.yml", "approve", "target: host", "target: host\nmode: approve", "ask: is missing"),
    ("playbooks/host_dead.yml", "settle", "target: host", "target: host\nrequires: {settle: 1s}",
     "playbooks/host_dead.yml:3:20: requires.settle: 1s is shorter than limits.yml allows (2s)"),
    ("playbooks/host_dead.yml", "budget", "target: host",
     "target: host\nbudget: [{scope: region, max_in_flight: {share: 50%}}]",
     "budget.max_in_flight: 0.5, at least 0 is looser than limits.yml allows (0.05, at least 2)"),
    ("playbooks/host_dead.yml", "no evidence", "target: host",
     "target: host\nrequires: {evidence: {verdict: none}}",
     "a playbook with a destructive step needs direct evidence"),
    ("playbooks/host_dead.yml", "racks", "target: host",
     "target: host\nrequires: {evidence: {outside_rack: 1}}", "1 is less than limits.yml allows (2)"),
    ("playbooks/host_dead.yml", "correlated", "target: host",
     "target: host\ncorrelated: {by: [rack], at_least: 9}", "9 is more than limits.yml allows (3)"),
    ("alerts/liveness.yml", "syntax", "sum by (host) (silent)", "sum by (host (silent)",
     "alerts/liveness.yml:6:22: groups.rules.expr: unclosed left parenthesis"),
    ("alerts/liveness.yml", "lost label", "sum by (host)", "sum by (region)",
     "its result has no label 'host', which playbook 'host_dead' acts on"),
    ("alerts/liveness.yml", "playbook", "playbook: host_dead", "playbook: host_ded",
     "alerts/liveness.yml:8:48: groups.rules.labels.playbook: unknown playbook 'host_ded' (did you mean 'host_dead'"),
    ("alerts/liveness.yml", "no playbook", ", playbook: host_dead", "", "write 'playbook: none'"),
    ("alerts/liveness.yml", "no for", "        for: 3s\n", "", "so one sample must not be enough"),
    ("alerts/liveness.yml", "field", "for: 3s", "fr: 3s", "alerts/liveness.yml:7:9: groups.rules.fr: unknown field"),
    ("alerts/liveness.yml", "value in label", "severity: critical", 'severity: "{{ $value }}"',
     "a value in a label makes a new alert of every change"),
    ("alerts/liveness.yml", "template", "$labels.host }}", "$labels.rack }}",
     "the expression's result has no label 'rack'"),
    ("alerts/liveness.yml", "both", "alert: HostDead", "alert: HostDead\n        record: x",
     "either 'alert' or 'record'"),
    ("alerts/liveness.yml", "interval", "interval: 1s", "interval: 0s", "interval: must be longer than 0"),
    ("alerts/liveness.yml", "number as text", "severity: critical", "severity: 1",
     "groups.rules.labels.severity: YAML reads 1 as a number; quote it"),
    ("limits.yml", "limit left out", "settle: 2s\n", "", "limits.yml:1:1: settle: is missing"),
    ("limits.yml", "share", "share: 5%", "share: 500%", "limits.yml:2:24: max_in_flight.share: 500% is no share"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "what", "old", "new", "said"), SPOILED, ids=[row[1] for row in SPOILED])
def test_each_mistake_is_told_with_its_place(
    rules: Rules, name: str, what: str, old: str, new: str, said: str
) -> None:
    rules.change(name, old, new)
    assert any(said in line for line in rules.said()), rules.said()


def test_all_mistakes_are_told_at_once_and_none_twice(rules: Rules, actions: Actions) -> None:
    rules.change("alerts/liveness.yml", "for: 3s", "for: 3")
    rules.change("playbooks/host_dead.yml", "- condemn", "- condem")
    rules.change("limits.yml", "patience: 120s", "patience: yes")
    with pytest.raises(BadInput) as caught:
        load_policy(rules.root, actions)
    assert len(caught.value.problems) == 3


def test_a_broken_rule_hides_neither_its_neighbours_mistakes_nor_is_told_twice(rules: Rules) -> None:
    neighbour = "      - alert: Other\n        expr: sum(\n        for: 3s\n        labels: {playbook: none}\n"
    rules.put("alerts/liveness.yml", (rules.root / "alerts/liveness.yml").read_text() + neighbour)
    rules.change("alerts/liveness.yml", "expr: sum by (host) (silent) > 2", "expr: 5")
    said = [line for line in rules.said() if "warning" not in line]
    assert any("liveness.yml:6:15: groups.rules.expr: YAML reads 5 as a number" in line for line in said)
    assert any("liveness.yml:11:18: groups.rules.expr:" in line for line in said), said
    assert sum("liveness.yml:5:" in line or "liveness.yml:6:" in line for line in said) == 1


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda root: (root / "limits.yml").unlink(), "limits.yml: cannot be read: No such file or directory"),
        (lambda root: (root / "alerts").rename(root / "alert"), "alerts: the folder is missing"),
        (lambda root: (root / "playbooks/host_dead.yml").unlink(), "playbook 'host_dead', which the settings name"),
        (lambda root: (root / "alerts/liveness.yml").write_text("groups: 5"), "groups: must be a list"),
        (lambda root: (root / "alerts/liveness.yml").write_text("- 1"), "must be a mapping of fields"),
        (lambda root: (root / "playbooks/host_dead.yml").write_text(""), "steps: is missing"),
    ],
)
def test_files_missing_or_of_another_shape(rules: Rules, spoil: Callable[[Path], None], said: str) -> None:
    spoil(rules.root)
    assert any(said in line for line in rules.said()), rules.said()


def test_no_folder_is_one_line(tmp_path: Path, actions: Actions) -> None:
    with pytest.raises(BadInput, match="the rules folder is missing"):
        load_policy(tmp_path / "gone", actions)


def test_an_unused_playbook_warns_and_does_not_stop(rules: Rules, actions: Actions) -> None:
    rules.put("playbooks/other.yml", "playbook: other\ntarget: host\nsteps: [notify]\n")
    assert any("no rule asks for playbook 'other'" in line for line in rules.said())
    assert "other" in load_policy(rules.root, actions).playbooks
