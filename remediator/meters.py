"""What our own metrics page says: counters kept by the parts, and what is so at the moment of a scrape."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from remediator.drivers.embedded import EmbeddedDriver
from remediator.engine.whatif import Outlook
from remediator.model.alert import Alert, AlertState
from remediator.model.request import Operation
from remediator.runtime.agents.watch import Watch
from remediator.runtime.ledger import Ledger
from remediator.runtime.loop import Loop
from remediator.sources.evaluator import Evaluator
from remediator.sources.store_health import StoreHealth
from remediator.telemetry import PLACE, Reading, Telemetry


@dataclass(frozen=True, slots=True)
class Measured:
    """The parts that the page tells of."""

    ledger: Ledger
    watch: Watch
    loop: Loop
    driver: EmbeddedDriver
    evaluator: Evaluator
    health: StoreHealth
    outlook: Callable[[], Outlook] = Outlook
    written_back: Callable[[], bool] = bool

    def reading(self, now: float) -> Reading:
        """What is so now; ``now`` in unix seconds."""
        fleet = self.watch.fleet()
        hosts = fleet.hosts
        return Reading(
            now=now,
            gate_open=self.watch.gate.open,
            frozen=bool(self.watch.frozen),
            assigned=tuple(
                (name, hosts[name].region, hosts[name].rack, vote.vantage)
                for name, sighting in fleet.sightings.items()
                for vote in sighting.votes
            ),
            verdicts={
                (name, hosts[name].region, hosts[name].rack): verdict.kind
                for name, verdict in fleet.verdicts.items()
                if name in hosts
            },
            holds=self._holds(),
            modes={name: playbook.mode.value for name, playbook in self.loop.rules.policy.playbooks.items()},
            # Where nothing is written back, dashboards find the alerts on our page instead.
            alerts=() if self.written_back() else _alerts(fleet.alerts),
            operations_open=sum(1 for operation in self.ledger.all(Operation).values() if operation.open),
            agents_connected=self.driver.connected,
            vantages_reporting=self.watch.reporting(),
            weights=self.watch.evidence.weights,
            can_act=tuple((fate.host, fate.region, fate.rack, fate.blocker) for fate in self.outlook().fates),
        )

    def _holds(self) -> Mapping[tuple[str, str], int]:
        """Every playbook has a series, so that a hold is seen to begin and to end."""
        counted = Counter((hold.playbook, hold.reason) for hold in self.loop.holds.values())
        return {(name, "none"): 0 for name in self.loop.rules.policy.playbooks} | dict(counted)


def _alerts(alerts: Iterable[Alert]) -> tuple[tuple[str, str, str, str, str], ...]:
    """One row for each label set: alerts that differ in other labels only are one to the dashboards."""
    shown = [alert for alert in alerts if alert.state is not AlertState.RESOLVED]
    rows = {(a.name, a.state.value, *(a.labels.get(label, "") for label in PLACE)) for a in shown}
    return tuple(sorted((name, state, host, region, rack) for name, state, host, region, rack in rows))


@dataclass(slots=True)
class Totals:
    """Totals that parts keep, carried over into counters by their growth since the last page."""

    measured: Measured
    telemetry: Telemetry
    _seen: Counter[tuple[str, str]] = field(default_factory=Counter)

    def carry_over(self) -> None:
        for key, report in self.measured.evaluator.reports().items():
            runs = self._grown("evaluations", key, report.evaluations)
            failures = self._grown("failures", key, report.failures)
            for run in range(max(runs, failures)):
                self.telemetry.evaluated(key, report.seconds, failed=run < failures)
            self.telemetry.missed(key, self._grown("missed", key, report.missed))
        self.telemetry.journalled(self._grown("journal", "", self.measured.ledger.count()))
        self.telemetry.canary_seen(self.measured.health.seconds)
        for _ in range(self._grown("canary", "", self.measured.health.failures)):
            self.telemetry.canary_failed()

    def _grown(self, what: str, key: str, total: int) -> int:
        growth = total - self._seen[what, key]
        self._seen[what, key] = total
        return growth
