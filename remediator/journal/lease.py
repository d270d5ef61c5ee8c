"""A lease of a shard: who leads it, in which term, and for how long."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Lease:
    """``until`` is by the database's clock, for people: the holder counts ``seconds`` from before it asked."""

    shard: str
    holder: str
    term: int
    seconds: float
    until: datetime


def session_name(shard: str, holder: str) -> str:
    """What a holder's sessions are called, so that a successor can end them; PostgreSQL keeps 63 bytes of it."""
    return f"fleetmend {shard} {holder}"[:63]
