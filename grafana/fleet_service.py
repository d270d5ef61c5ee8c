"""*Fleet*, the rows about room and about the service itself: placement, Machines API, store, rules."""

from grafana.panels import Panel, Query, TimeSeries
from grafana.states import REGION


def headroom(id: int, what: str, noun: str) -> TimeSeries:
    """The share of a resource that is free, per region, on the hosts that take work."""
    free, capacity = (
        f"sum by (region) (fleetmend_region_{word}_{noun}{{{REGION}}})" for word in ("free", "capacity")
    )
    return TimeSeries(
        id=id,
        title=f"{what} free",
        description=f"The share of each region's {what.lower()} that is free on hosts which take work.",
        queries=[Query(f"{free} / ({capacity} > 0)", "{{region}}")],
        unit="percentunit",
        bounds=(0, 1),
    )


ROOM: tuple[Panel, ...] = (
    TimeSeries(
        id=41,
        title="Placement unmet",
        description="Machines that no host of the region has room for.",
        queries=[Query(f"sum by (region) (fleetmend_placement_unmet{{{REGION}}})", "{{region}}")],
    ),
    TimeSeries(
        id=42,
        title="Largest free block",
        description="The largest memory that one host can still give: what decides whether a large machine fits.",
        queries=[Query(f"max by (region) (fleetmend_region_largest_free_memory_bytes{{{REGION}}})", "{{region}}")],
        unit="bytes",
    ),
    TimeSeries(
        id=43,
        title="Bursts and migrations",
        description="Requests for more hosts, and machines on their way to another host, by stage.",
        queries=[
            Query(f"sum by (region, state) (fleetmend_bursts{{{REGION}}})", "burst {{region}}: {{state}}"),
            Query(f"sum by (region, state) (fleetmend_migrations{{{REGION}}})", "migration {{region}}: {{state}}"),
        ],
    ),
    headroom(44, "Processors", "cpus"),
    headroom(45, "Memory", "memory_bytes"),
    headroom(46, "Disk", "disk_bytes"),
)

REQUESTS = "fleetmend_api_requests_total"
LATENCY = "fleetmend_api_request_duration_seconds"
WINDOW = "[$__rate_interval]"

SERVICE: tuple[Panel, ...] = (
    TimeSeries(
        id=51,
        title="API requests by version",
        description="Requests to the Machines API each second, by the version that answered.",
        queries=[Query(f"sum by (version) (rate({REQUESTS}{WINDOW}))", "{{version}}")],
        unit="reqps",
    ),
    TimeSeries(
        id=52,
        title="API errors by version",
        description="Server errors as a share of all requests, by the version that answered; zero where none failed.",
        queries=[
            Query(
                f'(sum by (version) (rate({REQUESTS}{{code=~"5.."}}{WINDOW}))'
                f" or 0 * sum by (version) (rate({REQUESTS}{WINDOW})))"
                f" / (sum by (version) (rate({REQUESTS}{WINDOW})) > 0)",
                "{{version}}",
            )
        ],
        unit="percentunit",
        bounds=(0, 1),
    ),
    TimeSeries(
        id=53,
        title="API latency by operation",
        description="The mean time of a request, by operation.",
        queries=[
            Query(
                f"sum by (operation) (rate({LATENCY}_sum{WINDOW}))"
                f" / (sum by (operation) (rate({LATENCY}_count{WINDOW})) > 0)",
                "{{operation}}",
            )
        ],
        unit="s",
    ),
    TimeSeries(
        id=54,
        title="Store canary",
        description="How long a sample of our own takes to come back from the store; late ones close the gate.",
        queries=[Query("max(fleetmend_store_canary_seconds)", "latency")],
        unit="s",
    ),
    TimeSeries(
        id=55,
        title="Rule evaluation failures",
        description="Rules that failed and slots that were missed: an error says neither sick nor well.",
        queries=[
            Query(
                "sum by (group) (increase(fleetmend_rule_evaluation_failures_total[$__rate_interval]))",
                "{{group}}: failed",
            ),
            Query(
                "sum by (group) (increase(fleetmend_rule_group_iterations_missed_total[$__rate_interval]))",
                "{{group}}: missed",
            ),
        ],
    ),
    TimeSeries(
        id=56,
        title="Witnesses",
        description="Agents connected and vantages reporting: the direct path of evidence.",
        queries=[
            Query("max(fleetmend_agents_connected)", "agents"),
            Query("max(fleetmend_vantages_reporting)", "vantages"),
        ],
    ),
)
