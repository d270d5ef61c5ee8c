"""What is not to be said: rules in the manner of well-known mixins are clean, and what is odd in them is named."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import pytest

from remediator.actions import ACTIONS
from remediator.model.alert import Group, Rule
from remediator.policy.check import check
from remediator.policy.conflicts import lint_conflicts
from remediator.policy.lint.everything import Known, examine_file, lint_file
from remediator.policy.lint.playbooks import Site, lint_fleet
from remediator.policy.load import read_policy
from remediator.policy.metric_names import KnownMetrics
from remediator.policy.yaml.positions import parse_document

SHIPPED = Path(__file__).parents[3] / "rules"
MINUTE = timedelta(minutes=1)
FOREIGN = KnownMetrics(prefixes=("kube_", "apiserver_"), labels=frozenset({"cluster"}), scrape_interval=MINUTE / 4)


def checks(expr: str, hold_for: timedelta = 15 * MINUTE, summary: str = "x") -> list[str]:
    """The ids of all that is said of an alert with that expression."""
    rules = "[{alert: A, expr: x, for: 1m, labels: {playbook: none}}]"
    document = parse_document(f"{{groups: [{{name: g, rules: {rules}}}]}}", "f")
    texts = {"summary": summary, "runbook_url": "y"}
    rule = Rule("g", "HostOdd", expr, hold_for, labels={"playbook": "none"}, annotations=texts)
    facts = examine_file((Group("g", "f", MINUTE, (rule,)),), document)
    return sorted(one.check for one in lint_file(facts, Known({}, frozenset(), ACTIONS, FOREIGN)))


@pytest.mark.parametrize(
    "expr",
    [
        'node_filesystem_avail_bytes{fstype!=""} / node_filesystem_size_bytes{fstype!=""} * 100 < 40'
        " and predict_linear(node_filesystem_avail_bytes[6h], 24*60*60) < 0 and node_filesystem_readonly == 0",
        "rate(node_network_receive_errs_total[2m]) / rate(node_network_receive_packets_total[2m]) > 0.01",
        "node_nf_conntrack_entries / node_nf_conntrack_entries_limit > 0.75",
        "(node_timex_offset_seconds > 0.05 and deriv(node_timex_offset_seconds[5m]) >= 0)"
        " or (node_timex_offset_seconds < -0.05 and deriv(node_timex_offset_seconds[5m]) <= 0)",
        'node_md_disks_required - ignoring (state) node_md_disks{state="active"} > 0',
        'sum without (mode) (avg without (cpu) (rate(node_cpu_seconds_total{mode!~"idle|iowait"}[2m]))) * 100 > 90',
        "100 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes * 100 > 90",
        "increase(node_systemd_service_restart_total[5m]) > 2",
        "node_bonding_slaves - node_bonding_active != 0",
        'absent(up{job="kubelet"} == 1)',
        'sum(changes(kube_node_status_condition{condition="Ready",status="true"}[15m])) by (cluster, node) > 2',
        "max by (pod) (kube_pod_status_phase) * on (pod) group_left (owner)"
        " topk by (pod) (1, max by (pod, owner) (kube_pod_owner)) > 0",
        "sum by (cluster) (rate(apiserver_request_total[1h])) > 14.4 * 0.01",
        "up == 0 unless on (host) ALERTS",
        "time() - node_boot_time_seconds < 600",
    ],
)  # fmt: skip
def test_what_is_well_is_left_alone(expr: str) -> None:
    assert checks(expr) == []


@pytest.mark.parametrize(
    ("expr", "said"),
    [
        ("vector(1)", ["alerts/comparison"]),
        ("max by (hots) (node_load1) > 3", ["promql/label"]),
        ('max by (pod) (label_replace(node_load1, "pod", "$1", "instance", "(.*)")) > 3', []),
        ('kube_pod_info{pod=~".*"} > 0', ["promql/regexp"]),
        ("other_metric > 0", ["promql/metric"]),
        ("namespace:cpu:sum > 0", ["rule/dependency"]),
        ("max_over_time(node_load1[20s]) > 9", ["promql/rate"]),
        ("rate(sum(node_context_switches_total)[5m:1m]) > 9", ["promql/rate"]),
        ("bottomk(1, node_load1) < 3", ["promql/fragile"]),
        ("sum(node_load1 / (node_load5 > 0)) > 9", []),
        ("sum(node_load1 / clamp_min(node_load5, 1)) > 9", []),
        ("max by (host) (node_load1) > bool 3", ["alerts/comparison"]),
        ("sum by (host) (up) > on (rack) sum by (rack) (up)", ["promql/impossible"]),
        ("node_load1{host='a',host='b'} > 1", ["promql/impossible"]),
    ],
)
def test_what_is_odd_is_named_once(expr: str, said: list[str]) -> None:
    assert checks(expr) == said


def test_labels_of_texts_are_the_results_own() -> None:
    assert checks("max by (host) (up) == 0", summary="{{ $labels.playbook }}") == ["alerts/template_label"]
    assert checks("max by (host) (up) == 0", summary='{{ range query "up" }}{{ .Labels.x }}{{ end }}') == []
    assert checks("max by (host) (up) == 0", summary="{{ $labels.host ") == ["alerts/template"]


def test_alerts_that_exclude_each_other_and_those_that_do_not() -> None:
    reading = read_policy(SHIPPED, ACTIONS)
    views = [
        one for group in reading.policy.groups for one in examine_file((group,), reading.documents[group.file]).rules
    ]
    books = {name: (book, reading.documents[book.file]) for name, book in reading.policy.playbooks.items()}
    assert lint_conflicts(books, views) == []
    wedged = next(view for view in views if view.rule.name == "HostWedged")
    again = replace(wedged.rule, name="HostStuck", labels={**wedged.rule.labels, "playbook": "host_disk_full"})
    group = replace(wedged.group, rules=(again,))
    document = reading.documents[wedged.group.file]
    found = lint_conflicts(books, [*views, *examine_file((group,), document).rules])
    assert any(
        "HostStuck says what HostWedged says" in one.message or "HostWedged says what HostStuck" in one.message
        for one in found
    ), found


def test_a_quorum_is_held_against_the_fleets_racks() -> None:
    reading = read_policy(SHIPPED, ACTIONS)
    book = reading.policy.playbooks["host_dead"]
    document = reading.documents[book.file]
    assert lint_fleet(book, document, [Site("arn", rack) for rack in ("r1", "r2", "r3")]) == []
    few = lint_fleet(book, document, [Site("arn", "r1"), Site("arn", "r2")])
    assert [(one.check, one.severity) for one in few] == [("playbook/never", "warning")]
    none = lint_fleet(book, document, [Site("arn", "r1")] * 5)
    assert [(one.check, one.severity) for one in none] == [("playbook/never", "error")]


def test_the_shipped_set_is_clean_for_the_whole_check() -> None:
    assert [str(one) for one in check(SHIPPED, ACTIONS)] == []


class Folder(Protocol):
    root: Path

    def put(self, name: str, text: str) -> None: ...
    def said(self) -> list[str]: ...


RECORDING = "      - record: host:silent:sum\n        expr: sum by (host) (silent)\n"
READER = """\
      - alert: HostOdd
        expr: host:silent:sum > 3
        for: 1m
        labels: {playbook: none}
        annotations: {summary: x, runbook_url: y}
"""
HEAD = "groups:\n  - name: a\n    interval: 1s\n    rules:\n"


@pytest.mark.parametrize(
    ("rules_given", "said"),
    [
        (RECORDING + READER, ""),
        (READER + RECORDING, "alerts/more.yml:6:15: groups.rules.expr: host:silent:sum is recorded further down"),
        (READER, "alerts/more.yml:6:15: groups.rules.expr: no rule records host:silent:sum"),
        (RECORDING + "  - name: b\n    interval: 1s\n    rules:\n" + READER, "is recorded in another group (a)"),
        (RECORDING * 2 + READER, "alerts/more.yml:7:17: groups.rules.record: records the same series as alerts/more"),
        (RECORDING + READER * 2, "groups.rules.alert: is the same alert as alerts/more.yml:7"),
    ],
)
def test_recordings_come_before_their_readers_and_nothing_is_said_twice(
    rules: Folder, rules_given: str, said: str
) -> None:
    rules.put("alerts/more.yml", HEAD + rules_given)
    found = rules.said()
    assert found == [] if not said else any(said in line for line in found), found


def test_tests_are_asked_for_only_where_there_are_any(rules: Folder) -> None:
    assert rules.said() == []
    rules.put("tests/alerts/x.yml", "tests: [{alert_rule_test: [{alertname: HostDead, exp_alerts: [{}]}]}]\n")
    rules.put("tests/playbooks/x.yml", "scenarios: [{name: n}]\nplaybook: other\n")
    assert rules.said() == [
        "alerts/liveness.yml:5:16: groups.rules.alert: has no test in which it keeps quiet (rules/tests/alerts)",
        "playbooks/host_dead.yml:1:11: playbook: has no scenario in rules/tests/playbooks: nobody knows what it "
        "would do",
    ]
    rules.put("tests/alerts/y.yml", "tests: [{alert_rule_test: [{alertname: HostDead}]}]\n")
    rules.put("tests/playbooks/y.yml", "scenarios: [{name: n, expect: [{playbook: host_dead}]}]\nplaybook: other\n")
    assert rules.said() == []
