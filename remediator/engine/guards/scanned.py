"""One pass over all hosts: who is lost, who fell, who counts in denominators; by place. PURE."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from remediator.model.fleet import Fleet
from remediator.model.grouping import over, under
from remediator.model.host import Host, HostStatus, Life

FLEET = "fleet"
Place = tuple[str, str]


@dataclass(slots=True)
class Scanned:
    """Hosts that are lost or suspect, that died once or are unknown, and that are known and may be counted."""

    lost: list[Host] = field(default_factory=list)
    fallen: list[Host] = field(default_factory=list)
    known: list[Host] = field(default_factory=list)
    # How many of the known each place of a scope has.
    totals: dict[str, Counter[Place]] = field(default_factory=dict)

    def total(self, scope: str) -> Counter[Place]:
        """Counted once; not to be changed."""
        if scope not in self.totals:
            self.totals[scope] = Counter((scope, place_of(scope, host)) for host in self.known)
        return self.totals[scope]


def unknown(host: Host) -> bool:
    """Neither healthy nor dead: what counts it must not count it as either."""
    return host.status is HostStatus.UNKNOWN and host.life is not Life.RETURNING


def place_of(scope: str, host: Host) -> str:
    if scope == FLEET:
        return ""
    return host.region if scope == "region" else f"{host.region}/{host.rack}"


def scan(fleet: Fleet) -> Scanned:
    """Of what lies beneath once; what was laid over it since is looked at anew."""
    known, changes = scan_beneath(fleet), over(fleet.hosts)
    if not changes:
        return known
    fresh = _scan_of(host for host in changes.values() if host is not None)
    return Scanned(
        [host for host in known.lost if host.name not in changes] + fresh.lost,
        [host for host in known.fallen if host.name not in changes] + fresh.fallen,
        [host for host in known.known if host.name not in changes] + fresh.known,
    )


def scan_beneath(fleet: Fleet) -> Scanned:
    beneath = under(fleet.hosts)
    known: Scanned = fleet.views.scanned.of((beneath,), lambda: _scan_of(beneath.values()))
    return known


def counts(host: Host) -> bool:
    """Whether it is in denominators: known, ours, and neither healthy nor dead in doubt."""
    return not unknown(host) and host.joined and host.life is not Life.RETIRED


def _scan_of(hosts: Iterable[Host]) -> Scanned:
    """The one pass over all hosts."""
    found = Scanned()
    for host in hosts:
        unclear = host.status is HostStatus.UNKNOWN and unknown(host)
        if host.life is Life.DEAD or host.life is Life.SUSPECT:
            found.lost.append(host)
        if unclear or host.died_at is not None:
            found.fallen.append(host)
        if not unclear and host.joined and host.life is not Life.RETIRED:
            found.known.append(host)
    return found
