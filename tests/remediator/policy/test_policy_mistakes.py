"""The mistakes that people make: each in a copy of the shipped rules, each answered at its place, with what to do."""

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from remediator.actions import ACTIONS
from remediator.model.errors import Problem
from remediator.policy.check import check
from remediator.policy.lint.catalogue import CHECKS
from remediator.policy.load import PolicyReader

SHIPPED = Path(__file__).parents[3] / "rules"
GATE = "max(fleetmend_gate_open) == 0"
SELF = "alerts/self.yml"


class Mistake(NamedTuple):
    """What is put in the place of what, the text under which the caret has to stand, and what is said."""

    check: str
    file: str
    old: str
    new: str
    culprit: str
    says: str
    told_in: str = ""


MISTAKES = [
    # Expressions
    Mistake("promql/syntax", SELF, GATE, "max(fleetmend_gate_open == 0", "(fleetmend_gate_open", "unclosed"),
    Mistake("promql/syntax", SELF, GATE, "maxx(fleetmend_gate_open) == 0", "maxx", "did you mean 'max'?"),
    Mistake("promql/syntax", SELF, GATE, "rate(fleetmend_heartbeat_timestamp_seconds) == 0", "rate(",
            "needs a window: write it out, for example rate(x[5m])"),
    Mistake("promql/metricsql", SELF, GATE, "max(fleetmend_gate_open) default 0 == 0", "default 0",
            "say it in PromQL"),
    Mistake("promql/type", SELF, GATE, "fleetmend_gate_open[5m]", "fleetmend_gate_open[5m]",
            "take a function over it"),
    Mistake("promql/type", SELF, GATE, "(1)", "1)", "a bare number"),
    Mistake("promql/metric", SELF, GATE, "max(fleetmend_gat_open) == 0", "fleetmend_gat_open",
            "did you mean 'fleetmend_gate_open'?"),
    Mistake("promql/label", "alerts/disk.yml", 'avail_bytes{mountpoint=~', 'avail_bytes{mountpont=~', "mountpont",
            "did you mean 'mountpoint'?"),
    Mistake("promql/regexp", "alerts/host_liveness.yml", 'up{job="host"}', 'up{job=~"host"}', "job=~",
            'write job="host"'),
    Mistake("promql/selector", SELF, GATE, 'max({job="remediator"}) == 0', '{job="remediator"}', "name one"),
    Mistake("promql/impossible", SELF, GATE, 'max(up{job="a",job="b"}) == 0', 'job="b"', "write =~ with both"),
    Mistake("promql/impossible", "alerts/host_liveness.yml",
            "/ on (host, region, rack) (sum by (host, region, rack) (",
            "/ (sum by (host) (", "/ (sum by (host)", "write on (...) with what both have"),
    Mistake("promql/vector_matching", SELF, GATE, "node_filesystem_free_bytes / on (host) node_load1 < 1",
            "node_filesystem_free_bytes", "aggregate them, or match on it too"),
    Mistake("promql/aggregate", SELF, GATE, "max by (host) (max by (region) (fleetmend_hosts)) == 0", "host)",
            "keep it through the inner expression"),
    Mistake("promql/nan", SELF, GATE, "avg(node_load1 / node_load5) == 0", "/ node_load5", "guard the denominator"),
    Mistake("promql/counter", SELF, GATE, "sum(fleetmend_placement_failures_total) > 5",
            "fleetmend_placement_failures_total", "compare increase("),
    Mistake("promql/rate", SELF, GATE, "rate(fleetmend_gate_open[5m]) == 0", "rate(", "use delta() or deriv()"),
    Mistake("promql/rate", SELF, GATE, "delta(fleetmend_placement_failures_total[5m]) == 0", "delta(",
            "use increase() or rate()"),
    Mistake("promql/rate", SELF, GATE, "max_over_time(fleetmend_gate_open[1s]) == 0", "[1s]", "at least 2s"),
    Mistake("promql/subquery", SELF, GATE, "max_over_time((max(fleetmend_gate_open))[1h:]) == 0", "[1h:]",
            "write the step"),
    Mistake("promql/comparison", SELF, GATE, "max(fleetmend_hosts) > 5 < 3", "< 3", "it never holds"),
    Mistake("promql/fragile", SELF, GATE, "topk(3, fleetmend_hosts) > 0", "topk", "compare with a threshold"),
    Mistake("rule/dependency", SELF, GATE, "region:hosts:sum > 0", "region:hosts:sum", "no rule records"),
    # Alerts
    Mistake("alerts/comparison", SELF, GATE, "max(fleetmend_gate_open)", "max(", "compare with a threshold"),
    Mistake("alerts/for", "alerts/host_liveness.yml", "        for: 3s\n", "", "alert: HostDead",
            "one sample must not be enough"),
    Mistake("alerts/interval", SELF, "for: 2m", "for: 3s", "3s", "it takes 10s"),
    Mistake("alerts/value_in_label", "alerts/disk.yml", "labels: {severity: critical, playbook: host_disk_full}",
            'labels: {severity: "{{ $value }}", playbook: host_disk_full}', "$value", "put it into an annotation"),
    Mistake("alerts/template", "alerts/disk.yml", "$value | humanizePercentage", "$value | humanisePercentage",
            "humanisePercentage", "humanizePercentage"),
    Mistake("alerts/template_label", "alerts/disk.yml", "{{ $labels.region }}", "{{ $labels.datacenter }}",
            "datacenter", "no label 'datacenter'"),
    Mistake("alerts/annotation", SELF, "          runbook_url: docs/runbooks/store_untrusted.md\n", "", "annotations",
            "runbook_url missing"),
    Mistake("alerts/absent", "alerts/host_liveness.yml",
            "        for: 1m\n        labels: {severity: warning, playbook: none}\n",
            '        labels: {severity: warning, playbook: none}\n'
            '      - alert: NoHosts\n        expr: absent(up{job="host"})\n'
            "        labels: {severity: warning, playbook: none}\n",
            "absent(", "write 'for' with at least 20s"),
    Mistake("alerts/untested", SELF, "alert: StoreUntrusted", "alert: StoreDoubted", "StoreDoubted", "has no test"),
    Mistake("rule/duplicate", SELF, "      - alert: DestroyBacklogOld",
            f"      - alert: StoreUntrusted\n        expr: {GATE}\n        for: 1m\n"
            "        labels: {severity: warning, playbook: none}\n      - alert: DestroyBacklogOld",
            "StoreUntrusted", "is the same alert as alerts/self.yml"),
    Mistake("rule/portable", SELF, "for: 2m\n", "for: 2m\n        keep_firing_for: 1m\n", "keep_firing_for",
            "vmalert before 1.92"),
    Mistake("rule/name", SELF, "alert: StoreUntrusted", "alert: store-untrusted", "store-untrusted",
            "letters, digits and underscores"),
    Mistake("rule/reject", SELF, "docs/runbooks/store_untrusted.md", "https://me:secret@wiki/page", "secret@",
            "take it out"),
    Mistake("group/interval", SELF, "interval: 10s", "interval: 10m", "10m", "evaluate at least every 5m"),
    # Rules and playbooks together
    Mistake("playbook/label", "alerts/wedged.yml",
            "max by (host, region, rack) (fleetmend_blocked_task_oldest_seconds) > 30",
            "max by (region, rack) (fleetmend_blocked_task_oldest_seconds) > 30", "max by (region, rack)",
            "no label 'host', which playbook 'host_wedged' acts on"),
    Mistake("playbook/unknown", "alerts/disk.yml", "playbook: host_disk_full", "playbook: host_disk_ful",
            "host_disk_ful}", "did you mean 'host_disk_full'?"),
    Mistake("playbook/unnamed", SELF, "labels: {severity: critical, playbook: none}", "labels: {severity: critical}",
            "labels", "write 'playbook: none'"),
    Mistake("playbook/unused", "alerts/capacity.yml", "playbook: region_without_room", "playbook: none",
            "region_without_room", "no rule asks for playbook",
            "playbooks/region_without_room.yml"),
    Mistake("playbook/conflict", "alerts/maintenance.yml",
            '            unless on (host) ALERTS{alertstate="firing",alertname=~"Host.*",alertname!~"HostIdle',
            '            unless on (host) ALERTS{alertstate="firing",alertname=~"Rack.*",alertname!~"HostIdle',
            "uncordon", "let one exclude the other", "playbooks/maintenance_over.yml"),
    # Playbooks
    Mistake("playbook/step", "playbooks/host_disk_full.yml", "  - cordon\n", "  - burst_provision\n",
            "burst_provision", "acts on a region, but the target is 'host'"),
    Mistake("playbook/ask", "playbooks/host_disk_full.yml", "mode: auto", "mode: approve", "approve",
            "say when it expires and what then"),
    Mistake("playbook/never", "playbooks/host_disk_full.yml", "max_in_flight: {share: 1%, at_least: 1}",
            "max_in_flight: {share: 0%}", "{share: 0%}", "can never act"),
    Mistake("playbook/never", "playbooks/host_dead.yml", "outside_rack: 2", "outside_rack: 3", "3,",
            "3 can never agree"),
    Mistake("playbook/budget", "playbooks/host_disk_full.yml", "rate: {share: 1%, at_least: 4, per: 1h}",
            "rate: {share: 1%, at_least: 0, per: 1h}", "{share: 1%, at_least: 0", "that ceiling is never reached"),
    Mistake("playbook/timing", "playbooks/host_dead.yml", "remind: [5m, 15m]", "remind: [5m, 45m]", "45m",
            "expired by then"),
    Mistake("schema/action", "playbooks/host_disk_full.yml", "- cordon\n", "- cordn\n", "cordn",
            "did you mean 'cordon'?"),
    Mistake("limits/loosened", "playbooks/host_dead.yml", "  settle: 2s", "  settle: 1s", "1s",
            "limits.yml allows (2s)"),
    # What YAML makes of it
    Mistake("yaml/duplicate_key", SELF, "for: 2m\n", "for: 2m\n        for: 3m\n", "for: 3m", "given before"),
    Mistake("yaml/sexagesimal", SELF, "for: 2m", "for: 2:00", "2:00", "base 60"),
    Mistake("schema/unknown_field", SELF, "for: 2m\n", "fro: 2m\n", "fro", "unknown field"),
]  # fmt: skip


class Shipped:
    """A copy of the shipped rules, read again and again: only what changed is checked anew."""

    def __init__(self, root: Path) -> None:
        shutil.copytree(SHIPPED, root)
        self.root = root
        self.reader = PolicyReader(root, ACTIONS)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Shipped:
    return Shipped(tmp_path_factory.mktemp("shipped") / "rules")


def found(shipped: Shipped, mistake: Mistake) -> list[Problem]:
    """What is said of the folder with this one mistake in it, which is taken out again."""
    path, told = shipped.root / mistake.file, shipped.root / (mistake.told_in or mistake.file)
    before = path.read_text()
    assert mistake.old in before, "the shipped rules have changed: choose another place for this mistake"
    path.write_text(before.replace(mistake.old, mistake.new, 1))
    try:
        problems = [problem for problem in shipped.reader.read().problems if problem.check == mistake.check]
        lines = told.read_text().splitlines()
    finally:
        path.write_text(before)
    return [one for one in problems if one.file == str(told) and under_caret(lines, one).startswith(mistake.culprit)]


def under_caret(lines: list[str], problem: Problem) -> str:
    """The text that begins exactly where the caret stands."""
    return lines[problem.line - 1][problem.column - 1 :]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda one: f"{one.check}:{one.culprit}")
def test_each_mistake_is_answered_at_its_place_with_what_to_do(shipped: Shipped, mistake: Mistake) -> None:
    problems = found(shipped, mistake)
    assert problems, "nothing is said of it there"
    assert any(mistake.says in problem.message for problem in problems), problems
    assert {problem.severity for problem in problems} <= {CHECKS[mistake.check].severity, "error"}


def test_the_shipped_rules_are_clean_without_any_suppression() -> None:
    assert [str(problem) for problem in check(SHIPPED, ACTIONS) if problem.severity != "info"] == []
    assert not any("fleetmend disable" in path.read_text() for path in SHIPPED.rglob("*.yml"))
