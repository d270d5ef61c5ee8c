"""Hosts that leave: the dead by a person's attestation, the living once they are empty. PURE."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from remediator.actions import drain
from remediator.actions.effects import Effect
from remediator.actions.spec import Case
from remediator.engine.machines.placement import placed
from remediator.engine.machines.refusals import precondition
from remediator.engine.people.spoken import Change, Ground, host_named, listed, told_by
from remediator.engine.people.undone import moves_back
from remediator.model.decision import Remediation
from remediator.model.fleet import Fleet
from remediator.model.host import Host, HostStatus, Life
from remediator.model.machine import Event, Machine, MachineState, Recovery
from remediator.model.policy import Limits, Mode, Playbook
from remediator.model.request import Destroy, DestroyStage, Origin
from remediator.model.said import Remove, Retire, Said

REMOVED = "removed"
WORDS = ("wiped", "destroyed")
# Under this name the moves off a leaving host are told; it is no file.
LEAVING = Playbook("host_remove", Mode.AUTO, "host", ())


def retired(word: Retire, said: Said, ground: Ground) -> Change:
    """Whatever waited for the host is complete: it never comes back with what it held."""
    host = host_named(word.host, ground)
    if host.life is Life.RETIRED:
        return Change(host.name, f"{host.name} is retired already: {host.reason}")
    if host.life is not Life.DEAD and host.joined:
        told = f"{host.name} is {host.life}: a living host leaves by 'fleetmend host remove {host.name}'"
        raise precondition(told)
    gone = _attested(host, word.attested, said, ground.now)
    fleet = replace(ground.fleet, hosts={**ground.fleet.hosts, host.name: gone})
    left = () if word.abandon else unserved(gone, fleet)
    rows = tuple(departed(gone, fleet, ground.now, abandon=word.abandon))
    return Change(host.name, f"{host.name} is {_stands(word.attested, left, told_by(said))}", (gone, *rows))


def _stands(attested: str, left: tuple[str, ...], said: str) -> str:
    if not left:
        return f"retired, attested {attested}{said}"
    told = f"nothing serves yet for {len(left)} of its machines ({listed(left)})"
    return f"attested {attested}{said}; {told}: it is retired once that is so, or with --abandon"


def _attested(host: Host, attested: str, said: Said, now: datetime) -> Host:
    """A person's word that it is off is a proof like the BMC's."""
    if host.attested == attested:
        return host
    told = replace(host, attested=attested, attested_by=said.by, attested_why=said.why, attested_at=now)
    if attested == REMOVED:
        return replace(told, cordoned=told.cordoned or f"leaving{told_by(said)}")
    return told.vouched(f"{said.by}: {attested}", now)


def removed(word: Remove, said: Said, ground: Ground) -> Change:
    """No new work comes, what it has moves away, and when it is empty it leaves."""
    host = host_named(word.host, ground)
    if host.life is Life.RETIRED:
        return Change(host.name, f"{host.name} is retired already: {host.reason}")
    if word.stay:
        return _stays(host, said, ground)
    if host.life is Life.DEAD:
        told = f"{host.name} is dead: it leaves by 'fleetmend retire {host.name} --attest wiped|destroyed'"
        raise precondition(told)
    going = _attested(host, REMOVED, said, ground.now)
    fleet = replace(ground.fleet, hosts={**ground.fleet.hosts, host.name: going})
    rows = tuple(departed(going, fleet, ground.now))
    left = remains(going, fleet)
    stands = f"is leaving{told_by(said)}; first: {left}" if left else f"has left{told_by(said)}"
    return Change(host.name, f"{host.name} {stands}", (going, *rows))


def _stays(host: Host, said: Said, ground: Ground) -> Change:
    if host.attested != REMOVED:
        return Change(host.name, f"{host.name} is not leaving")
    stays = replace(host, attested="", attested_by="", attested_why="", attested_at=None)
    if stays.cordoned.startswith("leaving"):
        stays = replace(stays, cordoned="")
    puts, drops, told = moves_back(LEAVING.name, host.name, said, ground)
    also = f"; {'; '.join(told)}" if told else ""
    return Change(host.name, f"{host.name} stays{told_by(said)}{also}", (stays, *puts), tuple(drops))


def unserved(host: Host, fleet: Fleet) -> tuple[str, ...]:
    """Machines of the host that still wait for a replacement: its retirement waits for them."""
    here = [machine for machine in fleet.machines_on(host.name) if machine.alive and not machine.adopted]
    wanted = [machine for machine in here if machine.id not in fleet.destroys]
    return tuple(sorted(machine.id for machine in wanted if not _served(machine, fleet)))


def _served(machine: Machine, fleet: Fleet) -> bool:
    return machine.recovery is Recovery.SERVING and fleet.served_elsewhere(machine)


def departed(host: Host, fleet: Fleet, now: datetime, *, abandon: bool = False) -> Iterator[Any]:
    """Rows that follow from an attestation by now: destroys that are complete, and at last the host's retirement."""
    if host.attested == REMOVED:
        if host.life in (Life.HEALTHY, Life.PROBATION) and not remains(host, fleet):
            yield left(host, now)
        return
    if host.attested not in WORDS or (host.life is not Life.DEAD and host.joined):
        return
    waiting = () if abandon else unserved(host, fleet)
    gone = [m for m in fleet.machines_on(host.name) if m.state is not MachineState.DESTROYED and m.id not in waiting]
    for machine in gone:
        yield from _absent(machine, host, fleet, now)
    if not waiting:
        yield from (replace(each, state="lost", machine="") for each in fleet.volumes_on(host.name))
        yield left(host, now)


def left(host: Host, now: datetime) -> Host:
    """Retired, for what was attested."""
    why = f": {host.attested_why}" if host.attested_why else ""
    reason = f"{host.attested} by {host.attested_by}{why}"
    gone = host if host.life is not Life.PROBATION else host.moved_to(Life.HEALTHY, now=now, reason=reason)
    return gone.moved_to(Life.RETIRED, now=now, reason=reason).with_status(HostStatus.UNREACHABLE, now)


def _absent(machine: Machine, host: Host, fleet: Fleet, now: datetime) -> Iterator[Any]:
    """Its absence is attested: a destroy that waited is complete, and one that nobody asked for is there now."""
    why = f"its host was {host.attested}: attested by {host.attested_by}"
    asked = fleet.destroys.get(machine.id)
    known = asked or Destroy(machine.id, machine.app, machine.host, Origin.OPERATOR, why, now)
    if known.open:
        yield known.moved_to(DestroyStage.VERIFIED_ABSENT, now)
    ended = replace(machine, state=MachineState.DESTROYED, condemned_at=machine.condemned_at or now)
    ended = replace(ended, condemned_why=machine.condemned_why or why)
    yield ended.noted(Event(now, "destroy", "destroyed", "operator", why))
    for volume_id in machine.volumes:
        volume = fleet.volumes.get(volume_id)
        if volume and volume.machine == machine.id:
            yield replace(volume, machine="")


def remains(host: Host, fleet: Fleet) -> str:
    """What a leaving host still holds, in words; empty when it may leave."""
    here = [machine for machine in fleet.machines_on(host.name) if machine.state is not MachineState.DESTROYED]
    moving = [each for each in fleet.migrations.values() if each.open and host.name in (each.source, each.target)]
    volumes = [each for each in fleet.volumes_on(host.name) if each.free]
    counted = ((len(here), "machines"), (len(moving), "migrations"), (len(volumes), "volumes"))
    return ", ".join(f"{count} {what}" for count, what in counted if count)


def leavers(hosts: Iterable[Host]) -> list[Host]:
    """Hosts that an attestation has begun to take away."""
    return [host for host in hosts if host.leaving]


def moves(host: Host, fleet: Fleet, now: datetime) -> tuple[Effect, ...]:
    """The next moves off a living host that leaves; none while all acting is stopped."""
    if host.attested != REMOVED or host.life is not Life.HEALTHY or fleet.frozen:
        return ()
    case = Case(LEAVING, host.name, host, Remediation(LEAVING.name, host.name, now), fleet, Limits(), now)
    planned = drain.plan(case, drain.DrainParams())
    return placed(planned.effects, fleet)[0]
