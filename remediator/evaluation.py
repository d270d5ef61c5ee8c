"""Rules at work, wired once: the evaluator, its schedule, what it writes back, and what is kept of its alerts."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from remediator.clock import Clock
from remediator.engine.evidence.verdicts import EvidenceTimes
from remediator.model.alert import Group, KeptAlert
from remediator.model.enrolment import Term
from remediator.model.evidence import Gate
from remediator.runtime.alerts.keeper import AlertKeeper
from remediator.runtime.ledger import Ledger
from remediator.settings import Settings
from remediator.sources.evaluate import Outcome
from remediator.sources.evaluator import Evaluator
from remediator.sources.results import Queries
from remediator.sources.rounds import NOWHERE_TO_WRITE
from remediator.sources.schedule import Schedule
from remediator.sources.slots import group_key
from remediator.sources.views import GroupView
from remediator.sources.write_back import WriteBack
from remediator.templates.template import Outside

# Groups that block on the store beside each other: more only queue up in the store.
THREADS = 4
# Rules with an outcome other than ok that the page lists one by one; the others are counted.
LISTED = 200


class Evaluation(Collector):
    """``gate`` is read at each slot, after the queries of each rule."""

    def __init__(
        self,
        groups: Iterable[Group],
        store: Queries,
        ledger: Ledger,
        clock: Clock,
        gate: Callable[[], Gate],
        settings: Settings,
        page: str = "",
    ) -> None:
        url = settings.store_url if settings.store_write_url is None else settings.store_write_url
        self.write_back = WriteBack(url, settings.store_timeout, settings.store_token_file) if url else None
        # Threads of their own: a store that hangs must not starve anything else.
        threads = ThreadPoolExecutor(THREADS, "rules")
        receiver, outside = self.write_back or NOWHERE_TO_WRITE, Outside(external_url=page)
        self.evaluator = Evaluator(groups, store, clock, gate, threads, receiver, outside)
        self.schedule = Schedule(self.evaluator, clock, spread=settings.evaluation_jitter)
        self._keeper = AlertKeeper(ledger, self.evaluator, clock)
        self._ledger = ledger

    def restore(self, before: Term | None, now: datetime) -> None:
        """Show what earlier lives have kept, given the term ``before`` ours."""
        away = now - (before.seen or before.began) if before else timedelta()
        self.evaluator.restore(self._ledger.all(KeptAlert).values(), max(away, timedelta()))

    async def run(self) -> None:
        """For ever."""
        await asyncio.gather(self.schedule.run(), self._keeper.run())

    async def close(self) -> None:
        """Send what is still to be written."""
        if self.write_back:
            await asyncio.to_thread(self.write_back.close)

    @property
    def written_back(self) -> bool:
        """Whether the store holds ALERTS by our own writing."""
        return self.write_back is not None and not self.write_back.refused

    def collect(self) -> Iterable[Metric]:
        """For our own page."""
        yield from _outcomes(self.evaluator.views())
        if self.write_back:
            yield from _written(self.write_back)


def _outcomes(groups: Iterable[GroupView]) -> Iterator[Metric]:
    rules = [(group_key(view.group), each.rule.name, each.outcome) for view in groups for each in view.rules]
    counted = Counter(outcome for _, _, outcome in rules)
    total = GaugeMetricFamily("fleetmend_rules", "Rules by what came of their last evaluation.", labels=["outcome"])
    for outcome in Outcome:
        total.add_metric([outcome], counted[outcome])
    yield total
    text = f"Rules that could not tell sick from healthy: no_data, error; the first {LISTED} of them."
    listed = GaugeMetricFamily("fleetmend_rule_outcome", text, labels=["group", "rule", "outcome"])
    troubled = {each for each in rules if each[2] in (Outcome.NO_DATA, Outcome.ERROR)}
    for labels in sorted(troubled)[:LISTED]:
        listed.add_metric(labels, 1)
    yield listed


def _written(write_back: WriteBack) -> Iterator[Metric]:
    totals = {
        "samples": ("Samples of alerts and recorded series that the store took.", write_back.written),
        "dropped_samples": ("Such samples that it refused, or that were too old to wait.", write_back.dropped),
        "failures": ("Writes that were not taken, at each try.", write_back.failures),
    }
    for name, (text, value) in totals.items():
        yield CounterMetricFamily(f"fleetmend_write_back_{name}", text, value=value)


def evidence_times(settings: Settings) -> EvidenceTimes:
    """How fast direct evidence comes and goes, as the settings have it."""
    return EvidenceTimes(settings.probe_interval, settings.dead_after, probe_timeout=settings.probe_timeout)
