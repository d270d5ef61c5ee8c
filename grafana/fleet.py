"""The dashboard *Fleet*: is the fleet well, what is being done about it, and is there room."""

from grafana.annotations import ANNOTATIONS
from grafana.dashboard import Dashboard, Row, Variable
from grafana.fleet_service import ROOM, SERVICE
from grafana.fleet_work import WORK
from grafana.panels import Panel, Query, Stat, StateTimeline, TimeSeries
from grafana.states import FROZEN, GATE, HOST_LIFE, HOST_STATUS, REGION, ranked

TO_HOST = "/d/fleetmend-host?${__url_time_range}&var-host=${__field.labels.host}"


def now(id: int, title: str, description: str, expression: str) -> Stat:
    """One number at the top."""
    return Stat(id=id, title=title, description=description, queries=[Query(expression)])


AT_A_GLANCE: tuple[Panel, ...] = (
    Stat(
        id=10,
        title="Gate",
        description="Whether the metrics store is trusted as a witness. Closed: no automatic destructive act.",
        queries=[Query("min(fleetmend_gate_open)")],
        states=GATE,
    ),
    Stat(
        id=11,
        title="Acting",
        description="Frozen by a person: decisions are still made and shown, nothing is done.",
        queries=[Query("max(fleetmend_frozen)")],
        states=FROZEN,
    ),
    now(12, "Hosts ok", "Hosts that clients see as ok.", f'sum(fleetmend_hosts{{{REGION}, status="ok"}})'),
    now(
        13,
        "Machines without a place",
        "Asked for, and no host has room.",
        f"sum(fleetmend_placement_unmet{{{REGION}}})",
    ),
    now(14, "Undead machines", "Condemned, and still running.", f"sum(fleetmend_undead_machines{{{REGION}}})"),
    now(15, "Destroys waiting", "Accepted and not yet proved done.", f"sum(fleetmend_destroy_backlog{{{REGION}}})"),
)

HOSTS: tuple[Panel, ...] = (
    StateTimeline(
        id=21,
        title="Host status",
        description="What clients are told of each host: a statement about reachability. A click opens it.",
        queries=[Query(ranked("fleetmend_host_status", REGION, "status", HOST_STATUS, "host"), "{{host}}")],
        states=HOST_STATUS,
        link=TO_HOST,
    ),
    StateTimeline(
        id=22,
        title="Host life",
        description="How far the evidence goes: suspected, dead, back and not yet trusted, on probation.",
        queries=[Query(ranked("fleetmend_host_life", REGION, "life", HOST_LIFE, "host"), "{{host}}")],
        states=HOST_LIFE,
        link=TO_HOST,
    ),
    TimeSeries(
        id=23,
        title="Hosts by status",
        description="How many hosts clients see as ok, unknown or unreachable.",
        queries=[Query(f"sum by (status) (fleetmend_hosts{{{REGION}}})", "{{status}}")],
        stacked=True,
    ),
    TimeSeries(
        id=24,
        title="Machines by state",
        description="All machines that are known, by their public state.",
        queries=[Query(f"sum by (state) (fleetmend_machines{{{REGION}}})", "{{state}}")],
        stacked=True,
    ),
    TimeSeries(
        id=25,
        title="Machines in recovery",
        description="Machines of lost hosts: placed anew, serving again, held with a reason, or waiting for room.",
        queries=[
            Query(f'sum by (recovery) (fleetmend_machines_recovery{{{REGION}, recovery!="none"}})', "{{recovery}}")
        ],
    ),
)

FLEET = Dashboard(
    uid="fleetmend-fleet",
    title="Fleet",
    description="The whole fleet: hosts and machines, alerts and decisions, room, and fleetmend itself.",
    rows=(
        Row(1, "Now", AT_A_GLANCE),
        Row(2, "Hosts and machines", HOSTS),
        Row(3, "Alerts, decisions and destroys", WORK),
        Row(4, "Room", ROOM),
        Row(5, "Machines API and metrics store", SERVICE),
    ),
    variables=(Variable("region", "Region", "host_inventory_info", "region", many=True),),
    annotations=ANNOTATIONS,
)
