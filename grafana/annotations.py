"""Marks that every dashboard carries: what fleetmend did, and which version was rolled out when."""

from grafana.dashboard import Annotation

ANNOTATIONS = (
    Annotation(
        name="Decisions acting",
        expression=(
            'sum by (playbook, action) (increase(fleetmend_decisions_total{outcome="act"}[$__rate_interval])) > 0'
        ),
        title="{{playbook}}: {{action}}",
        colour="orange",
    ),
    Annotation(
        name="Deploys",
        expression="max by (version) (fleetmend_deploy_timestamp_seconds) * 1000",
        title="deploy {{version}}",
        colour="purple",
        value_is_time=True,
    ),
)
