"""The orchestrator's own conduct: placement, API, deploys."""

from collections import Counter

from prometheus_client.core import SummaryMetricFamily
from prometheus_client.metrics_core import Metric

from exporter.families import counters, gauges
from exporter.orchestrator.state import State


def build_placement_families(state: State) -> list[Metric]:
    requests = dict.fromkeys(state.regions, 0.0) | state.placement.requests
    unmet = dict.fromkeys(state.regions, 0.0) | {one.region: one.count for one in state.placement.unmet}
    return [
        counters(
            "fleetmend_placement_requests_total",
            "Machines and volumes for which a place was sought.",
            ["region"],
            [([region], count) for region, count in requests.items()],
        ),
        counters(
            "fleetmend_placement_failures_total",
            "Searches for a place that found none, by reason.",
            ("region", "reason"),
            [((one.region, one.reason), one.count) for one in state.placement.failures],
        ),
        gauges(
            "fleetmend_placement_unmet",
            "Machines and volumes that wait for room now.",
            ["region"],
            [([region], count) for region, count in unmet.items()],
        ),
    ]


def build_api_families(state: State) -> list[Metric]:
    counts: Counter[tuple[str, str]] = Counter()
    seconds: dict[tuple[str, str], float] = {}
    for one in state.api:
        key = (one.operation, one.version)
        counts[key] += int(one.count)
        seconds[key] = seconds.get(key, 0.0) + one.seconds
    durations = SummaryMetricFamily(
        "fleetmend_api_request_duration_seconds",
        "Time taken to answer API requests.",
        labels=("operation", "version"),
    )
    for key, count in counts.items():
        durations.add_metric(key, count_value=count, sum_value=seconds[key])
    return [
        counters(
            "fleetmend_api_requests_total",
            "API requests answered, by operation, version of the remediator and status code.",
            ("operation", "version", "code"),
            [((one.operation, one.version, one.code), one.count) for one in state.api],
        ),
        durations,
        gauges(
            "fleetmend_deploy_timestamp_seconds",
            "When a version was first seen running, in unix seconds.",
            ["version"],
            [([one.version], one.at) for one in state.deploys],
        ),
    ]
