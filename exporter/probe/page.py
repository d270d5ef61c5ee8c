"""The prober's page: what it saw of each target, and its own health."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import overload

from prometheus_client.metrics_core import Metric

from exporter.clock import Clock
from exporter.families import Family, Piece, Row, gauge
from exporter.probe.finding import EXTRAS, Finding, Value
from exporter.probe.outcome import Outcome
from exporter.probe.prober import Prober
from exporter.probe.sources import Kept, build_source_families
from exporter.probe.target import Check
from exporter.probe.wire import Health, Result, Target
from exporter.render import encode, render_lines

SUBJECT = ("host", "region", "rack")
OUTCOMES = tuple(Outcome)
SILENT = "Whether nobody answered the last probe at all: the one outcome that counts towards dead."
# Targets that are written at one go: a few milliseconds, for probes wait meanwhile.
CHUNK = 50
MOST_WAITING_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Seen:
    """One target's newest: the values of its labels, how it ended, in how many seconds, and what else was seen.

    Only an ``assigned`` one is a vote on a host.
    """

    where: tuple[str, ...]
    outcome: Outcome
    seconds: float
    values: Sequence[Value] = ()
    assigned: bool = False


class Sheet:
    """A page's families, which grow by some targets at a time; their lines are written as they come."""

    def __init__(self, labels: Sequence[str]) -> None:
        about = [
            ("probe_success", "Displays whether or not the probe was a success", labels),
            ("probe_duration_seconds", "Returns how long the probe took to complete in seconds", labels),
            ("probe_outcome", "How the last probe ended: 1 for the outcome it had.", (*labels, "outcome")),
            ("probe_silent", SILENT, SUBJECT),
            *((name, one.text, (*labels, one.label) if one.label else labels) for name, one in EXTRAS.items()),
        ]
        self._families = {name: Family(name, text, "gauge", names, []) for name, text, names in about}
        self._seen: list[Seen] = []
        self._counts: defaultdict[str, int] = defaultdict(int)
        self._lines: defaultdict[str, list[str]] = defaultdict(list)

    def add(self, chunk: Sequence[Seen]) -> None:
        self._seen += chunk
        for name, rows in build_rows(chunk).items():
            self._counts[name] += len(rows)
            self._lines[name].append(render_lines(self._families[name], rows))

    def families(self) -> list[Metric]:
        """Those that have rows, each in a piece that is written already."""
        for name, lines in self._lines.items():
            rows = Rows(name, self._seen, self._counts[name])
            self._families[name].pieces = [Piece(rows, lasting=True, text=encode("".join(lines)))]
        return [family for family in self._families.values() if family.pieces]


class Rows(Sequence[Row]):
    """One family's rows, made again if anybody asks: the page has the lines, and kept rows are ten times as large."""

    def __init__(self, name: str, seen: Sequence[Seen], count: int) -> None:
        self._name = name
        self._seen = seen
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Row]:
        return iter(build_rows(self._seen)[self._name])

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...

    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        return build_rows(self._seen)[self._name][index]


def build_rows(seen: Sequence[Seen]) -> Mapping[str, list[Row]]:
    """By the names of their families."""
    rows: defaultdict[str, list[Row]] = defaultdict(list)
    for one in seen:
        where, outcome = one.where, one.outcome
        rows["probe_success"].append((where, 1.0 if outcome is Outcome.OK else 0.0))
        rows["probe_duration_seconds"].append((where, one.seconds))
        rows["probe_outcome"] += [((*where, each), 1.0 if each is outcome else 0.0) for each in OUTCOMES]
        if one.assigned:
            rows["probe_silent"].append((where[: len(SUBJECT)], 1.0 if outcome is Outcome.SILENT else 0.0))
        for name, extra, value in one.values:
            rows[name].append(((*where, extra) if extra else where, value))
    return rows


def choose_labels(own: Sequence[tuple[Check, Finding]]) -> tuple[str, ...]:
    """The remediator's, and whatever our own targets have; one that a target has not is empty there."""
    return (*SUBJECT, *sorted({name for check, _ in own for name, _ in check.labels} - set(SUBJECT)))


def see_result(result: Result, labels: Sequence[str]) -> Seen:
    target: Target = result.target
    where = (target.host, target.region, target.rack, *("",) * (len(labels) - len(SUBJECT)))
    return Seen(where, result.outcome, result.seconds, assigned=True)


def see_finding(check: Check, finding: Finding, labels: Sequence[str]) -> Seen:
    known = dict(check.labels)
    where = tuple([known.get(name, "") for name in labels])
    return Seen(where, finding.outcome, finding.seconds, finding.values)


def build_result_families(results: Sequence[Result], own: Sequence[tuple[Check, Finding]] = ()) -> list[Metric]:
    """What came of the remediator's targets, and of our own."""
    labels = choose_labels(own)
    sheet = Sheet(labels)
    sheet.add([see_result(one, labels) for one in results])
    sheet.add([see_finding(check, one, labels) for check, one in own])
    return sheet.families()


def build_finding_families(finding: Finding) -> list[Metric]:
    """Of a target that was asked for alone: without labels, as blackbox_exporter has it."""
    sheet = Sheet(())
    sheet.add([Seen((), finding.outcome, finding.seconds, finding.values)])
    return sheet.families()


def build_health_families(health: Health, now: float) -> list[Metric]:
    return [
        gauge(
            "probe_vantage_loop_lag_seconds",
            "The longest that this prober's own timers were late in its last round.",
            health.loop_lag,
        ),
        gauge(
            "probe_vantage_gateway_ok", "Whether this prober's own way out is open.", float(health.gateway == "ok")
        ),
        gauge(
            "probe_vantage_heartbeat_timestamp_seconds",
            "When this prober last finished a round, by its own clock, in unix seconds.",
            now,
        ),
    ]


class ProbePage:
    """Made in the loop's own thread, a little at a time.

    A thread that computes takes the interpreter from the engine at every one of its calls into the kernel, and gives
    it back milliseconds later: for as long as a page of thousands of targets takes, hardly a probe would be on time.
    """

    def __init__(self, prober: Prober, clock: Clock, kept: Sequence[Kept] = ()) -> None:
        self._prober = prober
        self._clock = clock
        self._kept = kept
        self._until = 0.0

    def read(self) -> list[Metric]:
        """Called in a thread, which only waits."""
        loop = self._prober.loop
        if loop is None:
            return asyncio.run(self.build())
        return asyncio.run_coroutine_threadsafe(self.build(), loop).result()

    async def build(self) -> list[Metric]:
        results, own = self._prober.watch.fresh_results(), self._prober.own.fresh()
        labels = choose_labels(own)
        sheet = Sheet(labels)
        self._until = self._clock.monotonic() + MOST_WAITING_SECONDS
        for begin in range(0, len(results), CHUNK):
            sheet.add([see_result(one, labels) for one in results[begin : begin + CHUNK]])
            await self._let_probes_begin()
        for begin in range(0, len(own), CHUNK):
            sheet.add([see_finding(check, one, labels) for check, one in own[begin : begin + CHUNK]])
            await self._let_probes_begin()
        finished = self._clock.now() - (self._clock.monotonic() - self._prober.round_ended)
        return [
            *sheet.families(),
            *build_health_families(self._prober.health, finished),
            *self._prober.meters.families(),
            *build_source_families(self._kept),
        ]

    async def _let_probes_begin(self) -> None:
        """Those that are late come first, but for a prober that is never on time there must be a page too."""
        await asyncio.sleep(0)
        # At each pass of the loop some more have begun: there is no event that would say so.
        while self._prober.is_late() and self._clock.monotonic() < self._until:  # noqa: ASYNC110
            await asyncio.sleep(0)
