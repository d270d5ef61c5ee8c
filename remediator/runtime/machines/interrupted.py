"""Creates that were under way when we started: their clients never had an answer, and ask again within seconds."""

from datetime import timedelta

from remediator.clock import Clock
from remediator.model.asks import LaunchAsk
from remediator.model.machine import Machine
from remediator.model.request import Operation, Origin
from remediator.runtime.ledger import Ledger
from remediator.wire.sealing import digest

# A client's tries end long before; whoever asks later wants one more.
ASKED_AGAIN = timedelta(seconds=60)


class Interrupted:
    """Each is found once: what an earlier life of ours, or an earlier leader, was still waiting for."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._left = [
            operation.machine
            for operation in ledger.all(Operation).values()
            if operation.open and operation.verb == "create" and operation.origin is Origin.OWNER
        ]

    def like(self, ask: LaunchAsk) -> str:
        """The id of the machine that was asked for in the very same words; empty where there is none."""
        wanted = digest(ask.config) if self._left else ""
        for machine_id in self._left:
            machine = self._ledger.get(Machine, machine_id)
            if machine is not None and machine.digest == wanted and self._same(machine, ask):
                self._left.remove(machine_id)
                return machine_id
        return ""

    def _same(self, machine: Machine, ask: LaunchAsk) -> bool:
        if not machine.alive or self._clock.now() - machine.created_at > ASKED_AGAIN:
            return False
        named = ask.name in ("", machine.name) and ask.region in ("", machine.region)
        return named and machine.app == ask.app
