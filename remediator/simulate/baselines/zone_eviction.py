"""Kubernetes' node lifecycle: taint-based eviction at a zone's rate, its decision logic.

NotReady after 50 s without a heartbeat. A zone is a region here. Normal: one node tainted in 10 s (0.1/s); partly
disrupted (at least 55 % and more than 2 not ready): one in 100 s (0.01/s), and none in a zone of at most 50 nodes;
when every zone is fully disrupted the taints are removed and nothing is evicted. The taint is tolerated for 300 s;
then the pods are deleted and started elsewhere. Pods with a volume wait for a person's out-of-service taint.
"""

from collections.abc import Iterator, Sequence

from remediator.simulate.baselines.logic import Picture
from remediator.simulate.baselines.seen import Heard

GRACE, TOLERATION = 50.0, 300.0
RATE, SECOND_RATE, UNHEALTHY, FEW, SMALL = 0.1, 0.01, 0.55, 2, 50


class ZoneEviction:
    name = "Kubernetes zone rates"
    fences = False

    def __init__(self) -> None:
        self._tainted: dict[str, float] = {}
        self._next: dict[str, float] = {}

    def lost(self, heard: Heard, host: str) -> bool:
        return heard.age(host) >= GRACE

    def chosen(self, picture: Picture) -> Sequence[str]:
        if picture.lost and all(host in picture.lost for host in picture.regions):
            self._tainted.clear()
            return []
        self._tainted = {host: at for host, at in self._tainted.items() if host in picture.lost}
        for region in sorted(set(picture.regions.values())):
            self._taint(region, picture)
        ripe = [host for host, at in self._tainted.items() if picture.now - at >= TOLERATION]
        return [host for host in ripe if host not in picture.remediated]

    def _taint(self, region: str, picture: Picture) -> None:
        members = picture.members(region)
        rate = self._rate(members, picture.unhealthy(members))
        for host in self._untainted(region, picture):
            if not rate or picture.now < self._next.get(region, 0.0):
                return
            self._tainted[host] = picture.now
            self._next[region] = picture.now + 1 / rate

    def _untainted(self, region: str, picture: Picture) -> Iterator[str]:
        yield from (
            host for host in picture.waiting(0.0) if picture.regions[host] == region and host not in self._tainted
        )

    def _rate(self, members: list[str], unhealthy: int) -> float:
        if unhealthy > FEW and unhealthy >= UNHEALTHY * len(members):
            return SECOND_RATE if len(members) > SMALL else 0.0
        return RATE
