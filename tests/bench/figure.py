"""What a benchmark hands back."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value beside its target; ``value`` is None when a run failed and nothing was measured.

    ``target`` is for people ("<= 8"), ``peer`` the same figure of a comparable program, "" where there is none.
    """

    name: str
    value: float | None
    unit: str
    target: str
    holds: bool
    peer: str = ""


def at_most(name: str, value: float | None, unit: str, limit: float, peer: str = "") -> Figure:
    """A figure that holds while it is at most ``limit``; one that could not be measured does not hold."""
    return Figure(name, value, unit, f"<= {limit:g}", value is not None and value <= limit, peer)
