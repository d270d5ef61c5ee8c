"""What owners ask of their machines and volumes: written down first, carried out, and answered when it ended."""

from collections import Counter
from dataclasses import replace
from typing import Any

from remediator.clock import Clock
from remediator.engine import destroys, placement
from remediator.engine.refusals import no_room, not_found, precondition
from remediator.model.asks import LaunchAsk, VolumeAsk
from remediator.model.enrolment import Enrolment
from remediator.model.errors import PermanentError, TransientError
from remediator.model.fleet import Fleet
from remediator.model.host import Capacity, Host, HostStatus
from remediator.model.machine import Event, Machine, MachineState, Snapshot, Volume
from remediator.model.request import Demand, Destroy, Operation, Origin, Stage
from remediator.runtime import names
from remediator.runtime.effects import condemn
from remediator.runtime.ledger import Draft, Ledger
from remediator.runtime.outbox import Outbox
from remediator.runtime.watch import Watch
from remediator.settings import Settings
from remediator.wire.keys import parse_box_key
from remediator.wire.scrub import scrubbed
from remediator.wire.sealing import digest, seal_config

ANSWER_WITHIN = 30.0


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
        self._outbox = outbox
        self._clock = clock
        self._settings = settings
        self._answer_within = answer_within
        self.placements: Counter[str] = Counter()
        self.failures: Counter[tuple[str, str]] = Counter()

    async def create_machine(self, ask: LaunchAsk) -> Machine:
        """Place it, write it down with its config sealed for the target, and wait until the agent has it."""
        now = self._clock.now()
        seed = f"{ask.app}/{ask.name}/{now.isoformat()}/{self._ledger.sequence}"
        new_id = names.machine_id(seed)
        async with self._ledger.writing() as draft:
            fleet = self._watch.fleet()
            machine = self._drafted(ask, new_id, fleet)
            wanted = _demand_key(machine, ask)
            host = self._placed(machine, wanted, draft, fleet)
            if host is not None:
                machine = replace(machine, host=host.name, region=host.region)
                operation = self._create(machine, ask)
                draft.put(machine.noted(Event(now, "launch", "created", "user")), operation)
                self._met(wanted, draft)
                self._attach(machine, draft)
        if host is None:
            raise no_room(f"no host in {machine.region} has enough free cpu, memory or disk")
        self._watch.wake()
        await self._waited(operation)
        return self._machine(new_id)

    def _drafted(self, ask: LaunchAsk, new_id: str, fleet: Fleet) -> Machine:
        """The machine as asked for, not yet on any host."""
        now = self._clock.now()
        name = ask.name or f"machine-{new_id[:6]}"
        living = [m for m in fleet.machines.values() if m.app == ask.app and m.name == name and m.alive]
        if any(not m.replaced_by for m in living):
            raise precondition(f"machine name {name} is taken in app {ask.app}")
        mounted = tuple(str(mount.get("volume", "")) for mount in ask.config.get("mounts") or [])
        volumes = [self._volume(identifier) for identifier in mounted]
        if any(volume.app != ask.app or not volume.free for volume in volumes):
            raise precondition(f"volume {mounted[0]} is not free")
        region = volumes[0].region if volumes else ask.region or self._anywhere(fleet)
        host = volumes[0].host if volumes else ""
        blank = Machine(new_id, ask.app, name, region, host, names.instance_id(new_id), now, now)
        return replace(blank, config=scrubbed(ask.config), digest=digest(ask.config), volumes=mounted)

    def _anywhere(self, fleet: Fleet) -> str:
        """The region with most free memory, when the caller does not mind."""
        room = placement.room_of(fleet)
        best = max(room, key=lambda name: room[name].memory_mb, default="")
        if not best:
            raise no_room("no host takes work")
        return fleet.hosts[best].region

    def _placed(self, machine: Machine, wanted: str, draft: Draft, fleet: Fleet) -> Host | None:
        """The host to run it, or None with the demand noted down in the same transaction."""
        self.placements[machine.region] += 1
        room = placement.room_of(fleet)
        if machine.host:
            host = fleet.hosts.get(machine.host)
            if host is None or host.status is not HostStatus.OK:
                raise precondition(f"volume {machine.volumes[0]} is on an unreachable host")
            return host if host.name in room and machine.asks.fits(room[host.name]) else None
        chosen = placement.choose(fleet, room, machine.app, machine.region, machine.asks)
        if chosen is None:
            self.failures[machine.region, "insufficient_capacity"] += 1
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
        }
        key = f"create:{machine.id}"
        return Operation(key, "create", machine.host, args, Origin.OWNER, self._clock.now(), machine.id)

    async def destroy_machine(self, machine_id: str, *, force: bool, origin: Origin, who: str) -> Destroy:
        """Accepted durably, whatever gates or budgets say; refused only when running or lost a moment ago."""
        now = self._clock.now()
        async with self._ledger.writing() as draft:
            machine = draft.get(Machine, machine_id)
            if machine is None:
                raise not_found("machine")
            known = draft.get(Destroy, machine_id)
            if known is not None:
                return self._taken_over(draft, known, origin, who)
            fleet = self._watch.fleet()
            host, sighting = fleet.hosts.get(machine.host), self._watch.sighting(machine.host)
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

    async def run_verb(self, machine_id: str, verb: str) -> Machine:
        """start or stop, on a host that is in touch."""
        machine = self._machine(machine_id)
        host = self._ledger.get(Host, machine.host)
        if not machine.alive or host is None or host.status is not HostStatus.OK:
            raise precondition(
                f"machine {machine_id} cannot {verb}: its host is unreachable or it is being destroyed"
            )
        owner, now = self._owner()
        # The moment too: sequences begin anew with each start, and agents keep results by key.
        key = f"{verb}:{machine_id}:{now.isoformat()}:{self._ledger.sequence}"
        await self._run(Operation(key, verb, machine.host, {"machine_id": machine_id}, owner, now, machine_id))
        return self._machine(machine_id)

    async def create_volume(self, ask: VolumeAsk) -> Volume:
        """Empty, or from a snapshot, on a host of the region with room."""
        now = self._clock.now()
        new_id = names.volume_id(f"{ask.app}/{ask.name}/{now.isoformat()}/{self._ledger.sequence}")
        if ask.snapshot_id and self._ledger.get(Snapshot, ask.snapshot_id) is None:
            raise not_found("snapshot")
        self.placements[ask.region] += 1
        async with self._ledger.writing() as draft:
            fleet = self._watch.fleet()
            size = Capacity(disk_mb=ask.size_mb)
            host = placement.choose(fleet, placement.room_of(fleet), ask.app, ask.region, size)
            if host is None:
                self.failures[ask.region, "volume_placement_capacity"] += 1
                raise no_room(f"no host in {ask.region} has {ask.size_mb} MB of disk for a volume")
            blank = Volume(new_id, ask.app, ask.name, ask.region, host.name, ask.size_mb, now, state="creating")
            draft.put(replace(blank, restored_from=ask.snapshot_id))
            operation = self._create_volume(ask, new_id, host.name)
            draft.put(operation)
        self._watch.wake()
        await self._waited(operation)
        return self._volume(new_id)

    def _create_volume(self, ask: VolumeAsk, new_id: str, host: str) -> Operation:
        args: dict[str, Any] = {"volume_id": new_id, "app": ask.app, "name": ask.name, "size_mb": ask.size_mb}
        source = self._ledger.get(Snapshot, ask.snapshot_id)
        if source:
            args |= {"snapshot_id": source.id, "source_volume": source.volume}
        return Operation(f"volume:{new_id}", "create_volume", host, args, *self._owner())

    async def snapshot_volume(self, volume_id: str) -> Snapshot:
        volume = self._volume(volume_id)
        host = self._ledger.get(Host, volume.host)
        if host is None or host.status is not HostStatus.OK:
            raise precondition(f"volume {volume_id} is on an unreachable host")
        new_id = names.snapshot_id(f"{volume_id}/{self._clock.now().isoformat()}")
        args = {"volume_id": volume_id, "snapshot_id": new_id}
        await self._run(Operation(f"snapshot:{new_id}", "snapshot", volume.host, args, *self._owner()))
        taken = self._ledger.get(Snapshot, new_id)
        return taken or Snapshot(new_id, volume_id, volume.app, self._clock.now(), 0, "", state="creating")

    async def _run(self, operation: Operation) -> None:
        async with self._ledger.writing() as draft:
            draft.put(operation)
        self._watch.wake()
        await self._waited(operation)

    async def _waited(self, operation: Operation) -> None:
        """Until it ended, or for as long as a client has patience.

        Raises:
            PermanentError: it failed for good.
            TransientError: it was given up, with all that it was for; it may be asked for again.
        """
        try:
            ended = await self._outbox.ended(operation.key, self._answer_within)
        except TransientError:
            if self._ledger.get(Operation, operation.key) is None:
                raise TransientError(f"{operation.host} was lost before it was done") from None
            # Accepted and under way: an error would make clients ask for the same a second time.
            return
        if ended.stage is Stage.FAILED:
            raise PermanentError(ended.error)

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


def _demand_key(machine: Machine, ask: LaunchAsk) -> str:
    """One demand a name; those without a name are one demand for each shape, however often they are repeated."""
    asks = machine.asks
    return f"{machine.app}/{ask.name or f'{machine.region}/{asks.cpus:g}x{asks.memory_mb}'}"
