"""The seam of a baseline: who is lost, and who of them is remediated in this pass. All else is the same for each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from remediator.simulate.baselines.seen import Heard


@dataclass(frozen=True, slots=True)
class Picture:
    """What a pass looks at: regions by host, since when which host is lost, and which are remediated already."""

    now: float
    regions: Mapping[str, str]
    lost: Mapping[str, float]
    remediated: frozenset[str]
    # When this process began: some wait anew after a restart.
    began: float

    def waiting(self, seconds: float) -> list[str]:
        """Lost for so long and not remediated yet, the longest lost first."""
        due = [host for host, since in self.lost.items() if self.now - since >= seconds]
        return sorted((host for host in due if host not in self.remediated), key=lambda host: (self.lost[host], host))

    def members(self, region: str) -> list[str]:
        return [host for host, where in self.regions.items() if where == region]

    def unhealthy(self, hosts: Iterable[str]) -> int:
        return sum(1 for host in hosts if host in self.lost)


class Logic(Protocol):
    """``fences``: it cuts a host's power first, and replaces what ran there only then."""

    name: str
    fences: bool

    def lost(self, heard: Heard, host: str) -> bool:
        """Whether it regards the host as lost at this moment."""

    def chosen(self, picture: Picture) -> Sequence[str]:
        """Whom to remediate now."""
