"""Karpenter's node repair, its decision logic.

Ready is Unknown after a grace of 50 s; a provider's policy lets that stand for 30 min. Then the node is terminated by
force, unless more than 20 % (rounded up) of its pool is unhealthy. A pool is a region here.
"""

from collections.abc import Sequence
from math import ceil

from remediator.simulate.baselines.logic import Picture
from remediator.simulate.baselines.seen import Heard

GRACE, TOLERATION, BREAKER = 50.0, 1800.0, 0.2


class Karpenter:
    name = "Karpenter 20 %"
    fences = False

    def lost(self, heard: Heard, host: str) -> bool:
        return heard.age(host) >= GRACE

    def chosen(self, picture: Picture) -> Sequence[str]:
        return [host for host in picture.waiting(TOLERATION) if self._allows(host, picture)]

    def _allows(self, host: str, picture: Picture) -> bool:
        pool = picture.members(picture.regions[host])
        return picture.unhealthy(pool) <= ceil(BREAKER * len(pool))
