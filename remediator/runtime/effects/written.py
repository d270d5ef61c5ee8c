"""Effects written down: each becomes rows, and operations for the outbox, in the decision's own transaction."""

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from remediator.actions.effects import (
    Call,
    Condemn,
    Cordon,
    Effect,
    Fence,
    GiveBack,
    GiveUpDemands,
    MarkAlive,
    MarkDead,
    Migrate,
    NoteRecovery,
    PowerCycle,
    Provision,
    Quarantine,
    Recreate,
    RestoreVolume,
    StandIn,
    Tell,
    Uncordon,
)
from remediator.model.enrolment import Term
from remediator.model.host import Host
from remediator.model.machine import Event, Machine, MachineState, Recovery, Volume
from remediator.model.request import Burst, BurstStage, Destroy, Migration, Operation, Origin
from remediator.model.stuck import QUARANTINED
from remediator.runtime import names
from remediator.runtime.effects.fencing import write_fence, write_power_cycle
from remediator.runtime.ledger import Draft
from remediator.runtime.machines import leases as machine_leases
from remediator.runtime.machines.lending import write_give_back, write_loans
from remediator.runtime.machines.standing_in import stand_in


def write(effect: Effect, draft: Draft, decision: str, now: datetime) -> None:
    """Put the rows of one effect into the draft."""
    _WRITERS[type(effect)](effect, draft, decision, now)


def condemn(draft: Draft, machine_id: str, why: str, now: datetime, origin: Origin = Origin.AUTOMATIC) -> None:
    """Queue the destroy of a machine; from this commit on it is never routable again."""
    machine = draft.get(Machine, machine_id)
    if machine is None or not machine.alive:
        return
    # Whatever was to make it is not to arrive after its end.
    coming = draft.get(Operation, f"create:{machine_id}")
    if coming is not None and coming.open:
        draft.delete(coming)
    machine_leases.drop(draft, machine.id)
    draft.put(Destroy(machine.id, machine.app, machine.host, origin, why, now))
    doomed = replace(machine, state=MachineState.DESTROYING, condemned_at=now, condemned_why=why)
    draft.put(
        doomed.noted(Event(now, "destroy", "destroying", "user" if origin is Origin.OWNER else "fleetmend", why))
    )
    draft.note(now, "condemned", machine.id, {"host": machine.host, "origin": origin, "why": why})


def _recreate(effect: Recreate, draft: Draft, decision: str, now: datetime) -> None:
    original = draft.get(Machine, effect.machine)
    if original is None:
        return
    seed = f"{effect.key}:{effect.target}:{now.isoformat()}"
    new = replacement_of(original, names.machine_id(seed), names.instance_id(seed), effect, now)
    host = draft.get(Host, effect.target)
    # Where its app let it leave its region, it is of the one in which it runs.
    new = replace(new, region=host.region) if host is not None else new
    args = {
        "machine_id": new.id,
        "app": new.app,
        "name": new.name,
        "region": new.region,
        "instance_id": new.instance_id,
        "volumes": list(effect.volumes),
        "start": True,
        "source": original.id,
        "epoch": effect.epoch,
    }
    draft.put(new)
    _linked(draft, original, new, now)
    draft.put(_operation(f"create:{new.id}", "create", effect.target, args, now, decision=decision, machine=new.id))
    for volume_id in effect.volumes:
        volume = draft.get(Volume, volume_id)
        if volume:
            draft.put(replace(volume, machine=new.id))


def _linked(draft: Draft, original: Machine, new: Machine, now: datetime) -> None:
    """Who follows whom: after one that may have started on a host that was lost, the new one follows that one."""
    told = f"being recreated on {new.host}"
    last, after, seen = original, draft.get(Machine, original.replaced_by), {original.id}
    while after is not None and after.id not in seen:
        seen.add(after.id)
        last, after = after if after.alive else last, draft.get(Machine, after.replaced_by)
    if last is not original:
        draft.put(last.recovering(Recovery.PLACED, told, now, new.id))
        draft.put(original.recovering(Recovery.PLACED, told, now))
        return
    draft.put(original.recovering(Recovery.PLACED, told, now, new.id))


def replacement_of(original: Machine, new_id: str, instance: str, effect: Recreate, now: datetime) -> Machine:
    """A new machine under the same name, from nothing but what the original was."""
    blank = Machine(new_id, original.app, original.name, original.region, effect.target, instance, now, now)
    made = replace(blank, config=original.config, volumes=effect.volumes, replaces=original.id)
    made = replace(made, cordoned=original.cordoned)
    return made.noted(Event(now, "launch", "created", "fleetmend", f"replaces {original.id}"))


def _restore(effect: RestoreVolume, draft: Draft, decision: str, now: datetime) -> None:
    old = draft.get(Volume, effect.volume)
    if old is None:
        return
    new_id = names.volume_id(f"{effect.key}:{effect.target}:{now.isoformat()}")
    blank = Volume(new_id, old.app, old.name, old.region, effect.target, old.size_mb, now, state="restoring")
    draft.put(replace(blank, restored_from=effect.snapshot))
    args = {
        "volume_id": new_id,
        "app": old.app,
        "name": old.name,
        "size_mb": old.size_mb,
        "snapshot_id": effect.snapshot,
        "source_volume": old.id,
        "supersedes": old.id,
    }
    draft.put(_operation(f"restore:{new_id}", "create_volume", effect.target, args, now, decision=decision))


def _recovering(effect: NoteRecovery, draft: Draft, _decision: str, now: datetime) -> None:
    machine = draft.get(Machine, effect.machine)
    if machine:
        draft.put(machine.recovering(effect.stage, effect.reason, now, word=effect.word))


def _mark_dead(effect: MarkDead, draft: Draft, decision: str, now: datetime) -> None:
    draft.note(now, "host_dead", effect.host, {"decision": decision})


def _mark_alive(effect: MarkAlive, draft: Draft, decision: str, now: datetime) -> None:
    draft.note(now, "host_alive", effect.host, {"decision": decision})


def _quarantine(effect: Quarantine, draft: Draft, decision: str, now: datetime) -> None:
    machine = draft.get(Machine, effect.machine)
    if machine is None:
        return
    held = replace(machine, quarantined=effect.why)
    held = held.recovering(Recovery.HELD, effect.why, now, word=QUARANTINED)
    draft.put(held.noted(Event(now, "quarantine", "held", "fleetmend", effect.why)))
    draft.note(now, "quarantine", machine.id, {"why": effect.why, "decision": decision})


def _condemn(effect: Condemn, draft: Draft, _decision: str, now: datetime) -> None:
    condemn(draft, effect.machine, effect.why, now)


def _cordon(effect: Cordon | Uncordon, draft: Draft, _decision: str, _now: datetime) -> None:
    host = draft.get(Host, effect.host)
    if host:
        draft.put(replace(host, cordoned=effect.why if isinstance(effect, Cordon) else ""))


def _tell(effect: Tell, draft: Draft, decision: str, now: datetime) -> None:
    draft.note(now, "notice", effect.target, {"text": effect.text, "decision": decision})


def _call(effect: Call, draft: Draft, decision: str, now: datetime) -> None:
    args = {"to": effect.to, "playbook": effect.playbook, "target": effect.target, "text": effect.text}
    draft.put(_operation(effect.key, "webhook", "", {**args, "decision": decision}, now, decision=decision))


def _migrate(effect: Migrate, draft: Draft, _decision: str, now: datetime) -> None:
    machine = draft.get(Machine, effect.machine)
    if machine:
        # Agents know keys for long: one that was used once is never used again.
        key = f"{effect.key}:{now.timestamp():.0f}"
        draft.put(Migration(key, machine.id, machine.app, effect.source, effect.target, now, effect.reason))


def _provision(effect: Provision, draft: Draft, decision: str, now: datetime) -> None:
    key = f"{effect.key}:{now.timestamp():.0f}"
    # Names are known from the first: one that may have been taken at the provider is not given again.
    term = draft.get(Term, "term")
    naming = f"{term.naming}-" if term and term.naming else ""
    hosts = tuple(f"{effect.region}-burst{effect.round}-{naming}{number + 1}" for number in range(effect.hosts))
    burst = Burst(key, effect.region, effect.hosts, effect.size, now, effect.demands, names=hosts)
    draft.put(burst.moved_to(BurstStage.REQUESTED, now))
    write_loans(burst, draft)
    args = {
        "region": effect.region,
        "names": list(hosts),
        "size": asdict(effect.size),
    }
    draft.put(_operation(key, "provision", "", args, now, decision=decision))


def _give_up(effect: GiveUpDemands, draft: Draft, _decision: str, now: datetime) -> None:
    key = f"{effect.key}:{now.timestamp():.0f}"
    wanted = Burst(key, effect.region, 0, effect.size, now, effect.demands)
    draft.put(wanted.moved_to(BurstStage.STUCK, now, effect.why))


def _operation(
    key: str, verb: str, host: str, args: dict[str, Any], now: datetime, *, decision: str = "", machine: str = ""
) -> Operation:
    return Operation(key, verb, host, args, Origin.AUTOMATIC, now, machine, decision)


_WRITERS: dict[type, Callable[[Any, Draft, str, datetime], None]] = {
    MarkDead: _mark_dead,
    MarkAlive: _mark_alive,
    Quarantine: _quarantine,
    Recreate: _recreate,
    StandIn: stand_in,
    RestoreVolume: _restore,
    NoteRecovery: _recovering,
    Condemn: _condemn,
    Fence: write_fence,
    PowerCycle: write_power_cycle,
    Cordon: _cordon,
    Uncordon: _cordon,
    Migrate: _migrate,
    Provision: _provision,
    GiveUpDemands: _give_up,
    GiveBack: write_give_back,
    Tell: _tell,
    Call: _call,
}
