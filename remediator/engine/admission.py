"""A returned host: which of its machines stay, which go, and when it may serve again."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from remediator.model.fleet import Fleet
from remediator.model.host import Host, Life
from remediator.model.machine import Machine, MachineState

# How long a returned original may take to run again before its replacement wins.
START_GRACE = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Admission:
    """What admitting a host means: replacements to withdraw, originals to condemn instead."""

    host: str
    withdraw: tuple[str, ...] = ()
    condemn: tuple[str, ...] = ()


def admission(fleet: Fleet, host: Host, now: datetime) -> Admission | str:
    """The admission of a returning host, or the sentence that says why not yet.

    It waits until no condemned machine is left on the host, and until the originals that stay run again, so that
    at no instant both an original and its replacement are routable.
    """
    if host.life is not Life.RETURNING:
        return "not returning"
    sighting = fleet.sightings.get(host.name)
    if sighting is None or not sighting.connected:
        return "its agent is not connected"
    left = [destroy for destroy in fleet.destroys.values() if destroy.host == host.name and destroy.open]
    if left:
        return f"{len(left)} condemned machines are not yet seen absent"
    return _settled(fleet, host, now)


def _settled(fleet: Fleet, host: Host, now: datetime) -> Admission | str:
    withdraw: list[str] = []
    condemn: list[str] = []
    for machine in fleet.machines_on(host.name):
        successors = [each.id for each in fleet.successors(machine) if each.alive]
        if not machine.alive or not successors:
            continue
        verdict = _original(fleet, host, machine, now)
        if verdict == "stays":
            withdraw.extend(successors)
        elif verdict == "goes":
            condemn.append(machine.id)
        else:
            return verdict
    return Admission(host.name, tuple(withdraw), tuple(condemn))


def _original(fleet: Fleet, host: Host, machine: Machine, now: datetime) -> str:
    """``stays``, ``goes``, or the sentence that says what is waited for; it never goes before another serves."""
    fresh = now - (host.returned_at or now) < START_GRACE
    if _keeps(fleet, machine):
        if machine.state is MachineState.STARTED:
            return "stays"
        if fresh:
            return f"original {machine.id} does not run yet"
        if machine.state is MachineState.STOPPED:
            return "stays"
    if fleet.served_elsewhere(machine):
        return "goes"
    return f"neither original {machine.id} nor its replacement runs yet"


def _keeps(fleet: Fleet, machine: Machine) -> bool:
    policy = fleet.on_return.get(machine.app) or fleet.on_return.get("", "keep_original")
    # A restored volume has moved on without the original: two histories are worse than a lost seat.
    return policy == "keep_original" and machine.stateless
