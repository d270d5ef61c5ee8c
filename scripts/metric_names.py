"""Print docs/metrics.md: the pages' metrics as the code makes them, with types, labels and meaning."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from exporter.clock import FakeClock
from exporter.families import Family
from exporter.loop_lag import LoopLag
from exporter.orchestrator.collector import Orchestrator
from exporter.orchestrator.table import build_everything
from exporter.orchestrator.trim import trim
from exporter.page import build_info_family
from exporter.probe.finding import EXTRAS, Finding
from exporter.probe.meters import Meters as ProbeMeters
from exporter.probe.modules import BUILT_IN
from exporter.probe.outcome import Outcome
from exporter.probe.page import build_health_families, build_result_families
from exporter.probe.sources import Kept, build_source_families
from exporter.probe.target import Check, Place
from exporter.probe.wire import Health, Result, Target
from exporter.push.meters import Meters as PushMeters
from exporter.push.meters import build_waiting_families
from exporter.runner import Reading, State, build_scrape_families, build_state_family
from exporter.store.answers import Reason
from exporter.store.canary import Outcome as Sung
from exporter.store.flags import HEARTBEAT
from exporter.store.memory import Memory
from exporter.web.live import build_live_families
from remediator.alerting import alert_metrics
from remediator.clock import FakeClock as UnmovedClock
from remediator.evaluation import Evaluation
from remediator.journal.memory import MemoryJournal
from remediator.model.alert import Group, Rule
from remediator.model.evidence import Gate, VerdictKind
from remediator.model.fleet import Fleet
from remediator.runtime.alerts.intake import Intake
from remediator.runtime.alerts.outlet import Outlet
from remediator.runtime.alerts.senders import Senders
from remediator.runtime.ledger import Ledger
from remediator.runtime.people.meters import PeopleMeters
from remediator.settings import Settings
from remediator.sources.fake_store import FakeStore
from remediator.sources.results import StoreError
from remediator.sources.slots import group_key
from remediator.telemetry import Reading as Now
from remediator.telemetry import Telemetry
from remediator.version import VERSION
from tests.exporter.fixture_page import read_fixture_page

HEAD = """<!-- Made by scripts/metric-names: change the code, run it again, and read the difference. -->
# Metrics

What each page carries, by job of the scrape configuration. Histograms and summaries also have `_bucket`, `_sum` and
`_count`. Besides these every store adds `up` and its like. Labels that a scrape target adds (`host`, `region`, `rack`
on job `host`; `vantage`, `vantage_region`, `vantage_rack` on job `probe`) are not listed.

## Every exporter

What it says of itself: of pushing with `--push.url`, of the web configuration with `--web.config.file`.
"""
HOST_NOTE = """Where node_exporter has the same metric, the name, labels and meaning are node_exporter's; so it is
with those of ipmi_exporter, smartctl_exporter and the LVM exporter. `node_memory_*`, `node_netstat_*` and
`node_vmstat_*` follow the kernel's files, one metric a line: these are the lines of the tests' fixture tree. No host
has all of it: a collector without its subject says `nodata`.
"""
ORCHESTRATOR_NOTE = """Series of single machines and volumes come only with `--collector.machines`,
`--collector.volumes` or `collect[]`.
"""
TAIL = "The dashboards use only names listed in `tests/grafana/sample_pages.py`; a test checks that."
STATE = (
    b'{"sequence": 1, "unchanged": false, "hosts": [{"name": "h1", "region": "arn", "rack": "r1", "role": "worker",'
    b' "provider": "", "status": "ok", "life": "healthy", "cordoned": false, "version": "0",'
    b' "capacity": {"cpus": 1, "memory_mb": 1, "disk_mb": 1}, "free": {"cpus": 1, "memory_mb": 1, "disk_mb": 1}}],'
    b' "machines": [{"id": "m", "app": "a", "host": "h1", "region": "arn", "state": "started", "recovery": "none",'
    b' "condemned": false, "routable": true}], "volumes": [{"id": "v", "app": "a", "host": "h1", "region": "arn",'
    b' "state": "created", "size_mb": 1, "used_bytes": 0, "snapshot_at": 0}], "destroys": [], "migrations": [],'
    b' "bursts": [], "loans": [], "placement": {"requests": {"arn": 1}, "failures": [{"region": "arn", "reason": "x",'
    b' "count": 1}], "unmet": []}, "api": [{"operation": "x", "version": "0", "code": "200", "count": 1,'
    b' "seconds": 0}], "undead": [], "deploys": [{"version": "0", "at": 0}]}'
)


NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
NO_LIMIT = 1 << 30
READ = [Reading("cpu", State.OK, 0.0)]


def every_page() -> list[Metric]:
    """What an exporter says of itself, whichever modules it has, as far as its flags ask for it."""
    pushed = [*PushMeters().counted(), *build_waiting_families(0, 0, 0.0)]
    return [*pushed, *build_live_families(0.0, ok=True), build_state_family(READ), build_info_family("exporter")]


def host_page() -> list[Metric]:
    """Of a host that has everything: the tests' fixture tree, and what programs would answer there."""
    return [*read_fixture_page(), *build_scrape_families(READ)]


def probe_page() -> list[Metric]:
    """One target of the remediator's, and one of our own of which everything is known that any module finds out."""
    result = Result(Target("h1", "192.0.2.1", 9080, "arn", "r1"), Outcome.OK, 0.001, 0.0)
    values = [(name, "x" if extra.label else "", 1.0) for name, extra in EXTRAS.items()]
    own = Check("192.0.2.1", Place("192.0.2.1", 80), BUILT_IN["http"])
    return [
        *build_result_families([result], [(own, Finding(Outcome.OK, 0.001, 0.0, values))]),
        *build_health_families(Health(), 0.0),
        *ProbeMeters().families(),
        *build_source_families([Kept("x", {}, FakeClock())]),
    ]


def orchestrator_page() -> list[Metric]:
    orchestrator = Orchestrator(lambda _: STATE, FakeClock())
    return [*trim(build_everything(orchestrator)(), NO_LIMIT), *LoopLag(FakeClock()).read()]


def store_page() -> list[Metric]:
    """After a call that failed and one that told everything."""
    memory = Memory([HEARTBEAT], FakeClock())
    memory.note(HEARTBEAT, Sung(0.01, reason=Reason.PARTIAL))
    memory.note(HEARTBEAT, Sung(0.01, 1.0))
    memory.note_start(1.0)
    memory.note_series(1.0)
    return memory.read()


def remediator_page() -> list[Metric]:
    place = ("h1", "arn", "r1")
    now = Now(
        now=0.0, assigned=((*place, "p"),), verdicts={place: VerdictKind.ALIVE}, holds={("p", "none"): 0},
        modes={"p": "auto"}, alerts=(("A", "firing", *place),),
        weights={"p": 1.0},
    )  # fmt: skip
    telemetry = Telemetry(VERSION, lambda: now)
    telemetry.decided("p", "a", "act")
    telemetry.operated("v", "done")
    telemetry.evaluated("g", 0.0, failed=False)
    telemetry.add(evaluation())
    telemetry.add(Alerts())
    telemetry.add(PeopleMeters(Fleet, lambda: ["p"], UnmovedClock(NOON)))
    return list(text_string_to_metric_families(telemetry.page().decode()))


def evaluation() -> Evaluation:
    """Rules at work, one of which has failed."""
    group = Group("g", "f", timedelta(seconds=1), (Rule("g", "A", "x"),))
    clock, store = UnmovedClock(NOON), FakeStore()
    store.fail("x", StoreError("no"))
    nowhere = Path()
    settings = Settings(data=nowhere, rules=nowhere, hosts=nowhere)
    gate = Gate(open=False, reason="", since=NOON)
    made = Evaluation([group], store, Ledger(MemoryJournal()), clock, lambda: gate, settings)
    asyncio.run(made.evaluator.run_group(group_key(group), NOON))
    return made


class Alerts(Collector):
    """Alerts coming in and going out to one Alertmanager."""

    place = "p"

    async def post(self, body: bytes) -> None:
        """To nobody."""

    def collect(self) -> Iterable[Metric]:
        clock = UnmovedClock(NOON)
        return alert_metrics(Intake(Ledger(MemoryJournal()), clock, Senders(())), [Outlet(self, clock)], 0)


def rows(families: Iterable[Metric]) -> list[str]:
    """One line of the table for each family, in the order of their names."""
    return sorted({_row(family) for family in families if isinstance(family, Family) or family.samples})


def _row(family: Metric) -> str:
    labels = sorted(set(_labels(family)) - {"le", "quantile"})
    name = f"{family.name}_total" if family.type == "counter" else family.name
    shown = ", ".join(f"`{label}`" for label in labels)
    return f"| `{name}` | {family.type} | {shown} | {family.documentation} |"


def _labels(family: Metric) -> Iterable[str]:
    if isinstance(family, Family):
        return family.labels
    return [label for sample in family.samples for label in sample.labels]


def page() -> str:
    """The whole document."""
    pages = {
        "host": ("`fleetmend-exporter host disk`", host_page(), HOST_NOTE),
        "probe": ("`fleetmend-exporter probe`", probe_page(), ""),
        "orchestrator": ("`fleetmend-exporter orchestrator`", orchestrator_page(), ORCHESTRATOR_NOTE),
        "store": ("`fleetmend-exporter store`", store_page(), ""),
        "remediator": ("the remediator's own `/metrics`", remediator_page(), ""),
    }
    parts = [HEAD, *_table(every_page())]
    for job, (source, families, note) in pages.items():
        parts += [f"## Job `{job}`: {source}\n", *([note] if note else []), *_table(families)]
    return "\n".join([*parts, TAIL])


def _table(families: Iterable[Metric]) -> list[str]:
    return ["| name | type | labels | meaning |\n|---|---|---|---|", *rows(families), ""]


if __name__ == "__main__":
    print(page())
