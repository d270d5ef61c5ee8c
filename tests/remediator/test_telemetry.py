"""The remediator's own page."""

from datetime import UTC, datetime

from prometheus_client.parser import text_string_to_metric_families

from remediator.model.evidence import VerdictKind
from remediator.model.policy import InForce
from remediator.telemetry import Reading, Telemetry

NAMES = {
    "probe_assigned", "fleetmend_gate_open", "fleetmend_frozen", "fleetmend_decisions_total", "fleetmend_holds",
    "fleetmend_verdict", "fleetmend_operations_total", "fleetmend_operations_open",
    "fleetmend_tick_duration_seconds_bucket", "fleetmend_tick_duration_seconds_sum",
    "fleetmend_tick_duration_seconds_count", "fleetmend_heartbeat_timestamp_seconds",
    "fleetmend_rule_evaluations_total", "fleetmend_rule_evaluation_failures_total",
    "fleetmend_rule_evaluation_duration_seconds", "fleetmend_rule_group_iterations_missed_total",
    "fleetmend_config_last_reload_successful", "fleetmend_config_last_reload_success_timestamp_seconds",
    "fleetmend_store_canary_seconds",
    "fleetmend_store_canary_failures_total", "fleetmend_journal_entries_total", "fleetmend_agents_connected",
    "fleetmend_vantages_reporting", "fleetmend_vantage_weight", "fleetmend_build_info", "fleetmend_leader",
    "fleetmend_playbook_mode",
}  # fmt: skip
READING = Reading(
    now=1786331525.0,
    gate_open=True,
    assigned=(("h1", "arn", "r1", "p-r1"), ("h1", "arn", "r1", "p-r2")),
    verdicts={("h1", "arn", "r1"): VerdictKind.DEAD},
    holds={("host_dead", "GateClosed"): 2},
    modes={"host_dead": "auto"},
    operations_open=3,
    weights={"p-r1": 0.5},
)


def samples(telemetry: Telemetry) -> dict[str, list[tuple[dict[str, str], float]]]:
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(telemetry.page().decode()):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((dict(sample.labels), sample.value))
    return found


def busy() -> Telemetry:
    telemetry = Telemetry("0.1.0", lambda: READING)
    telemetry.decided("host_dead", "recreate", "act")
    telemetry.operated("create", "done")
    telemetry.ticked(0.02)
    telemetry.evaluated("host_liveness", 0.01, failed=False)
    telemetry.evaluated("host_liveness", 0.03, failed=True)
    telemetry.missed("host_liveness", 2)
    telemetry.reloaded(InForce("digest", datetime(2026, 8, 1, 12, tzinfo=UTC)))
    telemetry.canary_seen(1.4)
    telemetry.canary_failed()
    telemetry.journalled(7)
    return telemetry


def test_the_page_has_the_contracted_names_and_no_others() -> None:
    assert set(samples(busy())) == NAMES


def test_what_happens_is_counted() -> None:
    page = samples(busy())
    assert page["fleetmend_decisions_total"] == [
        ({"playbook": "host_dead", "action": "recreate", "outcome": "act"}, 1.0)
    ]
    assert page["fleetmend_rule_evaluations_total"][0][1] == 2
    assert page["fleetmend_rule_evaluation_failures_total"][0][1] == 1
    assert page["fleetmend_rule_evaluation_duration_seconds"][0][1] == 0.03
    assert page["fleetmend_rule_group_iterations_missed_total"][0][1] == 2
    assert page["fleetmend_journal_entries_total"][0][1] == 7
    assert page["fleetmend_tick_duration_seconds_count"][0][1] == 1


def test_a_group_has_its_zeros_from_its_first_evaluation_on() -> None:
    telemetry = Telemetry("0.1.0", lambda: READING)
    telemetry.evaluated("host_liveness", 0.01, failed=False)
    page = samples(telemetry)
    assert page["fleetmend_rule_evaluation_failures_total"] == [({"group": "host_liveness"}, 0.0)]
    assert page["fleetmend_rule_group_iterations_missed_total"] == [({"group": "host_liveness"}, 0.0)]


def test_what_is_so_is_asked_at_each_scrape_and_leaves_nothing_behind() -> None:
    readings = [READING, Reading(now=1786331526.0)]
    telemetry = Telemetry("0.1.0", lambda: readings.pop(0))
    first, second = samples(telemetry), samples(telemetry)
    assert len(first["probe_assigned"]) == 2
    assert first["fleetmend_verdict"] == [({"host": "h1", "region": "arn", "rack": "r1", "verdict": "dead"}, 1.0)]
    assert first["fleetmend_holds"] == [({"playbook": "host_dead", "reason": "GateClosed"}, 2.0)]
    assert first["fleetmend_vantage_weight"] == [({"vantage": "p-r1"}, 0.5)]
    assert first["fleetmend_gate_open"][0][1] == 1
    assert second["fleetmend_gate_open"][0][1] == 0
    assert "probe_assigned" not in second
    assert "fleetmend_holds" not in second
