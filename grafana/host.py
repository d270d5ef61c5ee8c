"""The dashboard *Host*: what its witnesses say, what runs on it, and how it fares."""

from grafana.annotations import ANNOTATIONS
from grafana.dashboard import Dashboard, Row, Variable
from grafana.host_resources import DISKS, NETWORK, PROCESSOR
from grafana.panels import Panel, Query, Stat, StateTimeline, TimeSeries
from grafana.states import GIVEN, HOST, HOST_LIFE, HOST_STATUS, PROBE_OUTCOME, SCRAPED, ranked

AT_A_GLANCE: tuple[Panel, ...] = (
    Stat(
        id=10,
        title="Status",
        description="What clients are told of this host.",
        queries=[Query(ranked("fleetmend_host_status", HOST, "status", HOST_STATUS, "host"))],
        states=HOST_STATUS,
    ),
    Stat(
        id=11,
        title="Life",
        description="How far the evidence goes.",
        queries=[Query(ranked("fleetmend_host_life", HOST, "life", HOST_LIFE, "host"))],
        states=HOST_LIFE,
    ),
    Stat(
        id=12,
        title="Cordoned",
        description="A cordoned host takes no new work.",
        queries=[Query(f"max(fleetmend_host_cordoned{{{HOST}}})")],
        states=GIVEN,
    ),
    Stat(
        id=13,
        title="Page age",
        description="How old the host's newest page is in the store.",
        queries=[Query(f'time() - max(fleetmend_heartbeat_timestamp_seconds{{job="host", {HOST}}})')],
        unit="s",
    ),
    Stat(
        id=14,
        title="Up since",
        description="The time since the host's kernel started.",
        queries=[Query(f"time() - max(node_boot_time_seconds{{{HOST}}})")],
        unit="s",
    ),
    Stat(
        id=15,
        title="Machines",
        description="Machines on this host, in whatever state.",
        queries=[Query(f"sum(fleetmend_machines{{{HOST}}})")],
    ),
)

WITNESSES: tuple[Panel, ...] = (
    StateTimeline(
        id=21,
        title="Probe outcomes by vantage",
        description="How each vantage's probe ended. Only silence counts towards dead: a refusal proves a kernel.",
        queries=[Query(ranked("probe_outcome", HOST, "outcome", PROBE_OUTCOME, "vantage"), "{{vantage}}")],
        states=PROBE_OUTCOME,
        width=16,
    ),
    StateTimeline(
        id=22,
        title="Verdict",
        description="What the votes amount to, and when it changed.",
        queries=[Query(f"max by (verdict) (fleetmend_verdict{{{HOST}}}) > 0", "{{verdict}}")],
        states=GIVEN,
        width=8,
    ),
    TimeSeries(
        id=23,
        title="Probe latency",
        description="How long a probe took, by vantage; at the timeout it was silence.",
        queries=[Query(f"max by (vantage) (probe_duration_seconds{{{HOST}}})", "{{vantage}}")],
        unit="s",
    ),
    StateTimeline(
        id=24,
        title="Scrape of the host's page",
        description="Whether the store could read the host's page: the second path of evidence.",
        queries=[Query(f'max by (host) (up{{job="host", {HOST}}})', "{{host}}")],
        states=SCRAPED,
        width=8,
    ),
    TimeSeries(
        id=25,
        title="Collectors without an answer",
        description="Collectors of the host's page that failed, ran out of time or are stuck; no data is no failure.",
        queries=[
            Query(
                f'sum by (collector) (fleetmend_scrape_collector_state{{{HOST}, state=~"error|timeout|stuck"}})',
                "{{collector}}",
            )
        ],
    ),
)

MACHINES: tuple[Panel, ...] = (
    TimeSeries(
        id=31,
        title="Machines by app and state",
        description="The machines on this host.",
        queries=[Query(f"sum by (app, state) (fleetmend_machines{{{HOST}}})", "{{app}}: {{state}}")],
        stacked=True,
    ),
    TimeSeries(
        id=32,
        title="Destroys waiting and undead",
        description="Destroys not yet proved done here, and condemned machines that still run.",
        queries=[
            Query(f"sum(fleetmend_destroy_backlog{{{HOST}}})", "destroys waiting"),
            Query(f"sum(fleetmend_undead_machines{{{HOST}}})", "undead"),
        ],
    ),
    TimeSeries(
        id=33,
        title="Volumes",
        description="The volumes on this host, by state.",
        queries=[Query(f"sum by (state) (fleetmend_volumes{{{HOST}}})", "{{state}}")],
        stacked=True,
    ),
)

HOST_DASHBOARD = Dashboard(
    uid="fleetmend-host",
    title="Host",
    description="One host: its witnesses, its machines, its resources.",
    rows=(
        Row(1, "Now", AT_A_GLANCE),
        Row(2, "Witnesses", WITNESSES),
        Row(3, "Machines and volumes", MACHINES),
        Row(4, "Processor, memory, pressure", PROCESSOR),
        Row(5, "Network", NETWORK),
        Row(6, "Filesystems and disks", DISKS),
    ),
    variables=(Variable("host", "Host", "host_inventory_info", "host"),),
    annotations=ANNOTATIONS,
)
