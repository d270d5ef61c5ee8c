"""Returned hosts let in: what stays, what is withdrawn for it, and what must go first; and who cannot be killed."""

from dataclasses import replace
from datetime import datetime

from remediator.actions.ceiling import Room
from remediator.engine.machines.admission import SURVIVORS, Admission, admission, early, outlived, shut, stillborn
from remediator.model.fleet import Fleet
from remediator.model.host import Host, HostStatus, Life
from remediator.model.layered import picked
from remediator.model.machine import Event, Machine, MachineState, Recovery, Volume
from remediator.runtime.agents.absorb import detach
from remediator.runtime.effects.written import condemn
from remediator.runtime.ledger import Draft

_UNBORN = "its host was lost before it started"


def admit(fleet: Fleet, draft: Draft, now: datetime) -> None:
    """Let in whoever may: returned hosts as a whole, or those of their machines that nothing stands against."""
    for host in picked(fleet.hosts, "life", Life.RETURNING):
        room = Room(replace(fleet, destroys=draft.overlay(fleet.destroys, "Destroy")), now)
        found = admission(fleet, host, now, room)
        if isinstance(found, Admission):
            _admit(fleet, host, found, draft, now)
        else:
            _admit_some(fleet, host, early(fleet, host, now, room), draft, now)
            _cordon_wedged(fleet, host, draft, now)


def end_outlived(fleet: Fleet, host: Host, draft: Draft, now: datetime) -> tuple[str, ...]:
    """Condemn whose volume lives on in a copy that serves, before they could start again.

    Behind a closed gate none is, nor is one whose copy was lost or not yet heard of: those that are returned must be
    kept from starting until it is clear which of the two there is.
    """
    found = outlived(fleet, host)
    kept = [each for each in found if shut(fleet) or not fleet.served_elsewhere(fleet.machines[each])]
    for machine_id in found:
        if machine_id not in kept:
            condemn(draft, machine_id, "its volume was restored elsewhere", now)
    return tuple(kept)


def _admit_some(fleet: Fleet, host: Host, found: Admission, draft: Draft, now: datetime) -> None:
    """Whoever has nothing to do with what must go serves at once; its replacement, if any, stops in this instant."""
    for machine_id in found.condemn:
        _let_go(fleet, draft, machine_id, now)
    for machine_id in found.withdraw:
        condemn(draft, machine_id, "withdrawn: its original came back in time", now)
    for machine_id in found.machines:
        mine = draft.get(Machine, machine_id) or fleet.machines[machine_id]
        draft.put(replace(_kept(mine, now), admitted_epoch=host.epoch))
        _stands_in(fleet, draft, mine, now)
        _keeps_its_volumes(draft, mine)
    if found.machines:
        draft.note(now, "admitted", host.name, {"machines": found.machines, "epoch": host.epoch})


def _cordon_wedged(fleet: Fleet, host: Host, draft: Draft, now: datetime) -> None:
    """What cannot be killed a minute after it was cut off: no work goes there until it is gone."""
    sighting = fleet.sightings.get(host.name)
    lasting = [claim.text for claim in sighting.claims if claim.by == "return"] if sighting else []
    known = draft.get(Host, host.name) or host
    if lasting and not known.cordoned:
        draft.put(replace(known, cordoned=SURVIVORS))
        reason = f"cordoned: {', '.join(lasting)}"
        draft.note(now, "host", host.name, {"life": known.life, "status": known.status, "reason": reason})


def _admit(fleet: Fleet, host: Host, found: Admission, draft: Draft, now: datetime) -> None:
    """One transaction: replacements stop being routable in the instant in which their originals start to be."""
    for machine_id in found.condemn:
        _let_go(fleet, draft, machine_id, now)
    if found.condemn:
        # Not yet: what was just condemned must be seen absent first, and until then the replacements serve on.
        return
    for machine_id in found.withdraw:
        condemn(draft, machine_id, "withdrawn: its original came back in time", now)
    known = draft.get(Host, host.name) or host
    admitted = known.moved_to(Life.PROBATION, now=now, reason="admitted").with_status(HostStatus.OK, now)
    if admitted.cordoned == SURVIVORS:
        # Healing: what it was cordoned for was seen to be gone.
        admitted = replace(admitted, cordoned="")
    draft.put(admitted)
    for machine in fleet.machines_on(host.name):
        mine = draft.get(Machine, machine.id) or machine
        if mine.alive:
            draft.put(_kept(mine, now))
            _stands_in(fleet, draft, mine, now)
            _keeps_its_volumes(draft, mine)
    draft.note(now, "host", host.name, {"life": admitted.life, "status": admitted.status, "reason": "admitted"})


def _let_go(fleet: Fleet, draft: Draft, machine_id: str, now: datetime) -> None:
    """Another serves in its place, or it failed at its birth and is in the way of another try."""
    mine = fleet.machines[machine_id]
    original = draft.get(Machine, mine.replaces)
    if original is None or not stillborn(fleet, mine):
        condemn(draft, machine_id, "its replacement is kept", now)
        return
    condemn(draft, machine_id, _UNBORN, now)
    draft.put(original.without(machine_id))


def _stands_in(fleet: Fleet, draft: Draft, mine: Machine, now: datetime) -> None:
    """A replacement whose host was lost before it was heard of: it stands for its original, or was never made."""
    original = draft.get(Machine, mine.replaces)
    if mine.recovery is Recovery.NONE or original is None or not original.alive:
        return
    if original.recovery in (Recovery.PLACED, Recovery.SERVING):
        return
    if all(each.id != mine.id for each in fleet.successors(original)):
        return
    if mine.state is MachineState.FAILED:
        # Its host says that it has nothing of that name: there is nothing to destroy, and no gate to ask.
        ended = replace(mine, state=MachineState.DESTROYED)
        draft.put(ended.noted(Event(now, "launch", "failed", "agent", _UNBORN)), original.without(mine.id))
        detach(draft, mine)
    else:
        draft.put(original.recovering(Recovery.PLACED, f"{mine.id} is back with its host", now))


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
