"""How long an operation may take, how long it waits before it is tried again, when it is given up: by its verb."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Pace:
    """``seconds`` is the hard time-out of one try, ``longest`` the longest wait; after ``tries`` it fails, 0 never.

    What goes to an agent is never given up here: it is idempotent, and its host's death ends it.
    """

    seconds: float = 30.0
    longest: float = 5.0
    tries: int = 0


PACES = {
    "create_volume": Pace(seconds=150.0),
    "snapshot": Pace(seconds=150.0),
    "extend_volume": Pace(seconds=150.0),
    "provision": Pace(seconds=20.0, longest=30.0, tries=20),
    "give_back": Pace(seconds=20.0, longest=60.0, tries=40),
    "webhook": Pace(seconds=12.0, longest=60.0, tries=40),
}
# The other side may not know keys: a try whose end is uncertain is observed before it is repeated.
OBSERVED = frozenset({"webhook"})
_FIRST = 0.2
_STEEPEST = 16


def pace_of(verb: str) -> Pace:
    return PACES.get(verb, Pace())


def wait_after(verb: str, attempts: int) -> timedelta:
    """Longer after each attempt, up to the longest."""
    return timedelta(seconds=min(pace_of(verb).longest, _FIRST * 2 ** min(attempts, _STEEPEST)))


def given_up(verb: str, attempts: int) -> bool:
    tries = pace_of(verb).tries
    return tries > 0 and attempts >= tries
