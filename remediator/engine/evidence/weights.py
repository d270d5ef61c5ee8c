"""How much a vantage is to be believed: its weight falls with its own health, as in Lifeguard. PURE.

A weight makes a vantage's *silence* count for less; an answer that it heard vetoes as before.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from remediator.engine.evidence.verdicts import EvidenceTimes
from remediator.model.evidence import KERNEL_LIVES, Outcome, Sighting

# Of a loop's delay, in probe intervals: none up to the first, all belief is gone at the second.
_LAG_FREE, _LAG_LOST = 0.5, 2.0
# From this share of its hosts on, about which it alone disagrees, nothing is left of a vantage's word.
_DISSENT_LOST = 0.5
# The share is a moving average: a minute remembers about a third of what was before.
_MEMORY = timedelta(minutes=1)
# How many must say the opposite of one, for that one to be alone.
_OTHERS = 2


@dataclass(frozen=True, slots=True)
class VantageHealth:
    """What a vantage says of itself: how late its loop was in seconds, and its gateway (ok, silent or error)."""

    lag: float = 0.0
    gateway: str = "ok"


def weight_of(health: VantageHealth, dissent: float, interval: timedelta) -> float:
    """From 0 to 1, in tenths, so that it does not change at every breath; ``interval`` is that of its probes."""
    if health.gateway not in ("", "ok"):
        # It has lost its own way out: whatever it cannot hear may well be there. Older ones do not say.
        return 0.0
    late = health.lag / interval.total_seconds()
    in_time = 1 - _within((late - _LAG_FREE) / (_LAG_LOST - _LAG_FREE))
    in_company = 1 - _within(dissent / _DISSENT_LOST)
    return round(in_time * in_company, 1)


def dissent_after(before: float, alone: int, hosts: int, seconds: float) -> float:
    """The share of its hosts about which a vantage alone disagrees, averaged over the last minute or so."""
    share = alone / hosts if hosts else 0.0
    return before + (share - before) * (1 - math.exp(-seconds / _MEMORY.total_seconds()))


def lone_dissenter(sighting: Sighting, times: EvidenceTimes, now: datetime) -> str:
    """The vantage that alone says the opposite of two others or more, unbroken for a vote's life; empty if none.

    Whoever hears a host that sends heartbeats is right, however many hear nothing.
    """
    fresh = [vote for vote in sighting.votes if vote.received and now - vote.received < times.vote_life]
    silent = [vote for vote in fresh if vote.outcome is Outcome.SILENT]
    living = [vote for vote in fresh if vote.outcome in KERNEL_LIVES]
    if any(now - (vote.silent_since or now) < times.vote_life for vote in silent):
        return ""
    if len(silent) == 1 and len(living) >= _OTHERS:
        return silent[0].vantage
    beats = sighting.heartbeat is not None and now - sighting.heartbeat < times.heartbeat_life
    return living[0].vantage if len(living) == 1 and len(silent) >= _OTHERS and not beats else ""


def _within(share: float) -> float:
    return min(1.0, max(0.0, share))
