"""Creates whose clients had no answer when we started: they ask again within seconds.

One without a client's own key is marked ``unanswered`` from the first, and loses the mark once its client was told.
"""

from dataclasses import replace
from datetime import timedelta

from remediator.clock import Clock
from remediator.model.asks import LaunchAsk
from remediator.model.machine import Machine
from remediator.model.request import Operation, Origin
from remediator.runtime.ledger import Draft, Ledger
from remediator.wire.sealing import digest

UNANSWERED = "unanswered"
# A client's tries end long before; whoever asks later wants one more.
ASKED_AGAIN = timedelta(seconds=60)


class Interrupted:
    """Each is found once: what an earlier life of ours, or an earlier leader, had not told the end of."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._left = [
            operation.machine
            for operation in ledger.all(Operation).values()
            if operation.verb == "create" and operation.origin is Origin.OWNER and _unanswered(operation)
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


def answered(draft: Draft, machine_id: str) -> None:
    """Its client was told: whoever asks in the same words from now on wants one more."""
    operation = draft.get(Operation, f"create:{machine_id}")
    if operation is not None and UNANSWERED in operation.args:
        left = {name: value for name, value in operation.args.items() if name != UNANSWERED}
        draft.put(replace(operation, args=left))


def _unanswered(operation: Operation) -> bool:
    return operation.open or UNANSWERED in operation.args
