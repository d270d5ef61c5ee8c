"""How long the event loop was kept from its work: while it is, nobody is answered."""

from prometheus_client.metrics_core import Metric

from exporter.clock import Clock
from exporter.families import gauge

STEP = 0.01


class LoopLag:
    """Wakes up every ``step`` seconds and sees how much later than wanted it is."""

    def __init__(self, clock: Clock, step: float = STEP) -> None:
        self._clock = clock
        self._step = step
        self._longest = 0.0

    async def run(self) -> None:
        while True:
            slept = self._clock.monotonic()
            await self._clock.sleep(self._step)
            self._longest = max(self._longest, self._clock.monotonic() - slept - self._step)

    def take(self) -> float:
        """The longest lag since it was last taken, in seconds."""
        longest, self._longest = self._longest, 0.0
        return longest

    def read(self) -> list[Metric]:
        text = "Longest time since the last scrape that the event loop was kept from its work."
        return [gauge("fleetmend_exporter_loop_lag_seconds_max", text, self.take())]
