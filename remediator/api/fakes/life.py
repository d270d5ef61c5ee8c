"""The life of machines over a fleet in memory: part of the fake control."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from remediator.engine.machines import undestroying
from remediator.engine.machines import verbs as machine_verbs
from remediator.engine.machines.refusals import not_found, precondition
from remediator.model.asks import LeaseAsk, MetadataAsk, UpdateAsk, VerbAsk
from remediator.model.fleet import Fleet
from remediator.model.machine import Event, Machine, MachineState
from remediator.model.machine_lease import MachineLease

_AFTER = {
    "start": MachineState.STARTED,
    "restart": MachineState.STARTED,
    "stop": MachineState.STOPPED,
    "suspend": MachineState.SUSPENDED,
}


class House(Protocol):
    """What it shares with the rest of the fake control."""

    at: datetime
    world: Fleet
    configs: dict[str, dict[str, Any]]
    fails_with: Exception | None


@dataclass
class FakeLife:
    """Implements ``MachineLife``; ``asks`` is what it was asked, ``told`` what exec and ps answer, by verb."""

    house: House = field(repr=False)
    asks: list[VerbAsk] = field(default_factory=list)
    told: dict[str, dict[str, Any]] = field(default_factory=dict)
    leases: dict[str, MachineLease] = field(default_factory=dict)
    earlier: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    answers: list[str] = field(default_factory=list)
    happened: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, ask: VerbAsk) -> Machine:
        machine = self._asked(ask.machine, ask.verb, ask.nonce)
        self.asks.append(ask)
        event = Event(self.house.at, ask.verb, f"{ask.verb}ing", "user")
        return self.keep(replace(machine, state=_AFTER.get(ask.verb, machine.state)).noted(event))

    async def ask(self, ask: VerbAsk, seconds: float) -> dict[str, Any]:  # noqa: ARG002 - the protocol's
        self._allowed(ask.machine, ask.verb)
        self.asks.append(ask)
        return self.told[ask.verb]

    async def update(self, ask: UpdateAsk) -> tuple[Machine, MachineLease | None]:
        machine = self._asked(ask.machine, "update", ask.nonce)
        if ask.current_version not in ("", machine.instance_id):
            raise precondition("another version")
        self.earlier.setdefault(machine.id, []).insert(0, {"version": machine.instance_id, "config": machine.config})
        self.house.configs[machine.id] = ask.config
        state = MachineState.STARTED if ask.start else MachineState.STOPPED
        changed = self.keep(replace(machine, instance_id=f"{machine.instance_id[:-1]}Z", state=state))
        return changed, await self.take_lease(ask.lease) if ask.lease else None

    async def answered(self, machine_id: str) -> None:
        self.answers.append(machine_id)

    async def set_metadata(self, ask: MetadataAsk) -> Machine:
        machine = self._asked(ask.machine, "set_metadata", ask.nonce)
        if ask.version not in ("", machine.instance_id):
            raise precondition("another version")
        known = {} if ask.whole else machine.config.get("metadata") or {}
        wanted = {key: value for key, value in {**known, **ask.changes}.items() if value is not None}
        return self.keep(replace(machine, config={**machine.config, "metadata": wanted}))

    async def cordon(self, machine_id: str, nonce: str, *, cordoned: bool) -> Machine:
        self._held(machine_id, nonce)
        return self.keep(replace(self._machine(machine_id), cordoned=cordoned))

    async def undestroy(self, machine_id: str, who: str) -> Machine:
        machine, destroy = self._machine(machine_id), self.house.world.destroys.get(machine_id)
        if destroy is None:
            raise undestroying.too_late(machine_id)
        left = {key: each for key, each in self.house.world.destroys.items() if key != machine_id}
        back = undestroying.spared(machine, destroy, who, self.house.at)
        self.house.world = replace(self.house.world, destroys=left)
        return self.keep(back)

    def lease(self, machine_id: str) -> MachineLease | None:
        found = self.leases.get(machine_id)
        return found if found and found.in_force(self.house.at) else None

    async def take_lease(self, ask: LeaseAsk) -> MachineLease:
        self._held(ask.machine, ask.nonce)
        nonce = ask.nonce or f"nonce-{len(self.leases) + 1}"
        until = self.house.at + timedelta(seconds=ask.seconds)
        version = self._machine(ask.machine).instance_id
        self.leases[ask.machine] = MachineLease(ask.machine, nonce, ask.who, ask.description, version, until)
        return self.leases[ask.machine]

    async def release_lease(self, machine_id: str, nonce: str) -> None:
        if self.lease(machine_id) is None:
            raise not_found("lease")
        self._held(machine_id, nonce)
        del self.leases[machine_id]

    async def versions(self, machine_id: str, limit: int) -> list[dict[str, Any]]:
        return self.earlier.get(machine_id, [])[:limit]

    async def news(self) -> None:
        await self.happened.wait()
        self.happened.clear()

    def keep(self, machine: Machine) -> Machine:
        """The machine as it is from now on; whoever waits for news has some."""
        self.house.world = replace(self.house.world, machines={**self.house.world.machines, machine.id: machine})
        self.happened.set()
        return machine

    def _asked(self, machine_id: str, verb: str, nonce: str) -> Machine:
        self._held(machine_id, nonce)
        return self._allowed(machine_id, verb)

    def _allowed(self, machine_id: str, verb: str) -> Machine:
        machine = self._machine(machine_id)
        if refused := machine_verbs.refusal(machine, self.house.world.hosts.get(machine.host), verb):
            raise refused
        return machine

    def _held(self, machine_id: str, nonce: str) -> None:
        if self.house.fails_with is not None:
            raise self.house.fails_with
        if refused := machine_verbs.held(self.leases.get(machine_id), nonce, self.house.at):
            raise refused

    def _machine(self, machine_id: str) -> Machine:
        if machine_id not in self.house.world.machines:
            raise not_found("machine")
        return self.house.world.machines[machine_id]
