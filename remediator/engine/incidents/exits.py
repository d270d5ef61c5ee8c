"""Incidents: opened by correlation, grown, told apart, and ended by one of their exits. PURE.

``open → proved_down | partitioned | unexplained → released → closed``: proof for the group lets all of its hosts go,
a person whom they name; otherwise it ends when its members are back, or at its deadline, and then its dead are left
to people for good.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from remediator.engine.evidence.group_proof import FRESH, Signs, signs_of
from remediator.engine.incidents.correlation import (
    Cohort,
    Key,
    cohort,
    doubts_under,
    is_off,
    key_of,
    label_of,
    proved_down,
)
from remediator.engine.index import Index, busy
from remediator.model.evidence import VerdictKind
from remediator.model.host import Host, Life
from remediator.model.incident import Incident, IncidentStage
from remediator.model.policy import Correlated

# Whoever is back for so long has returned; a flap of the switch is no return.
BACK = timedelta(seconds=10)
# So long nobody else must fall before the few who stay away are left to their own playbooks.
QUIET = timedelta(seconds=30)
DEADLINE = "deadline"
RECOVERED = "recovered"
RETURNED = "members returned"
_GROUP = {"region": "region_dead", "provider": "region_dead"}
GROUP_PLAYBOOKS = frozenset({"rack_dead", "region_dead"})
_AWAY = frozenset({Life.SUSPECT, Life.DEAD, Life.RETURNING})
_SEEN_WELL = frozenset({VerdictKind.ALIVE, VerdictKind.AGENT_GONE, VerdictKind.UNSCRAPED})


def group_playbook(label: str) -> str:
    """Which playbook recovers a group that shares a label."""
    return _GROUP.get(label, "rack_dead")


def settled(index: Index, rule: Correlated) -> Iterator[Incident]:
    """Every incident that is new, or that has moved, grown or ended at this moment."""
    known = [incident for incident in index.fleet.incidents.values() if incident.open]
    after = {incident.id: advanced(incident, index, rule) for incident in known}
    # Whoever has just joined one makes no other.
    taken = frozenset(index.incidents).union(*(each.hosts for each in after.values()))
    fresh = list(opened(index, rule, taken))
    parents = {host: each for each in fresh for host in each.hosts}
    for incident in known:
        inside = {parents[host].id for host in incident.hosts if host in parents}
        if inside and not incident.released and all(host in parents for host in incident.hosts):
            yield _closed(incident, index.now, f"part of {min(inside)}")
        elif after[incident.id] != incident:
            yield after[incident.id]
    yield from fresh


def opened(index: Index, rule: Correlated, taken: frozenset[str]) -> Iterator[Incident]:
    """New incidents: of all labels that explain the same suspects, the one of whose hosts most are among them."""
    keys = _keys(index, rule)
    while found := [each for key in keys if (each := cohort(index, rule, key, taken)) and each.incident]:
        standing = [each for each in found if each.hosts]
        if not standing:
            return
        best = max(standing, key=lambda each: (each.share, each.count, -rule.by.index(each.key[0])))
        taken |= frozenset(best.hosts)
        yield _opened(index, rule, best)


def _keys(index: Index, rule: Correlated) -> list[Key]:
    """Labels under which anybody is in doubt."""
    names = [index.fleet.hosts[name] for name in index.doubted]
    return sorted({key for host in names for label in rule.by if (key := key_of(host, label))})


def _opened(index: Index, rule: Correlated, found: Cohort) -> Incident:
    label, region, value = found.key
    identifier = "-".join(part for part in (label, region, value, f"{index.now:%Y%m%dT%H%M%SZ}") if part)
    within = [h for each in index.fleet.incidents.values() if _lies_under(each, index, found.key) for h in each.hosts]
    hosts = tuple(sorted({*found.hosts, *within}))
    told = (
        f"{found.count} of {found.size} hosts of {label} {value} fell within "
        f"{found.window.total_seconds():.0f} s, where {found.expected} would be chance"
    )
    return Incident(identifier, label, value, index.now, hosts, reason=told, deadline=index.now + rule.deadline)


def _lies_under(incident: Incident, index: Index, key: Key) -> bool:
    if not incident.open or incident.released:
        return False
    hosts = [index.fleet.hosts.get(name) for name in incident.hosts]
    return all(host is not None and key_of(host, key[0]) == key for host in hosts)


def advanced(incident: Incident, index: Index, rule: Correlated) -> Incident:
    """The incident as evidence leaves it; the very same value when nothing changed."""
    grown = _grown(incident, index, rule)
    if grown.stage is IncidentStage.RELEASED:
        return _released(grown, index)
    return _over(grown, index, rule) or _told_apart(grown, index, rule)


def _grown(incident: Incident, index: Index, rule: Correlated) -> Incident:
    """With whoever shares its label and is in doubt since, unless another incident has them."""
    key = _key(incident, index)
    if key is None:
        return incident
    reach = incident.opened_at - max(rule.within)
    near = {d.host for d in doubts_under(index, rule, key) if d.lasts and d.began >= reach}
    more = {name for name in near if name in index.fleet.hosts and name not in index.incidents} - {*incident.hosts}
    return replace(incident, hosts=tuple(sorted({*incident.hosts, *more}))) if more else incident


def _key(incident: Incident, index: Index) -> Key | None:
    known = [host for name in incident.hosts if (host := index.fleet.hosts.get(name))]
    mine = [host for host in known if label_of(host, incident.label) == incident.value]
    return key_of(mine[0], incident.label) if mine else None


def away(index: Index, incident: Incident) -> list[Host]:
    """Its hosts that are not back: lost, in doubt, not seen at all, or well for a moment only."""
    found = [index.fleet.hosts.get(name) for name in incident.hosts]
    return [host for host in found if host is not None and _is_away(index, host)]


def _is_away(index: Index, host: Host) -> bool:
    if host.life is Life.RETIRED:
        return False
    verdict = index.fleet.verdicts.get(host.name)
    if host.life in _AWAY or (verdict is not None and verdict.kind not in _SEEN_WELL):
        return True
    since = max(host.since, verdict.since) if verdict else host.since
    return index.now - since < BACK


def _over(incident: Incident, index: Index, rule: Correlated) -> Incident | None:
    """Ended by its members, or by its deadline; None while neither is so."""
    out = away(index, incident)
    if not out:
        return _closed(incident, index.now, RETURNED)
    if len(out) < rule.at_least and _quiet(incident, index, rule):
        left = ", ".join(sorted(host.name for host in out))
        return _closed(incident, index.now, f"{RETURNED} but for {left}")
    if incident.deadline is not None and index.now >= incident.deadline and not _proved(incident, index, rule):
        return _closed(incident, index.now, f"{DEADLINE}: {incident.stage}, left to people")
    return None


def _quiet(incident: Incident, index: Index, rule: Correlated) -> bool:
    key = _key(incident, index)
    newest = [doubt.began for doubt in doubts_under(index, rule, key)] if key else []
    return index.now - max([incident.opened_at, *newest]) >= QUIET


def _proved(incident: Incident, index: Index, rule: Correlated) -> str:
    """The proof for the group, in words; empty without."""
    hosts = [host for name in incident.hosts if (host := index.fleet.hosts.get(name))]
    if proved_down(hosts, index.fleet):
        return f"{sum(is_off(host, index.fleet) for host in hosts)} of {len(hosts)} are proved to be off"
    signs = signs_of(incident, hosts, index.fleet, rule, index.now)
    if signs.uplink and signs.vantages and not signs.living:
        return f"no vantage inside is alive, and {signs.uplink} says that the uplink is dead"
    return ""


def _told_apart(incident: Incident, index: Index, rule: Correlated) -> Incident:
    proof = _proved(incident, index, rule)
    if proof and incident.stage is IncidentStage.PROVED_DOWN:
        let_go = incident.moved_to(IncidentStage.RELEASED, index.now, proof)
        return replace(let_go, released=incident.hosts)
    if proof:
        return incident.moved_to(IncidentStage.PROVED_DOWN, index.now, proof)
    hosts = [host for name in incident.hosts if (host := index.fleet.hosts.get(name))]
    signs = signs_of(incident, hosts, index.fleet, rule, index.now)
    # The last words of those that fell with it prove no life.
    if signs.living and index.now - incident.opened_at > FRESH:
        return _stage(incident, IncidentStage.PARTITIONED, index.now, signs)
    unclear = incident.stage in (IncidentStage.PROVED_DOWN, IncidentStage.PARTITIONED)
    if unclear or index.now - incident.opened_at >= QUIET:
        return _stage(incident, IncidentStage.UNEXPLAINED, index.now, signs)
    return incident


def _stage(incident: Incident, stage: IncidentStage, now: datetime, signs: Signs) -> Incident:
    return incident if incident.stage is stage else incident.moved_to(stage, now, signs.text, incident.moved_by)


def _released(incident: Incident, index: Index) -> Incident:
    """Who is back is a member no more, and dies alone if it dies again; who fell later is let go with new proof."""
    out = {host.name for host in away(index, incident)}
    if not out:
        return _closed(incident, index.now, RECOVERED)
    if _due(incident, index):
        return _closed(incident, index.now, f"{RECOVERED}; {len(out)} hosts are not back")
    stay = tuple(name for name in incident.hosts if name in out)
    left = {name: index.now for name in incident.hosts if name not in out}
    released = tuple(name for name in incident.released if name in out)
    members = [host for name in stay if (host := index.fleet.hosts.get(name))]
    if not incident.moved_by and proved_down(members, index.fleet):
        released = stay
    return replace(incident, hosts=stay, released=released, returned={**incident.returned, **left})


def _due(incident: Incident, index: Index) -> bool:
    """At its deadline it ends, unless its hosts are being recovered still."""
    if incident.deadline is None or index.now < incident.deadline:
        return False
    working = (index.fleet.remediations.get(f"{group_playbook(incident.label)}/{name}") for name in incident.released)
    return not any(each is not None and busy(index.fleet, each) for each in working)


def _closed(incident: Incident, now: datetime, outcome: str) -> Incident:
    return replace(incident.moved_to(IncidentStage.CLOSED, now, outcome, incident.moved_by), outcome=outcome)
