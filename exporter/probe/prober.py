"""The prober's loop: begins what is due, lets the engine drive it, and tells when there is something to tell."""

import asyncio
from collections.abc import Callable, Iterable, Sequence

from exporter.clock import Clock
from exporter.loop_lag import LoopLag
from exporter.probe.ask import Asker
from exporter.probe.assigned import Watch
from exporter.probe.engine import Engine
from exporter.probe.meters import Meters
from exporter.probe.names import Names, numeric
from exporter.probe.own import Own
from exporter.probe.target import Check
from exporter.probe.wire import Assignment, Health

# To ask more often would cost the probes time.
LAG_TICK_SECONDS = 0.05
# The shortest sleep, for a wake-up costs as much as a probe, and the longest.
TICK_SECONDS = 0.002
IDLE_SECONDS = 0.05
# Probes begun at one go, before answers are looked at again.
BATCH = 50
LATE_SECONDS = 0.01
# Of an interval: changes are told as soon as they are seen, but not more often than this.
NEWS_PART = 0.1


class Prober:
    """Holds what is to be asked, what came of it, and the prober's own health, which is looked at once a round."""

    def __init__(self, name: str, clock: Clock, check_gateway: Callable[[], str]) -> None:
        self._clock = clock
        self._check_gateway = check_gateway
        self._lag = LoopLag(clock, LAG_TICK_SECONDS)
        self._checks: Sequence[Check] = ()
        self._told_at = clock.monotonic()
        self.meters = Meters()
        self.engine = Engine(clock.monotonic)
        self.asker = Asker(self.engine, clock)
        self.names = Names(clock)
        self.watch = Watch(name, self.engine, self.meters, clock)
        self.own = Own(name, self.asker, self.meters, clock)
        self.health = Health()
        self.round_ended = clock.monotonic()
        self.loop: asyncio.AbstractEventLoop | None = None

    def assign(self, assignment: Assignment) -> None:
        """The remediators' targets from now on."""
        if assignment != self.watch.assignment:
            self.watch.assign(assignment, self._known_addresses)
            self._want_names()

    def check(self, checks: Sequence[Check]) -> None:
        """Our own targets from now on."""
        self._checks = checks
        self.own.assign(checks, self.names.addresses.get)
        self._want_names()

    def _known_addresses(self, name: str) -> Iterable[str]:
        return self.names.addresses.get(name, ())

    def _want_names(self) -> None:
        hosts = {target.address for target in self.watch.assignment.targets}
        hosts |= {check.place.host for check in self._checks}
        self.names.want(host for host in hosts if not numeric(host))

    def _names_changed(self) -> None:
        self.watch.assign(self.watch.assignment, self._known_addresses)
        self.own.assign(self._checks, self.names.addresses.get)

    async def run(self, on_news: Callable[[], None]) -> None:
        """Probe for ever; ``on_news`` is called at the end of each round, and soon after an outcome has changed."""
        loop = self.loop = asyncio.get_running_loop()
        self.engine.attach(loop)
        try:
            async with asyncio.TaskGroup() as helpers:
                helpers.create_task(self._lag.run())
                helpers.create_task(self.names.run(self._names_changed))
                await self._go_round(on_news)
        finally:
            self.loop = None
            self.engine.detach(loop)
            self.asker.close()

    async def _go_round(self, on_news: Callable[[], None]) -> None:
        while True:
            busy = self._step()
            if self._has_news():
                on_news()
            await self._clock.sleep(0.0 if busy else self._pause())

    def _step(self) -> bool:
        """Begin what is due; whether there is more."""
        self.engine.turn()
        now = self._clock.monotonic()
        begun = self.watch.launch(now, BATCH)
        begun += self.own.launch(now, BATCH - begun)
        return begun >= BATCH

    def _has_news(self) -> bool:
        now, interval = self._clock.monotonic(), self.watch.interval
        if now - self.round_ended >= interval:
            # A round that came late is not made up for: the next one begins on its own time.
            self.round_ended = max(self.round_ended + interval, now - interval / 2)
            self.health = Health(self._lag.take(), self._check_gateway())
        elif not (self.watch.changed and now - self._told_at >= NEWS_PART * interval):
            return False
        self._told_at = now
        self.watch.changed = False
        return True

    def is_late(self) -> bool:
        """Whether a probe's turn has come and it has not begun: what else there is to do can wait."""
        return self._clock.monotonic() - min(self.watch.ring.next_due(), self.own.next_due()) > LATE_SECONDS

    def _pause(self) -> float:
        now = self._clock.monotonic()
        due = min(self.watch.ring.next_due(), self.own.next_due(), self.engine.next_deadline())
        due = min(due, self.round_ended + self.watch.interval)
        if self.watch.changed:
            due = min(due, self._told_at + NEWS_PART * self.watch.interval)
        return min(IDLE_SECONDS, max(TICK_SECONDS, due - now))
