"""Whose place a machine takes that a person's word makes ours: no two of one name may be shown to traffic. PURE."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from remediator.model.fleet import routable
from remediator.model.host import Host
from remediator.model.machine import Machine


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
