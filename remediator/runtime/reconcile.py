"""What every tick settles before it decides: lives, destroys, admissions, migrations, bursts, and lost creates."""

from dataclasses import replace
from datetime import datetime, timedelta

from remediator.engine import bursts, destroys, migrations
from remediator.engine.admission import Admission, admission
from remediator.engine.lives import LifeTimes, next_host
from remediator.engine.waits import may_send
from remediator.model.fleet import Fleet
from remediator.model.host import Host, HostStatus, Life
from remediator.model.machine import Machine, MachineState, Recovery, Volume
from remediator.model.request import Burst, Destroy, DestroyStage, Migration, MigrationStage, Operation
from remediator.runtime import outcomes
from remediator.runtime.absorb import serving
from remediator.runtime.effects import condemn
from remediator.runtime.ledger import Draft

# Ended things are kept this long for people to read, and for keys to be recognised.
KEEP_ENDED = timedelta(hours=1)
ASK_AGAIN = timedelta(seconds=2)


def settle(fleet: Fleet, times: LifeTimes, draft: Draft, now: datetime) -> None:
    """Put into the draft whatever follows from evidence and outcomes alone."""
    _lives(fleet, times, draft, now)
    # All that follows sees lives as this very look leaves them: nothing rests on a host that died in it.
    fleet = replace(fleet, hosts=draft.overlay(fleet.hosts, "Host"))
    _destroys(fleet, draft, now)
    serving(draft, fleet.machines, now)
    _admissions(fleet, draft, now)
    _migrations(fleet, draft, now)
    for burst in fleet.bursts.values():
        draft.put(bursts.advance(burst, fleet, now))
    for demand in bursts.expired(fleet, now):
        draft.delete(demand)
    _stranded(fleet, draft, now)


def _lives(fleet: Fleet, times: LifeTimes, draft: Draft, now: datetime) -> None:
    for host in fleet.hosts.values():
        verdict, sighting = fleet.verdicts.get(host.name), fleet.sightings.get(host.name)
        if verdict is None or sighting is None or not host.joined:
            continue
        after = next_host(host, verdict, sighting, times, now)
        if after == host:
            continue
        draft.put(after)
        if (after.life, after.status, after.fence) != (host.life, host.status, host.fence):
            body = {"life": after.life, "status": after.status, "reason": after.reason, "fence": after.fence}
            told = {"votes": _votes(fleet, host.name), "suspect_since": verdict.suspect_since}
            draft.note(now, "host", host.name, body | told)


def _votes(fleet: Fleet, host: str) -> dict[str, str]:
    """Kept once per change of a verdict: who heard what."""
    return {vote.vantage: vote.outcome.value if vote.outcome else "" for vote in fleet.sightings[host].votes}


def _destroys(fleet: Fleet, draft: Draft, now: datetime) -> None:
    for destroy in destroys.blocked(fleet):
        draft.put(destroy.moved_to(DestroyStage.BLOCKED, now))
    for destroy in destroys.due(fleet):
        if not may_send(destroy, fleet) and not _just_failed(destroy, now):
            send_destroy(fleet, destroy, draft, now)


def _just_failed(destroy: Destroy, now: datetime) -> bool:
    """An agent that refused is not asked again at once."""
    blocked = destroy.stage is DestroyStage.BLOCKED and destroy.moved_at is not None
    return blocked and now - (destroy.moved_at or now) < ASK_AGAIN


def send_destroy(fleet: Fleet, destroy: Destroy, draft: Draft, now: datetime) -> None:
    """Write down that it is sent, with its operation; each sending has its own key, for a destroy is idempotent."""
    epoch = fleet.hosts[destroy.host].epoch
    args = {"machine_id": destroy.machine}
    key = f"destroy:{destroy.machine}:{epoch}:{now.timestamp():.3f}"
    draft.put(destroy.moved_to(DestroyStage.SENT, now, epoch))
    draft.put(Operation(key, "destroy", destroy.host, args, destroy.origin, now, destroy.machine))


def _admissions(fleet: Fleet, draft: Draft, now: datetime) -> None:
    for host in fleet.hosts.values():
        if host.life is Life.RETURNING:
            found = admission(fleet, host, now)
            if isinstance(found, Admission):
                _admit(fleet, host, found, draft, now)


def _admit(fleet: Fleet, host: Host, found: Admission, draft: Draft, now: datetime) -> None:
    """One transaction: replacements stop being routable in the instant in which their originals start to be."""
    for machine_id in found.condemn:
        condemn(draft, machine_id, "its replacement is kept", now)
    if found.condemn:
        # Not yet: what was just condemned must be seen absent first, and until then the replacements serve on.
        return
    for machine_id in found.withdraw:
        condemn(draft, machine_id, "withdrawn: its original came back in time", now)
    known = draft.get(Host, host.name) or host
    admitted = known.moved_to(Life.PROBATION, now=now, reason="admitted").with_status(HostStatus.OK, now)
    draft.put(admitted)
    for machine in fleet.machines_on(host.name):
        mine = draft.get(Machine, machine.id) or machine
        if mine.alive:
            draft.put(_kept(mine, now))
            _keeps_its_volumes(draft, mine)
    draft.note(now, "host", host.name, {"life": admitted.life, "status": admitted.status, "reason": "admitted"})


def _keeps_its_volumes(draft: Draft, machine: Machine) -> None:
    """The original serves with its own volume: a copy that was restored meanwhile no longer takes its place."""
    for volume_id in machine.volumes:
        volume = draft.get(Volume, volume_id)
        if volume and volume.superseded_by:
            draft.put(replace(volume, superseded_by=""))


def _kept(machine: Machine, now: datetime) -> Machine:
    """Nothing serves in its place any more; left recovered on paper, its next loss would not be remedied."""
    if machine.recovery is Recovery.NONE and not machine.replaced_by:
        return machine
    withdrawn = "its host came back in time; the replacement is withdrawn"
    why = withdrawn if machine.replaced_by else "its host is back"
    return replace(machine, replaced_by="").recovering(Recovery.NONE, why, now)


def _migrations(fleet: Fleet, draft: Draft, now: datetime) -> None:
    for migration in fleet.migrations.values():
        if not migration.open:
            continue
        known = draft.get(Migration, migration.id) or migration
        after, operations = migrations.advance(known, fleet, now)
        draft.put(after, *(op for op in operations if draft.get(Operation, op.key) is None))
        if after.stage is MigrationStage.ROLLED_BACK:
            _drop_operations(fleet, after, draft)
        if after.stage is not known.stage:
            draft.note(now, "migration", migration.machine, {"stage": after.stage, "note": after.note})


def _drop_operations(fleet: Fleet, ended: Migration, draft: Draft) -> None:
    """Nothing of an ended migration is to be sent any more, but for what puts things right."""
    for operation in fleet.operations.values():
        rights = operation.key.endswith((":start", ":undo", ":free"))
        if operation.open and operation.args.get("migration") == ended.id and not rights:
            draft.delete(operation)


def _stranded(fleet: Fleet, draft: Draft, now: datetime) -> None:
    """Creates and restores whose target died before they were done: given back, so that another host is chosen."""
    for operation in fleet.operations.values():
        host = fleet.hosts.get(operation.host)
        if not operation.open or host is None or host.life is not Life.DEAD:
            continue
        if "migration" in operation.args and operation.verb in ("create", "create_volume"):
            outcomes.failed(operation, f"{host.name} died", draft, now)
        elif operation.verb == "create":
            _create_again(operation, host, draft, now)
        elif operation.verb == "create_volume" and "supersedes" in operation.args:
            made = draft.get(Volume, operation.args["volume_id"])
            draft.delete(operation)
            if made:
                draft.delete(made)


def _create_again(operation: Operation, host: Host, draft: Draft, now: datetime) -> None:
    """The command may have arrived: its machine is condemned there, should the host ever come back."""
    machine = draft.get(Machine, operation.machine)
    draft.delete(operation)
    if machine is None:
        return
    condemn(draft, machine.id, f"{host.name} died before it started", now)
    original = draft.get(Machine, machine.replaces)
    if original:
        again = replace(original, replaced_by="")
        draft.put(again.recovering(Recovery.NONE, f"{host.name} died before the replacement started", now))


def forget(fleet: Fleet, draft: Draft, now: datetime) -> None:
    """Drop what ended long ago; history keeps it."""
    for operation in fleet.operations.values():
        if not operation.open and now - operation.written_at > KEEP_ENDED:
            draft.delete(operation)
    for machine in fleet.machines.values():
        linked = fleet.machines.get(machine.replaces)
        if linked is not None and linked.state is not MachineState.DESTROYED:
            # A link between an original that may come back and what serves in its place.
            continue
        if machine.state is MachineState.DESTROYED and now - machine.updated_at > KEEP_ENDED:
            draft.delete(machine)
            _forget_destroy(fleet, draft, machine.id)
    ended_things: list[Migration | Burst] = [*fleet.migrations.values(), *fleet.bursts.values()]
    for ended in ended_things:
        if not ended.open and now - (ended.moved_at or ended.asked_at) > KEEP_ENDED:
            draft.delete(ended)


def _forget_destroy(fleet: Fleet, draft: Draft, machine_id: str) -> None:
    destroy = fleet.destroys.get(machine_id)
    if destroy and not destroy.open:
        draft.delete(destroy)
