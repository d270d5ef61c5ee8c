"""Machines, volumes, and what is asked for and not yet done."""

from collections import Counter
from collections.abc import Sequence

from prometheus_client.metrics_core import Metric

from exporter.families import counters, gauges
from exporter.orchestrator.state import Destroy, Staged, State

RECOVERIES = ("none", "placed", "serving", "held", "waiting")
MIGRATION_STAGES = ("planned", "reserved", "copying", "starting", "verifying", "done", "rolled_back", "stuck")
BURST_STAGES = (
    "wanted",
    "coalesced",
    "approved",
    "requested",
    "provisioning",
    "joined",
    "consumed",
    "expired",
    "stuck",
)
MEGABYTE = 1024 * 1024


def build_machine_families(state: State) -> list[Metric]:
    machines = Counter((one.host, one.region, one.app, one.state) for one in state.machines)
    recovery = Counter((one.region, one.recovery) for one in state.machines)
    routable = Counter({(one.region, one.app): 0 for one in state.machines})
    routable.update((one.region, one.app) for one in state.machines if one.routable)
    return [
        gauges(
            "fleetmend_machines",
            "Machines by host, app and the state last known.",
            ("host", "region", "app", "state"),
            machines.items(),
        ),
        gauges(
            "fleetmend_machines_recovery",
            "Machines by how far their replacement is.",
            ("region", "recovery"),
            [((region, step), float(recovery[region, step])) for region in state.regions for step in RECOVERIES],
        ),
        gauges(
            "fleetmend_machines_routable",
            "Machines that routing may show.",
            ("region", "app"),
            routable.items(),
        ),
    ]


def build_volume_families(state: State) -> list[Metric]:
    labels = ("volume", "host", "region")
    volumes = Counter((one.host, one.region, one.state) for one in state.volumes)
    return [
        gauges("fleetmend_volumes", "Volumes by host and state.", ("host", "region", "state"), volumes.items()),
        gauges(
            "fleetmend_volume_size_bytes",
            "Size a volume may grow to.",
            labels,
            [((one.id, one.host, one.region), one.size_mb * MEGABYTE) for one in state.volumes],
        ),
        gauges(
            "fleetmend_volume_used_bytes",
            "What a volume holds.",
            labels,
            [((one.id, one.host, one.region), one.used_bytes) for one in state.volumes],
        ),
    ]


def build_request_families(state: State) -> list[Metric]:
    backlog = Counter((one.host, one.region) for one in _open_destroys(state))
    backlog.update({(one.name, one.region): 0 for one in state.hosts})
    undead = {(one.name, one.region): (0.0, 0.0) for one in state.hosts}
    undead |= {(one.host, one.region): (one.machines, one.seconds_total) for one in state.undead}
    return [
        gauges(
            "fleetmend_destroy_backlog",
            "Destroys accepted whose machines have not been seen absent.",
            ("host", "region"),
            backlog.items(),
        ),
        gauges(
            "fleetmend_undead_machines",
            "Machines that are condemned, and seen running.",
            ("host", "region"),
            [(place, machines) for place, (machines, _) in undead.items()],
        ),
        counters(
            "fleetmend_undead_seconds_total",
            "Seconds that condemned machines have been seen running, summed over machines.",
            ("host", "region"),
            [(place, seconds) for place, (_, seconds) in undead.items()],
        ),
        _stages("fleetmend_migrations", "Migrations by stage.", state.migrations, MIGRATION_STAGES, state.regions),
        _stages("fleetmend_bursts", "Requests for new hosts by stage.", state.bursts, BURST_STAGES, state.regions),
    ]


def _open_destroys(state: State) -> list[Destroy]:
    return [one for one in state.destroys if one.stage != "verified_absent"]


def _stages(name: str, text: str, records: Sequence[Staged], stages: Sequence[str], regions: Sequence[str]) -> Metric:
    counted = Counter({(region, stage): 0 for region in regions for stage in stages})
    counted.update((one.region, one.stage) for one in records)
    return gauges(name, text, ("region", "state"), counted.items())


def build_age_families(state: State, now: float) -> list[Metric]:
    """What changes though the state does not: ages at ``now``, unix seconds."""
    oldest = {(one.name, one.region): now for one in state.hosts}
    for one in _open_destroys(state):
        place = (one.host, one.region)
        oldest[place] = min(oldest.get(place, now), one.asked_at)
    return [
        gauges(
            "fleetmend_snapshot_age_seconds",
            "Age of a volume's newest snapshot: what a restore would lose. Absent without one.",
            ("volume", "region"),
            [
                ((one.id, one.region), max(0.0, now - one.snapshot_at))
                for one in state.volumes
                if one.snapshot_at is not None
            ],
        ),
        gauges(
            "fleetmend_destroy_oldest_age_seconds",
            "Age of the oldest destroy that is not done; 0 without one.",
            ("host", "region"),
            [(place, now - asked) for place, asked in oldest.items()],
        ),
    ]
