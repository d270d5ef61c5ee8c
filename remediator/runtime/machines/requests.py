"""What owners ask of their machines: written down first, carried out, and answered when it ended."""

from collections import Counter
from dataclasses import replace
from typing import Any

from remediator.clock import Clock
from remediator.engine.machines import destroys, placement, standing_by
from remediator.engine.machines.refusals import Refused, Terms, no_room, not_found, precondition
from remediator.model.asks import LaunchAsk, LeaseAsk
from remediator.model.enrolment import Enrolment
from remediator.model.errors import PermanentError
from remediator.model.fleet import Fleet
from remediator.model.host import Host, HostStatus
from remediator.model.layered import picked
from remediator.model.machine import Event, Machine, MachineState, Volume
from remediator.model.request import Demand, Destroy, Operation, Origin
from remediator.runtime import names
from remediator.runtime.agents.configs import ConfigCache
from remediator.runtime.agents.watch import Watch
from remediator.runtime.effects.outbox import Outbox
from remediator.runtime.effects.written import condemn
from remediator.runtime.ledger import Draft, Ledger
from remediator.runtime.machines import leases as machine_leases
from remediator.runtime.machines.apps import Apps
from remediator.runtime.machines.carrying import Carrier
from remediator.runtime.machines.interrupted import UNANSWERED, Interrupted
from remediator.runtime.machines.regions import told_as
from remediator.runtime.machines.volume_requests import VolumeRequests
from remediator.settings import Settings
from remediator.wire.keys import parse_box_key
from remediator.wire.scrub import scrubbed
from remediator.wire.sealing import digest, seal_config

ANSWER_WITHIN = 30.0
_SCHEDULES = ("hourly", "daily", "weekly", "monthly")


class Requests:
    """Each coroutine is one request; refused means nothing was changed."""

    def __init__(
        self,
        ledger: Ledger,
        watch: Watch,
        outbox: Outbox,
        clock: Clock,
        settings: Settings,
        *,
        answer_within: float = ANSWER_WITHIN,
    ) -> None:
        self._ledger = ledger
        self._watch = watch
        self._clock = clock
        self._settings = settings
        self.carrier = Carrier(ledger, watch, outbox, answer_within)
        self.configs = ConfigCache()
        self._interrupted = Interrupted(ledger, clock)
        self.placements: Counter[str] = Counter()
        self.failures: Counter[tuple[str, str]] = Counter()
        self.apps = Apps(ledger, watch, clock, settings.destroy_refusal, settings.organisation)
        self.volumes = VolumeRequests(ledger, watch, clock, self.carrier, (self.placements, self.failures))

    async def create_machine(self, ask: LaunchAsk) -> Machine:
        """Place it, write it down with its config sealed for the target, and wait until the agent has it."""
        seed = f"{ask.name}/{self._clock.now().isoformat()}/{self._ledger.sequence}"
        # Under a client's own key the same wish has the same name: asked for again, it is there already.
        named = names.machine_id(f"{ask.app}/key/{ask.key}" if ask.key else f"{ask.app}/{seed}")
        new_id = (not ask.key and self._interrupted.like(ask)) or named
        async with self._ledger.writing() as draft:
            known = draft.get(Machine, new_id)
            operation = _repeated(known, ask, draft) if known else self._launch(ask, new_id, draft)
            if operation is not None and operation.open:
                # Whoever lists machines while this one is made reads its config as it was sent.
                self.configs.learn(operation.host, [{"id": new_id, "config": ask.config}])
        if operation is None:
            raise no_room(f"no host in {ask.region or 'any region'} has enough free cpu, memory or disk")
        await self.carrier.waited(operation)
        return self._machine(new_id)

    def _launch(self, ask: LaunchAsk, new_id: str, draft: Draft) -> Operation | None:
        """The machine, its create and its lease, put into the draft; None where there is no room for it."""
        now, fleet = self._clock.now(), self._watch.fleet()
        drafted = self._drafted(ask, new_id, fleet)
        wanted = _demand_key(drafted, ask)
        host = self._placed(drafted, wanted, draft, fleet)
        if host is None:
            return None
        machine = replace(drafted, host=host.name, region=host.region, cordoned=ask.cordoned)
        operation = self._create(machine, ask)
        text = standing_by.beside(machine, host.name, fleet) or _unscheduled(machine)
        draft.put(machine.noted(Event(now, "launch", "created", "user", text)), operation)
        self._met(wanted, draft)
        self._attach(machine, draft)
        if ask.lease_seconds:
            machine_leases.grant(draft, LeaseAsk(new_id, ask.lease_seconds, ask.who), machine, now)
        return operation

    def _drafted(self, ask: LaunchAsk, new_id: str, fleet: Fleet) -> Machine:
        """The machine as asked for, not yet on any host."""
        now = self._clock.now()
        name = ask.name or f"machine-{new_id[:6]}"
        living = [m for m in picked(fleet.machines, "app", ask.app) if m.name == name and m.alive]
        if any(not m.replaced_by for m in living):
            raise precondition(f"machine name {name} is taken in app {ask.app}")
        mounted = tuple(str(mount.get("volume", "")) for mount in ask.config.get("mounts") or [])
        volumes = [self._volume(identifier) for identifier in mounted]
        # Another app's volume is, to whoever asks, one that is not there.
        if any(volume.app != ask.app for volume in volumes):
            raise not_found("volume")
        if not all(volume.free for volume in volumes):
            raise precondition(f"volume {mounted[0]} is not free")
        region = volumes[0].region if volumes else ask.region or self._anywhere(fleet)
        host = volumes[0].host if volumes else ""
        blank = Machine(new_id, ask.app, name, region, host, names.instance_id(new_id), now, now)
        drafted = replace(blank, config=scrubbed(ask.config), digest=digest(ask.config), volumes=mounted)
        standing_by.check(drafted, fleet)
        return drafted

    def _anywhere(self, fleet: Fleet) -> str:
        """The region with most free memory, when the caller does not mind."""
        room = placement.room_of(fleet)
        best = max(room, key=lambda name: room[name].memory_mb, default="")
        if not best:
            raise no_room("no host takes work")
        return fleet.hosts[best].region

    def _placed(self, machine: Machine, wanted: str, draft: Draft, fleet: Fleet) -> Host | None:
        """The host to run it, or None with the demand noted down in the same transaction."""
        region = told_as(machine.region, fleet)
        self.placements[region] += 1
        room = placement.room_of(fleet)
        if machine.host:
            host = fleet.hosts.get(machine.host)
            if host is None or host.status is not HostStatus.OK:
                raise precondition(f"volume {machine.volumes[0]} is on an unreachable host")
            return host if host.name in room and machine.asks.fits(room[host.name]) else None
        chosen = standing_by.choose(machine, room, fleet)
        if chosen is None:
            self.failures[region, "insufficient_capacity"] += 1
            self._unmet(machine, wanted, draft)
        return chosen

    def _unmet(self, machine: Machine, key: str, draft: Draft) -> None:
        now = self._clock.now()
        before = draft.get(Demand, key)
        first = before.first_asked if before else now
        draft.put(Demand(key, machine.app, machine.region, machine.asks, 1, first, now))

    def _met(self, key: str, draft: Draft) -> None:
        met = draft.get(Demand, key)
        if met:
            draft.delete(met)

    def _attach(self, machine: Machine, draft: Draft) -> None:
        for identifier in machine.volumes:
            draft.put(replace(self._volume(identifier), machine=machine.id))

    def _create(self, machine: Machine, ask: LaunchAsk) -> Operation:
        agent = self._ledger.get(Enrolment, f"agent/{machine.host}")
        if agent is None:
            raise PermanentError(f"{machine.host} is not enrolled")
        args = {
            "machine_id": machine.id,
            "app": machine.app,
            "name": machine.name,
            "region": machine.region,
            "instance_id": machine.instance_id,
            "sealed_config": seal_config(ask.config, parse_box_key(agent.box_key)),
            "digest": machine.digest,
            "volumes": list(machine.volumes),
            "start": ask.start,
            **({} if ask.key else {UNANSWERED: True}),
        }
        key = f"create:{machine.id}"
        return Operation(key, "create", machine.host, args, Origin.OWNER, self._clock.now(), machine.id)

    async def destroy_machine(
        self, machine_id: str, *, force: bool, origin: Origin, who: str, nonce: str = ""
    ) -> Destroy:
        """Accepted durably, whatever gates or budgets say; refused only when running or lost a moment ago."""
        now = self._clock.now()
        async with self._ledger.writing() as draft:
            machine = draft.get(Machine, machine_id)
            if machine is None:
                raise not_found("machine")
            known = draft.get(Destroy, machine_id)
            if known is not None:
                return self._taken_over(draft, known, origin, who)
            machine_leases.check(draft, machine_id, nonce, now)
            host, sighting = draft.get(Host, machine.host), self._watch.sighting(machine.host)
            limit = self._settings.destroy_refusal
            refused = destroys.refusal(machine, host, sighting, force=force, now=now, limit=limit)
            if refused:
                raise refused
            condemn(draft, machine_id, f"asked for by {who}", now, origin)
        self._watch.wake()
        accepted = self._ledger.get(Destroy, machine_id)
        if accepted is None:
            raise not_found("machine")
        return accepted

    def _taken_over(self, draft: Draft, known: Destroy, origin: Origin, who: str) -> Destroy:
        """A destroy that waits for gate and freeze waits no longer when a person asks for it too."""
        if not known.open or known.origin is not Origin.AUTOMATIC or origin is Origin.AUTOMATIC:
            return known
        taken = replace(known, origin=origin, reason=f"{known.reason}; asked for by {who}")
        draft.put(taken)
        for operation in self._ledger.all(Operation).values():
            if operation.open and operation.verb == "destroy" and operation.machine == known.machine:
                draft.put(replace(operation, origin=origin))
        draft.note(self._clock.now(), "taken_over", known.machine, {"origin": origin, "who": who})
        self._watch.wake()
        return taken

    def _owner(self) -> tuple[Origin, Any]:
        return Origin.OWNER, self._clock.now()

    def _machine(self, machine_id: str) -> Machine:
        found = self._ledger.get(Machine, machine_id)
        if found is None or found.state is MachineState.DESTROYED:
            raise not_found("machine")
        return found

    def _volume(self, volume_id: str) -> Volume:
        found = self._ledger.get(Volume, volume_id)
        if found is None:
            raise not_found("volume")
        return found


def _repeated(known: Machine, ask: LaunchAsk, draft: Draft) -> Operation:
    """The operation of a create that is asked for once more under the same key.

    Raises:
        Refused: the key was for another config, or that create was long ago.
    """
    operation = draft.get(Operation, f"create:{known.id}")
    if operation is None or digest(ask.config) != known.digest:
        raise Refused("this Idempotency-Key was used for another machine", Terms(409, "idempotency_key_reused"))
    return operation


def _unscheduled(machine: Machine) -> str:
    """Words for a machine that its owner expects to be started again and again; empty for all others."""
    schedule = machine.config.get("schedule")
    told = f"schedule {schedule} has no effect here: nothing starts it again once it has ended"
    return told if schedule in _SCHEDULES else ""


def _demand_key(machine: Machine, ask: LaunchAsk) -> str:
    """One demand a name; those without a name are one demand for each shape, however often they are repeated."""
    asks = machine.asks
    return f"{machine.app}/{ask.name or f'{machine.region}/{asks.cpus:g}x{asks.memory_mb}'}"
