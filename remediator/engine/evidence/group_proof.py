"""Signs of life, and of death, of a group of hosts as a whole: vantages inside it, its uplink, its power. PURE."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from remediator.model.evidence import VerdictKind, Vote
from remediator.model.fleet import Fleet
from remediator.model.host import Host
from remediator.model.incident import Incident
from remediator.model.policy import Correlated

# Three probe intervals: an older vote says nothing of now.
FRESH = timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class Signs:
    """``living`` says who lives although the group is silent; ``vantages`` how many sit inside it; ``uplink`` which
    alert says that its uplink is dead."""

    living: str = ""
    vantages: int = 0
    uplink: str = ""

    @property
    def text(self) -> str:
        return self.living or "no sign of life from inside, and no proof that it is off"


def signs_of(incident: Incident, hosts: Sequence[Host], fleet: Fleet, rule: Correlated, now: datetime) -> Signs:
    """What speaks for a partition, and what for a death of all."""
    within = inside(incident, hosts, fleet)
    alive = sorted({vote.vantage for vote in within if vote.received and now - vote.received < FRESH})
    uplink = _uplink(incident, hosts, fleet, rule)
    return Signs(_living(hosts, fleet, alive), len({vote.vantage for vote in within}), uplink)


def _living(hosts: Sequence[Host], fleet: Fleet, vantages: list[str]) -> str:
    if vantages:
        return f"vantage {vantages[0]} inside is alive: it is cut off, not dead"
    verdicts = [fleet.verdicts.get(host.name) for host in hosts]
    seen = sorted(each.host for each in verdicts if each and each.kind is VerdictKind.PARTITIONED)
    if seen:
        return f"{len(seen)} of {len(hosts)} hosts are heard by somebody, {seen[0]} for one"
    powered = [host.name for host in hosts if _has_power(fleet, host)]
    if 2 * len(powered) > len(hosts):
        return f"{len(powered)} of {len(hosts)} hosts have power: it is the network"
    return ""


def _has_power(fleet: Fleet, host: Host) -> bool:
    sighting = fleet.sightings.get(host.name)
    return sighting is not None and sighting.power == "on"


def inside(incident: Incident, hosts: Sequence[Host], fleet: Fleet) -> list[Vote]:
    """Votes of the vantages that share the incident's rack or region; of other labels nobody is inside."""
    if incident.label not in ("rack", "region") or not hosts:
        return []
    places = {(host.region, host.rack) for host in hosts}
    regions = {host.region for host in hosts}
    return [
        vote
        for sighting in fleet.sightings.values()
        for vote in sighting.votes
        if ((vote.region, vote.rack) in places if incident.label == "rack" else vote.region in regions)
    ]


def _uplink(incident: Incident, hosts: Sequence[Host], fleet: Fleet, rule: Correlated) -> str:
    """Only what this process saw in the store itself is believed, with the gate open."""
    if not (fleet.gate and fleet.gate.open):
        return ""
    regions = {host.region for host in hosts}
    mine = [a for a in fleet.alerts if a.name in rule.uplink and a.actionable and not a.source]
    return next((a.name for a in mine if _is_of(incident, regions, a.labels)), "")


def _is_of(incident: Incident, regions: Collection[str], labels: Mapping[str, str]) -> bool:
    """An uplink of exactly that group: one rack's says nothing of its region, nor of a namesake in another one."""
    if labels.get(incident.label) != incident.value or (incident.label == "region" and labels.get("rack")):
        return False
    return labels.get("region", "") in ("", *regions)
