"""Cluster API's MachineHealthCheck, its decision logic as of its documented example.

Ready is Unknown after a grace of 50 s, and unhealthy after another 300 s. The short circuit
``unhealthyLessThanOrEqualTo`` defaults to 100 %, which is none; nor is ``maxInFlight`` set by default. The machine is
deleted: written off without any proof, while others take over its work at once.
"""

from collections.abc import Sequence

from remediator.simulate.baselines.logic import Picture
from remediator.simulate.baselines.seen import Heard

GRACE, TIMEOUT = 50.0, 300.0


class MachineHealthCheck:
    name = "Cluster API MHC"
    fences = False

    def lost(self, heard: Heard, host: str) -> bool:
        return heard.age(host) >= GRACE

    def chosen(self, picture: Picture) -> Sequence[str]:
        return picture.waiting(TIMEOUT)
