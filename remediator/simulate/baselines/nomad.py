"""Nomad's heartbeats, its decision logic, for jobs without a ``disconnect`` block (the default).

A client's TTL is 10 s and up to as much again by stagger (the middle is taken), scaled so that the whole fleet sends
at most 50 heartbeats a second; 10 s of grace follow. A new leader gives everyone 300 s. Then the node is down: its
allocations are lost, replaced at once, and stopped on the client if that comes back. There is no limit of any kind.
"""

from collections.abc import Sequence

from remediator.simulate.baselines.logic import Picture
from remediator.simulate.baselines.seen import Heard

MIN_TTL, STAGGER, GRACE, PER_SECOND, FAILOVER = 10.0, 0.5, 10.0, 50.0, 300.0


class Nomad:
    name = "Nomad"
    fences = False

    def __init__(self) -> None:
        self._down_after = MIN_TTL * (1 + STAGGER) + GRACE

    def lost(self, heard: Heard, host: str) -> bool:
        return heard.age(host) >= self._down_after

    def chosen(self, picture: Picture) -> Sequence[str]:
        clients = len(picture.regions)
        self._down_after = max(MIN_TTL, clients / PER_SECOND) * (1 + STAGGER) + GRACE
        if picture.began > 0 and picture.now - picture.began < FAILOVER:
            return []
        return picture.waiting(0.0)
