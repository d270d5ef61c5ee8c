"""What owners ask of machines that are there: verbs, configurations, metadata, questions; each under its lease."""

import secrets
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from typing import Any

from remediator.clock import Clock
from remediator.drivers.protocol import Driver
from remediator.engine.machines import undestroying
from remediator.engine.machines import verbs as machine_verbs
from remediator.engine.machines.refusals import Refused, Terms, not_found, precondition
from remediator.model.asks import LeaseAsk, MetadataAsk, UpdateAsk, VerbAsk
from remediator.model.errors import TransientError
from remediator.model.host import Host
from remediator.model.machine import Event, Machine, MachineState
from remediator.model.machine_lease import MachineLease
from remediator.model.request import Destroy, Migration, Operation, Origin
from remediator.runtime.agents.configs import ConfigCache
from remediator.runtime.agents.watch import Watch
from remediator.runtime.ledger import Draft, Ledger
from remediator.runtime.machines import leases as machine_leases
from remediator.runtime.machines import reconfiguring, replacing
from remediator.runtime.machines.carrying import Carrier
from remediator.runtime.machines.interrupted import answered
from remediator.runtime.machines.life_ends import VERSION

# How the wish is told among a machine's events, as the public API tells it.
_TOLD = {"start": "starting", "stop": "stopping", "restart": "restarting", "suspend": "suspending", "signal": "sent"}


class MachineDesk:
    """Each coroutine is one request; ``Refused`` means that nothing was changed."""

    def __init__(
        self, ledger: Ledger, watch: Watch, carrier: Carrier, driver: Driver, configs: ConfigCache, clock: Clock
    ) -> None:
        self._ledger = ledger
        self._watch = watch
        self._carrier = carrier
        self._driver = driver
        self._configs = configs
        self._clock = clock

    async def run(self, ask: VerbAsk) -> Machine:
        """start, stop, restart, suspend or signal: written down, carried out, and answered when it ended."""
        now = self._clock.now()
        async with self._ledger.writing() as draft:
            machine = self._asked(draft, ask.machine, ask.verb, ask.nonce)
            operation = self._operation(machine, ask.verb, ask.args)
            event = Event(now, ask.verb, _TOLD[ask.verb], "user", str(ask.args.get("signal") or ""))
            draft.put(operation, machine.noted(event))
        await self._carrier.waited(operation)
        return self._machine(ask.machine)

    async def ask(self, ask: VerbAsk, seconds: float) -> dict[str, Any]:
        """exec or ps: straight to the host's agent, within ``seconds``; nothing of it is written down.

        Raises:
            TransientError: a question that changes nothing was not answered.
        """
        machine = self._known(self._ledger.get(Machine, ask.machine))
        self._allowed(machine, self._ledger.get(Host, machine.host), ask.verb)
        sighting = self._watch.sighting(machine.host)
        if sighting is None or not sighting.connected:
            raise precondition(f"the host of machine {machine.id} is not in touch this moment", 1)
        operation = self._operation(machine, ask.verb, ask.args)
        try:
            return await self._driver.perform(replace(operation, key=f"{operation.key}:{secrets.token_hex(8)}"))
        except TransientError:
            if ask.verb == "ps":
                raise
            # It may have run: whoever is told to try again would run it twice.
            told = f"no answer from machine {machine.id} within {seconds:g} s; the command may have run"
            raise Refused(f"deadline_exceeded: {told}", Terms(408)) from None

    async def update(self, ask: UpdateAsk) -> tuple[Machine, MachineLease | None]:
        """Another configuration under the same id, a new instance_id: in place, or where there is room for it."""
        now, fleet = self._clock.now(), self._watch.fleet()
        async with self._ledger.writing() as draft:
            machine = self._asked(draft, ask.machine, "update", ask.nonce)
            reconfiguring.check(machine, ask)
            home = replacing.another_home(machine, ask, fleet)
            under_way: Operation | Migration
            if home is None:
                under_way = reconfiguring.update(machine, ask, draft, now, self._ledger.sequence)
            else:
                under_way = replacing.replace_on(home, machine, ask, draft, now, self._ledger.sequence)
            lease = machine_leases.grant(draft, ask.lease, machine, now) if ask.lease else None
        if await self._ended(under_way):
            self._learn(ask.machine, ask.config)
        return self._machine(ask.machine), lease

    async def _ended(self, under_way: Operation | Migration) -> bool:
        if isinstance(under_way, Migration):
            return await self._carrier.moved(under_way)
        return await self._carrier.waited(under_way)

    async def answered(self, machine_id: str) -> None:
        """Whoever asked for the machine was told of it."""
        async with self._ledger.writing() as draft:
            answered(draft, machine_id)

    async def set_metadata(self, ask: MetadataAsk) -> Machine:
        """Some of its metadata, or all of it; what runs goes on."""
        now = self._clock.now()
        async with self._ledger.writing() as draft:
            machine = self._asked(draft, ask.machine, "set_metadata", ask.nonce)
            full = self._configs.get(machine.id, machine.host)
            wanted = reconfiguring.metadata(machine, ask)
            if wanted == (machine.config.get("metadata") or {}):
                return machine
            operation = reconfiguring.set_metadata(machine, wanted, full, draft, now, self._ledger.sequence)
        if await self._carrier.waited(operation) and full is not None:
            self._learn(machine.id, {**full, "metadata": wanted})
        return self._machine(ask.machine)

    async def cordon(self, machine_id: str, nonce: str, *, cordoned: bool) -> Machine:
        """Keep traffic away from it, or no longer; in force when this returns, wherever its host is."""
        async with self._ledger.writing() as draft:
            machine = self._known(draft.get(Machine, machine_id))
            self._held(draft, machine_id, nonce)
            if machine.cordoned is not cordoned:
                word = "cordon" if cordoned else "uncordon"
                event = Event(self._clock.now(), word, f"{word}ed", "user")
                draft.put(replace(machine, cordoned=cordoned).noted(event))
        return self._machine(machine_id)

    async def undestroy(self, machine_id: str, who: str) -> Machine:
        """Take a destroy back that a person asked for and that was not sent yet; asked twice, the same answer."""
        async with self._ledger.writing() as draft:
            machine, destroy = draft.get(Machine, machine_id), draft.get(Destroy, machine_id)
            if machine is None:
                raise not_found("machine")
            if machine.alive:
                return machine
            under_way = any(
                each.open and each.verb == "destroy" and each.machine == machine_id
                for each in self._ledger.all(Operation).values()
            )
            if destroy is None or under_way:
                raise undestroying.too_late(machine_id)
            draft.put(undestroying.spared(machine, destroy, who, self._clock.now()))
            draft.delete(destroy)
            draft.note(self._clock.now(), "undestroyed", machine_id, {"host": machine.host, "who": who})
        self._watch.wake()
        return self._machine(machine_id)

    def lease(self, machine_id: str) -> MachineLease | None:
        found = self._ledger.get(MachineLease, machine_id)
        return found if found and found.in_force(self._clock.now()) else None

    async def take_lease(self, ask: LeaseAsk) -> MachineLease:
        """A new lease, or the same for longer; granted by us, so also while the machine's host is lost."""
        async with self._ledger.writing() as draft:
            machine = self._known(draft.get(Machine, ask.machine))
            self._held(draft, machine.id, ask.nonce)
            return machine_leases.grant(draft, ask, machine, self._clock.now())

    async def release_lease(self, machine_id: str, nonce: str) -> None:
        async with self._ledger.writing() as draft:
            found = draft.get(MachineLease, machine_id)
            if found is None or not found.in_force(self._clock.now()):
                raise not_found("lease")
            self._held(draft, machine_id, nonce)
            draft.delete(found)

    async def versions(self, machine_id: str, limit: int) -> list[dict[str, Any]]:
        """Its earlier configurations, scrubbed, newest first: ``{"version", "config"}`` each."""
        return [entry.body for entry in await self._ledger.entries(VERSION, limit, subject=machine_id)]

    def news(self) -> Coroutine[Any, Any, object]:
        """Until anything was written down since this call."""
        return self._ledger.news()

    def _asked(self, draft: Draft, machine_id: str, verb: str, nonce: str) -> Machine:
        machine = self._known(draft.get(Machine, machine_id))
        self._held(draft, machine_id, nonce)
        self._allowed(machine, draft.get(Host, machine.host), verb)
        replacing.not_moving(self._ledger.all(Migration), machine)
        return machine

    def _held(self, draft: Draft, machine_id: str, nonce: str) -> None:
        machine_leases.check(draft, machine_id, nonce, self._clock.now())

    def _allowed(self, machine: Machine, host: Host | None, verb: str) -> None:
        if refused := machine_verbs.refusal(machine, host, verb):
            raise refused

    def _operation(self, machine: Machine, verb: str, args: Mapping[str, Any]) -> Operation:
        now = self._clock.now()
        # The moment too: sequences begin anew with each start, and agents keep results by key.
        key = f"{verb}:{machine.id}:{now.isoformat()}:{self._ledger.sequence}"
        return Operation(key, verb, machine.host, {"machine_id": machine.id, **args}, Origin.OWNER, now, machine.id)

    def _learn(self, machine_id: str, config: dict[str, Any]) -> None:
        """Whoever reads next reads what was just set, though its agent has not told it yet."""
        self._configs.learn(self._machine(machine_id).host, [{"id": machine_id, "config": config}])

    def _machine(self, machine_id: str) -> Machine:
        return self._known(self._ledger.get(Machine, machine_id))

    def _known(self, machine: Machine | None) -> Machine:
        if machine is None or machine.state is MachineState.DESTROYED:
            raise not_found("machine")
        return machine
