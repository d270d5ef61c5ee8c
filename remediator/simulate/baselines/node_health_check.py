"""medik8s NodeHealthCheck with Fence Agents Remediation, its decision logic.

Ready is Unknown after a grace of 50 s without a heartbeat; 300 s later the node is unhealthy. ``minHealthy: 51%`` of
all nodes is looked at once in a pass, and then every unhealthy node is remediated in that same pass: power off by the
fence agent (tried again until it answers), and only then are its workloads started elsewhere.
"""

from collections.abc import Sequence

from remediator.simulate.baselines.logic import Picture
from remediator.simulate.baselines.seen import Heard

GRACE, DURATION, MIN_HEALTHY = 50.0, 300.0, 0.51


class NodeHealthCheck:
    name = "medik8s NHC+FAR"
    fences = True

    def lost(self, heard: Heard, host: str) -> bool:
        return heard.age(host) >= GRACE

    def chosen(self, picture: Picture) -> Sequence[str]:
        total = len(picture.regions)
        healthy = total - len([host for host, since in picture.lost.items() if picture.now - since >= DURATION])
        return picture.waiting(DURATION) if healthy >= MIN_HEALTHY * total else []
