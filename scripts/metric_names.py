"""Print docs/metrics.md: the pages' metrics as the code makes them, with types, labels and meaning."""

from collections.abc import Iterable

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from exporter.clock import SystemClock
from exporter.kit import Kit
from exporter.orchestrator.collector import Orchestrator
from exporter.page import build_families, build_info_family
from exporter.probe.outcome import Outcome
from exporter.probe.page import build_health_families, build_result_families
from exporter.probe.wire import Health, Result, Target
from exporter.runner import Reading, State
from exporter.table import DISK, HOST, PAGE, build_collectors
from remediator.model.evidence import VerdictKind
from remediator.telemetry import Reading as Now
from remediator.telemetry import Telemetry
from remediator.version import VERSION

HEAD = """<!-- Made by scripts/metric-names: change the code, run it again, and read the difference. -->
# Metrics

What each page carries, by job of the scrape configuration. Histograms and summaries also have `_bucket`, `_sum` and
`_count`. Besides these every store adds `up` and its like. Labels that a scrape target adds (`host`, `region`, `rack`
on job `host`; `vantage`, `vantage_region`, `vantage_rack` on job `probe`) are not listed.
"""
HOST_NOTE = """Where node_exporter has the same metric, the name, labels and meaning are node_exporter's. `node_memory_*`
follows `/proc/meminfo`, one metric a line, and differs between kernels: the table names six of them.
"""
# Every line of meminfo is a metric; which there are depends on the kernel.
MEMORY = frozenset(
    f"node_memory_{name}_bytes" for name in ("MemTotal", "MemFree", "MemAvailable", "Cached", "SwapTotal", "SwapFree")
)
STATE = (
    b'{"sequence": 1, "unchanged": false, "hosts": [{"name": "h1", "region": "arn", "rack": "r1", "role": "worker",'
    b' "provider": "", "status": "ok", "life": "healthy", "cordoned": false, "version": "0",'
    b' "capacity": {"cpus": 1, "memory_mb": 1, "disk_mb": 1}, "free": {"cpus": 1, "memory_mb": 1, "disk_mb": 1}}],'
    b' "machines": [{"id": "m", "app": "a", "host": "h1", "region": "arn", "state": "started", "recovery": "none",'
    b' "condemned": false, "routable": true}], "volumes": [{"id": "v", "app": "a", "host": "h1", "region": "arn",'
    b' "state": "created", "size_mb": 1, "used_bytes": 0, "snapshot_at": 0}], "destroys": [], "migrations": [],'
    b' "bursts": [], "placement": {"requests": {"arn": 1}, "failures": [{"region": "arn", "reason": "x",'
    b' "count": 1}], "unmet": []}, "api": [{"operation": "x", "version": "0", "code": "200", "count": 1,'
    b' "seconds": 0}], "undead": [], "deploys": [{"version": "0", "at": 0}]}'
)


def host_page() -> list[Metric]:
    """This machine's own page; a metric that this kernel has nothing to say for is missing."""
    collectors = build_collectors((*HOST, *DISK, *PAGE), Kit())
    families = build_families([Reading("cpu", State.OK, 0.0)], node_names=True)
    for collector in collectors:
        families += collector.read()
    return [one for one in families if not one.name.startswith("node_memory_") or one.name in MEMORY]


def probe_page() -> list[Metric]:
    result = Result(Target("h1", "192.0.2.1", 9080, "arn", "r1"), Outcome.OK, 0.001, 0.0)
    return [*build_result_families([result]), *build_health_families(Health(), 0.0), build_info_family("exporter")]


def orchestrator_page() -> list[Metric]:
    return [*Orchestrator(lambda _: STATE, SystemClock()).read(), build_info_family("exporter")]


def remediator_page() -> list[Metric]:
    place = ("h1", "arn", "r1")
    now = Now(
        now=0.0, assigned=((*place, "p"),), verdicts={place: VerdictKind.ALIVE}, holds={("p", "none"): 0},
        modes={"p": "auto"}, alerts=(("A", "firing", *place),),
    )  # fmt: skip
    telemetry = Telemetry(VERSION, lambda: now)
    telemetry.decided("p", "a", "act")
    telemetry.operated("v", "done")
    telemetry.evaluated("g", 0.0, failed=False)
    return list(text_string_to_metric_families(telemetry.page().decode()))


def rows(families: Iterable[Metric]) -> list[str]:
    """One line of the table for each family, in the order of their names."""
    return sorted({_row(family) for family in families if family.samples})


def _row(family: Metric) -> str:
    labels = sorted({label for sample in family.samples for label in sample.labels} - {"le", "quantile"})
    name = f"{family.name}_total" if family.type == "counter" else family.name
    shown = ", ".join(f"`{label}`" for label in labels)
    return f"| `{name}` | {family.type} | {shown} | {family.documentation} |"


def main() -> None:
    pages = {
        "host": ("`fleetmend-exporter host disk`", host_page(), HOST_NOTE),
        "probe": ("`fleetmend-exporter probe`", probe_page(), ""),
        "orchestrator": ("`fleetmend-exporter orchestrator`", orchestrator_page(), ""),
        "remediator": ("the remediator's own `/metrics`", remediator_page(), ""),
    }
    print(HEAD)
    for job, (source, families, note) in pages.items():
        print(f"## Job `{job}`: {source}\n")
        if note:
            print(note)
        print("| name | type | labels | meaning |\n|---|---|---|---|")
        print("\n".join(rows(families)) + "\n")
    print("The dashboards use only names listed in `tests/grafana/sample_pages.py`; a test checks that.")


if __name__ == "__main__":
    main()
