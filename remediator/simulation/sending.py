"""The outbox without tasks: what is due goes to the world at once, and its end comes back as a message."""

from collections.abc import Callable
from datetime import datetime

from remediator.clock import Clock
from remediator.model.errors import TransientError
from remediator.model.fleet import Fleet
from remediator.model.machine import Machine
from remediator.model.request import Operation
from remediator.runtime.agents.door import Agents
from remediator.runtime.effects import outcomes
from remediator.runtime.effects.outbox import Outbox
from remediator.runtime.ledger import Ledger
from remediator.runtime.machines import lending
from remediator.simulate.world.judge import Ended, Mark, Send
from remediator.simulation.keeping import Doom, at_once


class Sender(Outbox):
    """Same rules as its parent about what is due; one command of a key is under way at a time."""

    def __init__(
        self, ledger: Ledger, agents: Agents, clock: Clock, send: Send, doom: Doom, known: Callable[[], Fleet]
    ) -> None:
        self._ledger = ledger
        self._agents = agents
        self._clock = clock
        self._out = send
        self._doom = doom
        self._known = known
        self._under_way: dict[str, datetime] = {}
        self._sequence = 0

    @property
    def waits(self) -> bool:
        return bool(self._under_way)

    def send_due(self, reachable: frozenset[str], frozen: str, now: datetime) -> None:
        for operation in self.due(reachable, frozen, now):
            self._doom.meets("before_send")
            self._give(operation)
            self._doom.meets("after_send")

    def _flies(self, operation: Operation) -> bool:
        return self._under_way.get(operation.key) == operation.written_at

    def _give(self, operation: Operation) -> None:
        if operation.verb == lending.VERB and not at_once(self._last_look(operation)):
            return
        self._under_way[operation.key] = operation.written_at
        self._sequence += 1
        mark = Mark(self._agents.term(), self._sequence, self._agents.epoch_of(operation.host))
        self._out(self._completed(operation), mark)

    async def _last_look(self, operation: Operation) -> bool:
        """In a commit of its own before the call, as the real outbox prepares it."""
        now = self._clock.now()
        async with self._ledger.writing() as draft:
            try:
                why = lending.about_to_ask(operation, self._known(), draft, now)
            except TransientError as waits:
                outcomes.postponed(operation, str(waits), draft, now)
                return False
            if why:
                outcomes.failed(operation, why, draft, now)
        return not why

    def _completed(self, operation: Operation) -> Operation:
        """A create carries the shape of its machine, as the sealed config would."""
        made = self._ledger.get(Machine, operation.machine)
        if operation.verb == "create" and made is not None:
            operation.args.setdefault("guest", made.config.get("guest") or {})
        return operation

    async def ended(self, key: str, seconds: float) -> Operation:  # noqa: ARG002
        """Nobody waits in virtual time: it is accepted and under way."""
        known = self._ledger.get(Operation, key)
        if known is not None and not known.open:
            return known
        raise TransientError("it is accepted and under way, but did not end in time")

    def came_back(self, ended: Ended, now: datetime) -> None:
        """The outcome of a command, recorded as the real outbox does."""
        self._doom.meets("before_outcome")
        written = self._under_way.pop(ended.key, None)
        operation = self._ledger.get(Operation, ended.key)
        if operation is None or not operation.open or written not in (None, operation.written_at):
            return
        at_once(self._record(operation, ended, now))

    async def _record(self, operation: Operation, ended: Ended, now: datetime) -> None:
        async with self._ledger.writing() as draft:
            if ended.again:
                outcomes.postponed(operation, ended.error, draft, now)
            elif ended.error:
                outcomes.failed(operation, ended.error, draft, now)
            else:
                outcomes.succeeded(operation, ended.value, draft, now)


class Uncounted:
    """Counts nothing: a run is judged by its record."""

    def decided(self, playbook: str, action: str, outcome: str) -> None: ...

    def ticked(self, seconds: float) -> None: ...

    def operated(self, verb: str, result: str) -> None: ...
