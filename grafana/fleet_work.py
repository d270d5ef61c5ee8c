"""*Fleet*, the rows about work: alerts, decisions, holds, destroys."""

from grafana.panels import Panel, Query, StateTimeline, TimeSeries
from grafana.states import FIRING, GATE, REGION

WORK: tuple[Panel, ...] = (
    StateTimeline(
        id=31,
        title="Alerts firing",
        description="Which alerts fired when. An alert only asks; what was done stands under decisions.",
        queries=[Query('max by (alertname) (ALERTS{alertstate="firing"})', "{{alertname}}")],
        states=FIRING,
        width=16,
    ),
    StateTimeline(
        id=32,
        title="Gate and freeze",
        description="The times at which the store was not trusted, or a person had stopped all acting.",
        queries=[Query("min(fleetmend_gate_open)", "gate open"), Query("1 - max(fleetmend_frozen)", "not frozen")],
        states=GATE,
        width=8,
    ),
    TimeSeries(
        id=33,
        title="Decisions",
        description="Decisions by playbook, action and outcome in the last moments, those to hold among them.",
        queries=[
            Query(
                "sum by (playbook, action, outcome) (increase(fleetmend_decisions_total[$__rate_interval]))",
                "{{playbook}} {{action}}: {{outcome}}",
            )
        ],
    ),
    TimeSeries(
        id=34,
        title="Holds",
        description="Targets that are held back now, by playbook and the guard's reason.",
        queries=[Query("sum by (playbook, reason) (fleetmend_holds)", "{{playbook}}: {{reason}}")],
    ),
    TimeSeries(
        id=35,
        title="Operations open",
        description="Commands sent to hosts and not yet answered.",
        queries=[Query("sum(fleetmend_operations_open)", "open")],
    ),
    TimeSeries(
        id=36,
        title="Destroy backlog",
        description="Destroys that are accepted and not yet proved done; those for a dead host wait for its return.",
        queries=[Query(f"sum by (host) (fleetmend_destroy_backlog{{{REGION}}})", "{{host}}")],
    ),
    TimeSeries(
        id=37,
        title="Oldest destroy",
        description="The age of the oldest destroy that is not yet proved done.",
        queries=[Query(f"max by (host) (fleetmend_destroy_oldest_age_seconds{{{REGION}}})", "{{host}}")],
        unit="s",
    ),
    TimeSeries(
        id=38,
        title="Undead seconds",
        description="Machine-seconds that condemned machines ran on a returned host; the aim is zero.",
        queries=[
            Query(
                f"sum by (region) (increase(fleetmend_undead_seconds_total{{{REGION}}}[$__rate_interval]))",
                "{{region}}",
            )
        ],
        unit="s",
    ),
)
