"""The targets of this prober's own lists, each asked in the interval of its module."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from exporter.clock import Clock
from exporter.probe.ask import Asker, Asking
from exporter.probe.finding import Finding
from exporter.probe.meters import Meters
from exporter.probe.names import choose, numeric
from exporter.probe.schedule import Ring
from exporter.probe.target import Check

STALE_INTERVALS = 3
Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Ready:
    """A check, with the address that it is asked at: empty where its name has none."""

    check: Check
    address: str
    asking: Asking

    @property
    def key(self) -> str:
        return f"{self.check.target}/{self.check.labels}"


class Own:
    """Holds the newest finding of each check."""

    def __init__(self, name: str, asker: Asker, meters: Meters, clock: Clock) -> None:
        self._name = name
        self._asker = asker
        self._meters = meters
        self._clock = clock
        # By their labels, which are the series that they will be: no two are the same.
        self._ready: dict[Labels, Ready] = {}
        self._rings: dict[float, Ring[Ready]] = {}
        self._findings: dict[Labels, Finding] = {}

    def __len__(self) -> int:
        return len(self._ready)

    def assign(self, checks: Sequence[Check], addresses: Callable[[str], Iterable[str] | None]) -> None:
        """These and no others from now on. ``addresses`` is None for a name that is still looked up."""
        ready = [self._prepare(check, addresses) for check in checks]
        self._ready = {one.check.labels: one for one in ready if one is not None}
        self._findings = {labels: one for labels, one in self._findings.items() if labels in self._ready}
        by_interval: dict[float, list[Ready]] = {}
        for one in self._ready.values():
            by_interval.setdefault(one.check.module.interval, []).append(one)
        self._rings = {interval: self._build_ring(interval, jobs) for interval, jobs in by_interval.items()}

    def _prepare(self, check: Check, addresses: Callable[[str], Iterable[str] | None]) -> Ready | None:
        host, module = check.place.host, check.module
        found = (numeric(host),) if numeric(host) else addresses(host)
        if found is None:
            return None
        address, known = choose(found, prefer_ip6=module.prefer_ip6), self._ready.get(check.labels)
        if known is not None and known.address == address and known.check == check:
            return known
        return Ready(check, address, self._asker.make(check, address, min(module.timeout, module.interval)))

    def _build_ring(self, interval: float, jobs: Sequence[Ready]) -> Ring[Ready]:
        now, before = self._clock.monotonic(), self._rings.get(interval)
        return Ring(interval, self._name, jobs, before.position(now) if before else now / interval)

    def launch(self, now: float, most: int) -> int:
        """Begin what is due, ``most`` at once; how many that was."""
        count = 0
        for ring in self._rings.values():
            for job, planned in ring.due(now, most - count):
                self._meters.began(max(0.0, self._clock.monotonic() - planned))
                self._begin(job)
                count += 1
            self._meters.skipped += ring.take_skipped()
        return count

    def _begin(self, job: Ready) -> None:
        def told(finding: Finding) -> None:
            self._meters.ended(finding.outcome)
            if job.check.labels in self._ready:
                self._findings[job.check.labels] = finding

        job.asking.begin(told)

    def next_due(self) -> float:
        return min((ring.next_due() for ring in self._rings.values()), default=float("inf"))

    def fresh(self) -> list[tuple[Check, Finding]]:
        """Findings not older than three intervals of their module."""
        now, ready = self._clock.monotonic(), self._ready
        # The page asks from another thread: a list of the items is made in one step.
        known = [(ready[labels].check, one) for labels, one in list(self._findings.items()) if labels in ready]
        return [(check, one) for check, one in known if now - one.at <= STALE_INTERVALS * check.module.interval]
