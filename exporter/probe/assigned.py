"""The targets that a remediator assigns: whether hosts are alive, as seen from here."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from exporter.clock import Clock
from exporter.probe.attempt import Dial
from exporter.probe.engine import Engine
from exporter.probe.meters import Meters
from exporter.probe.names import choose, numeric
from exporter.probe.outcome import Outcome
from exporter.probe.plan import Plan, plan_target
from exporter.probe.schedule import Ring
from exporter.probe.wire import Assignment, Result, Target

SHORTEST_INTERVAL = 0.05
LONGEST_INTERVAL = 60.0
STALE_INTERVALS = 3


def clamp_interval(assignment: Assignment) -> float:
    """Never a busy loop, whatever was asked for."""
    return min(LONGEST_INTERVAL, max(SHORTEST_INTERVAL, assignment.interval_seconds))


@dataclass(frozen=True, slots=True)
class Assigned:
    """A target made ready; without a plan its name has no address."""

    target: Target
    plan: Plan | None

    @property
    def key(self) -> str:
        return self.target.host


class Watch:
    """Asks each assigned target once in each interval, and keeps the newest result of each."""

    def __init__(self, name: str, engine: Engine, meters: Meters, clock: Clock) -> None:
        self._name = name
        self._engine = engine
        self._meters = meters
        self._clock = clock
        self._ready: dict[Target, Assigned] = {}
        self._results: dict[str, Result] = {}
        self.assignment = Assignment()
        self.interval = clamp_interval(self.assignment)
        self.ring: Ring[Assigned] = Ring(self.interval, name, (), clock.monotonic() / self.interval)
        self.changed = False

    def assign(self, assignment: Assignment, addresses: Callable[[str], Iterable[str]]) -> None:
        """Others from now on; what is known of a target that stays is kept. ``addresses`` are those of a name."""
        now, before = self._clock.monotonic(), self.ring
        interval = clamp_interval(assignment)
        timeout = min(assignment.timeout_seconds, interval)
        if timeout != min(self.assignment.timeout_seconds, self.interval):
            self._ready.clear()
        ready = [self._prepare(target, timeout, addresses) for target in assignment.targets]
        self._ready = {one.target: one for one in ready}
        self._results = {host: one for host, one in self._results.items() if one.target in self._ready}
        self.assignment, self.interval = assignment, interval
        position = before.position(now) * before.interval / interval
        self.ring = Ring(interval, self._name, ready, position)

    def _prepare(self, target: Target, timeout: float, addresses: Callable[[str], Iterable[str]]) -> Assigned:
        known = self._ready.get(target)
        address = numeric(target.address) or choose(addresses(target.address), prefer_ip6=False)
        if known is not None and (known.plan.address[0] if known.plan else "") == address:
            return known
        return Assigned(target, plan_target(target, address, timeout) if address else None)

    def launch(self, now: float, most: int) -> int:
        """Begin what is due, ``most`` at once; how many that was."""
        count = 0
        for job, planned in self.ring.due(now, most):
            self._meters.began(max(0.0, self._clock.monotonic() - planned))
            self._begin(job)
            count += 1
        self._meters.skipped += self.ring.take_skipped()
        return count

    def _begin(self, job: Assigned) -> None:
        target = job.target
        if job.plan is None:
            self.keep(Result(target, Outcome.ERROR_HERE, 0.0, self._clock.monotonic()))
            return

        def done(dial: Dial, outcome: Outcome, now: float) -> None:
            self.keep(Result(target, outcome, now - dial.began, now))

        self._engine.start(Dial(job.plan, done))

    def keep(self, result: Result) -> None:
        """The newest of its target, if that is still ours to watch."""
        self._meters.ended(result.outcome)
        if result.target not in self._ready:
            return
        before = self._results.get(result.target.host)
        self.changed = self.changed or before is None or before.outcome is not result.outcome
        self._results[result.target.host] = result

    def fresh_results(self) -> Sequence[Result]:
        """Results not older than three intervals; none at all from a prober that has stopped."""
        oldest = self._clock.monotonic() - STALE_INTERVALS * self.interval
        # The page asks from another thread: a list of the values is made in one step.
        return [one for one in list(self._results.values()) if one.at >= oldest]
