"""What an operation needs at the moment it is sent, and must not lie in the journal before."""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from remediator.clock import Clock
from remediator.model.enrolment import Enrolment
from remediator.model.errors import PermanentError
from remediator.model.fleet import Fleet
from remediator.model.machine import Event, Machine, Sealed
from remediator.model.request import Operation
from remediator.runtime.agents.enrol import Enrolments
from remediator.runtime.ledger import Ledger
from remediator.runtime.machines.lending import VERB, about_to_ask, is_here

# The kind of its events and of its entries in the journal.
UNSEALED = "unsealed"


class Unseals(Protocol):
    """The unsealing process: a sealed copy in, the config sealed for the target agent and its digest out."""

    async def unseal(self, envelope: Sealed, verify_key: str, target_key: str, operation: str) -> tuple[str, str]: ...


class Preparation:
    """Completes an operation's arguments; the same operation is completed the same way each time."""

    def __init__(
        self,
        ledger: Ledger,
        unsealer: Unseals,
        enrolments: Enrolments,
        clock: Clock,
        known: Callable[[], Fleet] = Fleet,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._unsealer = unsealer
        self._enrolments = enrolments
        # As it stands at the last look; of a fleet of which nothing is known nobody is given back.
        self._known = known

    async def __call__(self, operation: Operation) -> Operation:
        """The operation as the driver is to have it.

        Raises:
            PermanentError: the sealed copy may not be opened, or a key is not known.
        """
        if operation.verb == "create" and "source" in operation.args:
            return await self._unsealed(operation)
        if operation.verb == "export":
            target = self._agent(operation.args["target"])
            return _with(operation, target_key=target.box_key)
        if operation.verb == "provision":
            return await self._with_tokens(operation)
        if operation.verb == VERB:
            await self._last_look(operation)
        return operation

    async def _last_look(self, operation: Operation) -> None:
        """In the transaction after which its provider may have been asked: who joins or works after it does not."""
        async with self._ledger.writing() as draft:
            why = about_to_ask(operation, self._known(), draft, self._clock.now())
            if not why and not is_here(operation.args["host"], draft):
                self._enrolments.shut_out(operation.args["host"], draft)
        if why:
            raise PermanentError(why)

    async def _unsealed(self, operation: Operation) -> Operation:
        original = self._ledger.get(Machine, operation.args["source"])
        if original is None or original.sealed is None:
            raise PermanentError("no sealed copy of its config is stored")
        signer, target = self._agent(original.sealed.host), self._agent(operation.host)
        await self._listed(original.id, operation)
        box, digest = await self._unsealer.unseal(original.sealed, signer.verify_key, target.box_key, operation.key)
        return _with(operation, sealed_config=box, digest=digest)

    async def _listed(self, machine_id: str, operation: Operation) -> None:
        """Its owner reads of every unsealing, from before it is done; one that is asked for again is the same one."""
        text = f"its sealed config is opened for {operation.machine} on {operation.host} ({operation.key})"
        async with self._ledger.writing() as draft:
            now = draft.at = self._clock.now()
            machine = draft.get(Machine, machine_id)
            if machine is None or any(event.kind == UNSEALED and event.text == text for event in machine.events):
                return
            draft.put(machine.noted(Event(now, UNSEALED, "opened", "fleetmend", text)))
            draft.note(
                now, UNSEALED, machine_id, {"app": machine.app, "for": operation.machine, "host": operation.host}
            )

    async def _with_tokens(self, operation: Operation) -> Operation:
        names = operation.args["names"]
        hosts = [{"name": name, "token": await self._enrolments.mint(name, operation.key)} for name in names]
        return _with(operation, hosts=hosts)

    def _agent(self, host: str) -> Enrolment:
        known = self._ledger.get(Enrolment, f"agent/{host}")
        if known is None:
            raise PermanentError(f"{host} is not enrolled")
        return known


def _with(operation: Operation, **more: object) -> Operation:
    return replace(operation, args={**operation.args, **more})
