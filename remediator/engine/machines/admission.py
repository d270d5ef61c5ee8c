"""A returned host: which machines stay, which go, and when each of them, and all of it, may serve again. PURE."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from remediator.actions.ceiling import Room, added
from remediator.actions.ceiling import words as ceiling
from remediator.actions.proof import never_ran
from remediator.engine.guards.self_fencing import fenced, grave
from remediator.model.evidence import Claim, VerdictKind
from remediator.model.fleet import Fleet
from remediator.model.host import Host, Life
from remediator.model.machine import LOST_EVENT, Machine, MachineState, Recovery
from remediator.model.request import Destroy, Origin

# How long a returned original may take to run again before its replacement wins.
START_GRACE = timedelta(seconds=10)
# What is condemned and still there so long after its cut-off cannot be killed: the host is wedged.
CUT_OFF_LIFE = timedelta(seconds=60)
# What a host says that was cordoned for it.
SURVIVORS = "survivors"
GATE_SHUT = "the metrics store cannot be trusted"
COPY_STANDS = "a copy of its volume runs elsewhere, or may"


@dataclass(frozen=True, slots=True)
class Admission:
    """What admitting a host means: replacements to withdraw, originals to condemn instead.

    ``machines`` are those that may serve before the host as a whole is admitted.
    """

    host: str
    withdraw: tuple[str, ...] = ()
    condemn: tuple[str, ...] = ()
    machines: tuple[str, ...] = ()


def admission(fleet: Fleet, host: Host, now: datetime, room: Room | None = None) -> Admission | str:
    """The admission of a returning host, or the sentence that says why not yet.

    It waits until no condemned machine is left on the host, and until the originals that stay run again, so that
    at no instant both an original and its replacement are routable. ``room`` is what the ceiling over automatic
    destroys leaves; more than that waits.
    """
    if host.life is not Life.RETURNING:
        return "not returning"
    if not _in_touch(fleet, host):
        return "its agent is not connected"
    if host.let_go_due:
        lifting = fleet.operations.get(host.unfence_key)
        why = f" ({lifting.error})" if lifting and lifting.error else ""
        return f"the orchestrator has not yet let it go that was to cut it off{why}"
    left = _left(fleet, host)
    if left:
        return f"{len(left)} condemned machines are not yet seen absent"
    return _settled(fleet, host, now, room or Room(fleet, now))


def early(fleet: Fleet, host: Host, now: datetime, room: Room | None = None) -> Admission:
    """Whoever of a returning host may serve although others of it must go or are waited for.

    A machine is admitted as soon as no condemned one shares its app or a volume with it, and it is clear whether the
    original or its replacement stays.
    """
    if host.life is not Life.RETURNING or not _in_touch(fleet, host) or host.let_go_due:
        return Admission(host.name)
    left = _left(fleet, host)
    doomed = [machine for machine in fleet.machines_on(host.name) if machine.id in left]
    apps, volumes = set(left.values()), {volume for machine in doomed for volume in machine.volumes}
    others = [m for m in fleet.machines_on(host.name) if m.app not in apps and not volumes.intersection(m.volumes)]
    waiting = [m for m in others if m.alive and not m.condemned and m.admitted_epoch != host.epoch]
    words = {machine.id: _word(fleet, host, machine, now) for machine in waiting}
    room = room or Room(fleet, now)
    stays = [m for m in waiting if words[m.id] == "stays" and not room.take(_spent(fleet, m, now))]
    going = [machine for machine in waiting if words[machine.id] == "goes" and not shut(fleet)]
    goes = [machine for machine in going if not room.take([host.name])]
    return Admission(
        host.name,
        withdraw=tuple(each.id for machine in stays for each in _living_after(fleet, machine)),
        condemn=tuple(machine.id for machine in goes),
        machines=tuple(machine.id for machine in stays),
    )


def outlived(fleet: Fleet, host: Host) -> tuple[str, ...]:
    """Machines of a returning host whose volume lives on in a copy, or may: they must not start again."""
    mine = fleet.machines_on(host.name) if host.life is Life.RETURNING else ()
    return tuple(each.id for each in mine if each.alive and each.volumes and _may_live_on(fleet, each))


def copied(fleet: Fleet, machine_id: str) -> bool:
    """Whether it still has no life of its own: something lives in its place, or it is condemned or gone."""
    machine = fleet.machines.get(machine_id)
    return machine is None or not machine.alive or _may_live_on(fleet, machine)


def _may_live_on(fleet: Fleet, machine: Machine) -> bool:
    """Whether a copy of it runs or may run; one that was never heard of on a host that is proved off does not."""
    return not all(never_ran(each, fleet.hosts.get(each.host)) for each in _living_after(fleet, machine))


def stillborn(fleet: Fleet, machine: Machine) -> bool:
    """A replacement whose host was lost before it was heard of, and which is back without it; nothing else stands in
    for its original either."""
    original = fleet.machines.get(machine.replaces)
    if machine.state is not MachineState.FAILED or machine.recovery is Recovery.NONE or original is None:
        return False
    if not original.alive or original.recovery in (Recovery.PLACED, Recovery.SERVING):
        return False
    return any(each.id == machine.id for each in fleet.successors(original))


def shut(fleet: Fleet) -> str:
    """Why no original is condemned now: the gate is closed or unknown, or we doubt ourselves. Until then it waits."""
    if doubts := grave(fleet):
        return fenced({"doubts": doubts}).text
    return "" if fleet.gate and fleet.gate.open else GATE_SHUT


def _spent(fleet: Fleet, machine: Machine, now: datetime) -> list[str]:
    """Hosts of its replacements that count under their ceiling when they are withdrawn."""
    return [each.host for each in _living_after(fleet, machine) if not added(each, fleet.limits, now)]


def survivors(destroys: Iterable[Destroy], host: Host, patience: timedelta, now: datetime) -> tuple[str, ...]:
    """Condemned machines of a returned host that are there a minute after they were cut off, so far as is known.

    The cut-off is the welcome that named them; one that was not told to this life of the host is none. What was
    condemned automatically its agent spares until patience is over, whatever we say.
    """
    if host.life is not Life.RETURNING or host.returned_at is None:
        return ()
    told = [each for each in destroys if each.host == host.name and each.open and each.epoch == host.epoch]
    spared = (host.died_at or host.returned_at) + patience
    lasting = [each for each in told if now - _cut_off(each, host.returned_at, spared) >= CUT_OFF_LIFE]
    return tuple(sorted(each.machine for each in lasting))


def _cut_off(destroy: Destroy, returned: datetime, spared: datetime) -> datetime:
    moments = (returned, destroy.asked_at)
    return max(*moments, spared) if destroy.origin is Origin.AUTOMATIC else max(moments)


def survivors_claim(lasting: tuple[str, ...], now: datetime) -> tuple[Claim, ...]:
    """That the host is wedged, if anything has survived."""
    if not lasting:
        return ()
    told = f"{len(lasting)} condemned machines outlived their cut-off by a minute ({', '.join(lasting)})"
    return (Claim(VerdictKind.WEDGED, "return", now, told),)


def _in_touch(fleet: Fleet, host: Host) -> bool:
    sighting = fleet.sightings.get(host.name)
    return sighting is not None and sighting.connected


def _left(fleet: Fleet, host: Host) -> dict[str, str]:
    """The app of each machine that must go first."""
    mine = [destroy for destroy in fleet.destroys.values() if destroy.host == host.name and destroy.open]
    return {destroy.machine: destroy.app for destroy in mine}


def _word(fleet: Fleet, host: Host, machine: Machine, now: datetime) -> str:
    """As ``_original`` says of a machine that was replaced; any other stays, but for what failed at its birth."""
    if _living_after(fleet, machine):
        return _original(fleet, host, machine, now)
    return "goes" if stillborn(fleet, machine) and not missing(host, machine) else "stays"


def _living_after(fleet: Fleet, machine: Machine) -> list[Machine]:
    return [each for each in fleet.successors(machine) if each.alive]


def _settled(fleet: Fleet, host: Host, now: datetime, room: Room) -> Admission | str:
    withdraw: list[str] = []
    condemn: list[str] = []
    going: list[str] = []
    for machine in fleet.machines_on(host.name):
        if not machine.alive:
            continue
        verdict = _word(fleet, host, machine, now)
        if verdict == "stays":
            withdraw.extend(each.id for each in _living_after(fleet, machine))
            going.extend(_spent(fleet, machine, now))
        elif verdict == "goes":
            condemn.append(machine.id)
            going.append(host.name)
        else:
            return verdict
    if condemn and (why := shut(fleet)):
        return f"{len(condemn)} machines that were replaced must go, which waits: {why}"
    if full := room.take(going):
        return f"its admission would destroy more of {full} than automatic decisions may: {ceiling(fleet.limits)}"
    return Admission(host.name, tuple(withdraw), tuple(condemn))


def _original(fleet: Fleet, host: Host, machine: Machine, now: datetime) -> str:
    """``stays``, ``goes``, or the sentence that says what is waited for; it never goes before another serves."""
    fresh = now - (host.returned_at or now) < START_GRACE
    if _keeps(fleet, machine):
        if machine.state is MachineState.STARTED:
            return "stays"
        if fresh:
            return f"original {machine.id} does not run yet"
        if machine.state in (MachineState.STOPPED, MachineState.SUSPENDED):
            return "stays"
    if fleet.served_elsewhere(machine) or missing(host, machine):
        return "goes"
    if _keeps(fleet, machine) and _all_failed(machine, *_living_after(fleet, machine)):
        return "stays"
    away = [each for each in _living_after(fleet, machine) if machine.volumes and _is_lost(fleet, each.host)]
    if away:
        return f"{machine.id} must not start while its copy {away[0].id} may run on lost host {away[0].host}"
    return f"neither original {machine.id} nor its replacement runs yet"


def _is_lost(fleet: Fleet, name: str) -> bool:
    host = fleet.hosts.get(name)
    return host is None or host.life is Life.DEAD


def missing(host: Host, machine: Machine) -> bool:
    """Whether its host has said since it is back that it has it no longer: nothing is left that could run again."""
    failed, back = machine.state is MachineState.FAILED, host.returned_at
    return failed and any(each.kind == LOST_EVENT and back is not None and each.at >= back for each in machine.events)


def _all_failed(*machines: Machine) -> bool:
    """None of them will run by itself; whoever waits for that keeps all others of its host away for ever."""
    return all(machine.state is MachineState.FAILED for machine in machines)


def _keeps(fleet: Fleet, machine: Machine) -> bool:
    if machine.volumes:
        # A restored volume has moved on without the original: two histories are worse than a lost seat.
        return not _may_live_on(fleet, machine)
    return (fleet.on_return.get(machine.app) or fleet.on_return.get("", "keep_original")) == "keep_original"
