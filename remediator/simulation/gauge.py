"""The gate and the freeze in a simulated world: the real gate's arithmetic over canaries that the world sings."""

from datetime import datetime, timedelta

from remediator.model.evidence import Gate
from remediator.settings import GateSettings
from remediator.simulate.world.judge import Canary
from remediator.sources.store_health import GateMemory, Reading, closed_at_first, gate_after

LONG = timedelta(days=1)


class StoreGauge:
    """What the loop reads before each look."""

    def __init__(self, now: datetime, *, first: bool) -> None:
        self._settings = GateSettings()
        self._memory = closed_at_first(now, self._settings)
        self.frozen_why = ""
        if first:
            since = now - LONG
            gate = Gate(open=True, reason="", since=since)
            self._memory = GateMemory(gate, self._settings.open_after, since, since, now)

    def gate(self) -> Gate:
        return self._memory.gate

    def frozen(self) -> str:
        return self.frozen_why

    def open_since(self) -> datetime | None:
        gate = self._memory.gate
        return gate.since if gate.open else None

    def read(self, canary: Canary, now: datetime) -> None:
        age = None if canary.age is None else timedelta(seconds=canary.age)
        self._memory = gate_after(self._memory, Reading(now, canary.seconds, age, canary.error), self._settings)

    def skipped(self, now: datetime) -> None:
        """Time that was jumped over held good canaries: nothing was wrong when it began."""
        self._memory = GateMemory(
            self._memory.gate, self._memory.wait, self._memory.good_since, self._memory.opened_at, now
        )
