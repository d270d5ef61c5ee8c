"""What agents hold that our journal does not know, and the other way round: the gap that a restored copy leaves."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ahead:
    """An agent that has heard more of us than our journal holds."""

    host: str
    incarnation: str
    term: int
    sequence: int


@dataclass(frozen=True, slots=True)
class Differing:
    """A machine or volume of which an agent and the journal say different things."""

    id: str
    app: str
    name: str
    told: str
    known: str


@dataclass(frozen=True, slots=True)
class Gap:
    """The whole of it; ``reason`` is empty while nothing is amiss.

    ``unknown`` run on a host and are not in the journal; ``elsewhere`` run on another host than it says; ``missing``
    are in it, and their host's agent has them not. ``forgotten`` are operations of before that are never sent,
    ``destroys`` those that are, once somebody accepts. ``silent`` are hosts that have not told what they hold.
    """

    reason: str
    ahead: tuple[Ahead, ...] = ()
    unknown: tuple[Differing, ...] = ()
    elsewhere: tuple[Differing, ...] = ()
    missing: tuple[Differing, ...] = ()
    volumes: tuple[Differing, ...] = ()
    forgotten: tuple[str, ...] = ()
    destroys: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
