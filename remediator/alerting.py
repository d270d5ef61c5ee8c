"""What alerts come and go by, wired once: the intake, the notifier, and what our page tells of both."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import aiohttp
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.registry import Collector

from remediator.api.alerts.intake import IntakeApi
from remediator.api.alerts.prometheus import PrometheusApi
from remediator.api.requests import Endpoint
from remediator.clock import Clock
from remediator.model.alert import Alert, AlertState
from remediator.model.evidence import Gate
from remediator.model.received import Teller
from remediator.runtime.alerts.hearsay import ECHO
from remediator.runtime.alerts.intake import Intake, joined
from remediator.runtime.alerts.notifier import Notifier, NotifySettings
from remediator.runtime.alerts.outlet import Outlet
from remediator.runtime.alerts.senders import Senders
from remediator.runtime.ledger import Ledger
from remediator.runtime.loop import Loop
from remediator.settings import Settings
from remediator.sources.alertmanager import Alertmanager
from remediator.sources.evaluator import Evaluator

log = logging.getLogger("fleetmend.intake")
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Around:
    """The parts that alerts pass by."""

    ledger: Ledger
    evaluator: Evaluator
    loop: Loop
    clock: Clock
    session: aiohttp.ClientSession
    gate: Callable[[], Gate]


class Alerting(Collector):
    """Alerts of our own rules and those of others, in one place; what others' evaluators tell us goes on too."""

    def __init__(self, intake: Intake, around: Around, settings: Settings) -> None:
        self.intake = intake
        self._evaluator = around.evaluator
        self.gate = around.gate
        self._seen: list[object] = []
        _warn_of_unknown(settings, around.loop.rules.policy.playbooks)
        self.notifier = Notifier(
            self,
            around.loop,
            around.ledger,
            [Outlet(Alertmanager(around.session, each), around.clock) for each in settings.alertmanagers],
            around.clock,
            NotifySettings(external_url(settings), settings.notify == "after_playbook", settings.notify_within),
        )

    async def run(self) -> None:
        """For ever."""
        await asyncio.gather(self.intake.run(), self.notifier.run())

    def endpoints(self, version: str) -> list[Endpoint]:
        """Where alerts come in, and where they are listed."""
        listed = PrometheusApi(self._evaluator.views, self.intake.alerts, version)
        return [*IntakeApi(self.intake).endpoints(), *listed.endpoints()]

    def collect(self) -> Iterable[Metric]:
        """For our own page; each counter is there from the start."""
        yield from alert_metrics(self.intake, self.notifier.outlets, self.notifier.held)

    def has_news(self) -> bool:
        """A rule whose elements are the very same has none; what is received is counted."""
        counts = self.intake.counts
        told = counts["new"] + counts["resolved"] + counts["expired"]
        now: list[object] = [told, *(state.elements for _, state in self._evaluator.states())]
        before, self._seen = self._seen, now
        return (
            len(now) != len(before)
            or now[0] != before[0]
            or any(a is not b for a, b in zip(now, before, strict=True))
        )

    def to_tell(self) -> Iterator[tuple[Alert, timedelta]]:
        """Each alert with its rule's interval. Alertmanager and Grafana tell people themselves."""
        rules = [(rule, view.group.interval) for view in self._evaluator.views() for rule in view.rules]
        own = [(alert, interval) for rule, interval in rules for alert in rule.alerts]
        yield from own
        ours = {alert.fingerprint for alert, _ in own if alert.state is not AlertState.RESOLVED}
        for alert in self.intake.alerts():
            comes_back = ECHO in alert.annotations
            if alert.source == Teller.EVALUATOR and not comes_back and alert.fingerprint not in ours:
                yield alert, _SECOND


def _warn_of_unknown(settings: Settings, playbooks: Iterable[str]) -> None:
    """A sender that may ask for what is not there: a slip of the pen, or a playbook that is yet to come."""
    for entry in settings.intake:
        for name in set(entry.playbooks).difference(playbooks):
            log.warning("intake: %s may ask for playbook %r, which there is not", entry.token_file.name, name)


def build_intake(ledger: Ledger, clock: Clock, settings: Settings) -> Intake:
    return Intake(ledger, clock, Senders(settings.intake))


def all_alerts(evaluator: Evaluator, intake: Intake) -> tuple[Alert, ...]:
    """What the fleet carries."""
    return joined(evaluator.alerts(), intake.alerts())


def external_url(settings: Settings) -> str:
    """Where people find our page: as it is set, or the first listener that has an address."""
    places = [place.strip() for place in settings.listen.split(",") if not place.strip().startswith("fd:")]
    scheme = "https" if settings.web.tls else "http"
    return settings.external_url or f"{scheme}://{places[0] if places else '127.0.0.1'}"


def alert_metrics(intake: Intake, outlets: Iterable[Outlet], held: int) -> Iterator[Metric]:
    """What came in, what went out, and how many pages wait."""
    yield from _intake_metrics(intake)
    yield from _outlet_metrics(outlets)
    text = "Alerts whose page waits for a playbook."
    yield GaugeMetricFamily("fleetmend_notifications_held", text, value=held)


def _intake_metrics(intake: Intake) -> Iterator[Metric]:
    alerts = CounterMetricFamily(
        "fleetmend_intake_alerts", "Alerts posted to us, by what they were.", labels=["kind"]
    )
    for kind in ("new", "repeated", "resolved", "expired", "refused", "truncated"):
        alerts.add_metric([kind], intake.counts[kind])
    yield alerts
    yield GaugeMetricFamily("fleetmend_intake_standing", "Received alerts that are kept.", value=intake.standing)


def _outlet_metrics(outlets: Iterable[Outlet]) -> Iterator[Metric]:
    label = ["alertmanager"]
    sent = CounterMetricFamily("fleetmend_notifications_sent", "Alerts that an Alertmanager took.", labels=label)
    failed = CounterMetricFamily("fleetmend_notifications_failed", "Alerts that it did not take.", labels=label)
    dropped = CounterMetricFamily(
        "fleetmend_notifications_dropped", "Alerts dropped as the oldest of a full queue.", labels=label
    )
    queue = GaugeMetricFamily("fleetmend_notifications_queue_length", "Alerts that wait to be sent.", labels=label)
    seconds = SummaryMetricFamily(
        "fleetmend_notifications_latency_seconds", "How long posts to it took.", labels=label
    )
    for outlet in outlets:
        sent.add_metric([outlet.place], outlet.sent)
        failed.add_metric([outlet.place], outlet.failed)
        dropped.add_metric([outlet.place], outlet.dropped)
        queue.add_metric([outlet.place], outlet.waiting)
        seconds.add_metric([outlet.place], outlet.posts, outlet.seconds)
    yield from (sent, failed, dropped, queue, seconds)
