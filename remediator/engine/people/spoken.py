"""A person's word against what is known: who is meant, whether it may be said, and the rows that it changes. PURE."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any

from remediator.engine.machines.refusals import Refused, Terms
from remediator.model.errors import BadInput, Problem
from remediator.model.fleet import Fleet
from remediator.model.host import Host
from remediator.model.policy import Playbook
from remediator.model.said import Said

# An end further away than this is none.
LONGEST = timedelta(days=90)
_LISTED = 5


@dataclass(frozen=True, slots=True)
class Ground:
    """What a word is judged against."""

    fleet: Fleet
    playbooks: Mapping[str, Playbook]
    now: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """Rows to keep and to drop, machines to condemn, and the sentence that is answered.

    ``subjects`` are whom history tells it of, where that is more than one.
    """

    subject: str
    text: str
    puts: tuple[Any, ...] = ()
    drops: tuple[Any, ...] = ()
    condemns: tuple[str, ...] = ()
    until: datetime | None = None
    subjects: tuple[str, ...] = ()


def unknown(what: str, name: str, known: Iterable[str], told: str = "") -> Refused:
    """No such name, with the one that was meant where one is near; ``told`` in place of the usual words before it."""
    near = get_close_matches(name[:80], sorted(known), 1, 0.6)
    meant = f" (did you mean {near[0]!r}?)" if near else ""
    return Refused(f"not_found: {told or f'no {what} is called'} {name!r}{meant}", Terms(404))


def host_named(name: str, ground: Ground) -> Host:
    """The host of that name.

    Raises:
        Refused: there is none.
    """
    host = ground.fleet.hosts.get(name)
    if host is None:
        raise unknown("host", name, ground.fleet.hosts)
    return host


def end_of(said: Said, now: datetime) -> datetime:
    """When a word ends.

    Raises:
        BadInput: no end was named, or it lies in the past or too far away.
    """
    if said.until is None:
        raise wrong("until: say when it ends, such as for 2h")
    if said.until <= now:
        raise wrong(f"until: {moment(said.until)} is in the past, it is {moment(now)}")
    if said.until - now > LONGEST:
        raise wrong(f"until: {moment(said.until)} is more than {LONGEST.days} days away: name a nearer end")
    return said.until


def wrong(text: str) -> BadInput:
    return BadInput([Problem("", 0, 0, text)])


def moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}Z"


def told_by(said: Said) -> str:
    """`` by ada: why``; the reason only where there is one."""
    return f" by {said.by}" + (f": {said.why}" if said.why else "")


def listed(names: Iterable[str]) -> str:
    """The first few, and how many more."""
    every = list(names)
    rest = len(every) - _LISTED
    return ", ".join(every[:_LISTED]) + (f" and {rest} more" if rest > 0 else "")
