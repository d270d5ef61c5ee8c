"""A machine that runs and is not ours becomes ours by a person's word: whose place it takes, and the rows. PURE.

No two of one name may be shown to traffic.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from remediator.engine.machines.refusals import Refused, Terms
from remediator.engine.people.spoken import Change, Ground, told_by, unknown
from remediator.model.fleet import routable
from remediator.model.host import Host, Life
from remediator.model.machine import Event, Machine, Recovery, Volume
from remediator.model.said import Said, TakeOver


@dataclass(frozen=True, slots=True)
class Place:
    """``original`` is whom it replaces; ``held`` says why it stays held instead, empty where it does not."""

    original: Machine | None = None
    held: str = ""


def place_of(machine: Machine, known: Iterable[Machine], hosts: Mapping[str, Host], there: Collection[str]) -> Place:
    """The place of a machine among all that are ``known``; ``there`` are ids that some agent says it holds."""
    same = [each for each in known if (each.app, each.name) == (machine.app, machine.name)]
    rivals = [each for each in same if each.alive and not each.adopted and each.id != machine.id]
    standing = [each for each in rivals if each.id in there or routable(each, hosts.get(each.host))]
    if standing:
        first = min(standing, key=lambda each: each.id)
        return Place(held=f"{first.id} on {first.host} has the same app and name, and stands")
    if len(rivals) > 1:
        return Place(held=f"{len(rivals)} lost machines have the same app and name")
    return Place(rivals[0] if rivals else None)


def taken_over(word: TakeOver, said: Said, ground: Ground) -> Change:
    """An adopted machine becomes ours: routed, replaced when its host dies, moved.

    Raises:
        Refused: nothing alive is called so, or another of its name stands in its place.
    """
    fleet = ground.fleet
    machine = fleet.machines.get(word.machine)
    if machine is None or not machine.alive:
        raise unknown("adopted machine", word.machine, (each.id for each in fleet.machines.values() if each.adopted))
    if not machine.adopted:
        return Change(machine.id, f"{machine.id} is ours already")
    if machine.condemned:
        raise Refused(f"failed_precondition: {machine.id} is condemned: {machine.condemned_why}", Terms(412))
    # A machine that only stands still on a host that lives is not lost, and keeps its place.
    there = {each.id for each in fleet.machines.values() if not _lost(fleet.hosts.get(each.host))}
    place = place_of(machine, fleet.machines.values(), fleet.hosts, there)
    if place.held:
        raise Refused(f"failed_precondition: {machine.id} stays held: {place.held}", Terms(412))
    text = f"taken over{told_by(said)}"
    rows = tuple(made_ours(machine, place, fleet.volumes, text, ground.now))
    instead = f" in place of {place.original.id}" if place.original else ""
    return Change(machine.id, f"{machine.id} on {machine.host} is ours{instead}", rows)


def made_ours(
    machine: Machine, place: Place, volumes: Mapping[str, Volume], why: str, now: datetime
) -> Iterator[Machine | Volume]:
    """It, the lost one whose place it takes, and that one's volumes, which its own of the same name supersede."""
    original = place.original
    ours = replace(machine, adopted=False, replaced_by="", recovery=Recovery.NONE)
    ours = replace(ours, replaces=original.id if original else ours.replaces)
    yield ours.noted(Event(now, "taken_over", machine.state.value, "user", why))
    if original is None:
        return
    yield original.recovering(Recovery.SERVING, f"replaced by {ours.id} on {ours.host}: {why}", now, ours.id)
    news = {volume.name: volume for each in ours.volumes if (volume := volumes.get(each))}
    for old in filter(None, map(volumes.get, original.volumes)):
        if old.name in news and old.id != news[old.name].id:
            yield replace(old, superseded_by=news[old.name].id)


def _lost(host: Host | None) -> bool:
    return host is None or host.life in (Life.DEAD, Life.RETIRED)
