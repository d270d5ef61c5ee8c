"""What guards and budgets ask of the fleet again and again, counted once for each decide. PURE.

Nothing here outlives the decide (or the case) that it was made for; counts are made when first asked for, and kept.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from remediator.actions.recreate import WAS_SERVING
from remediator.actions.spec import Case
from remediator.engine.guards.scanned import FLEET as FLEET
from remediator.engine.guards.scanned import Place, Scanned, counts, place_of, scan, scan_beneath
from remediator.engine.guards.scanned import unknown as unknown
from remediator.model.alert import Alert
from remediator.model.decision import Remediation
from remediator.model.evidence import Verdict, VerdictKind
from remediator.model.fleet import Fleet
from remediator.model.grouping import over, under
from remediator.model.host import Host, Life
from remediator.model.incident import Incident
from remediator.model.machine import Recovery
from remediator.model.policy import Playbook

T = TypeVar("T")
_UNDER_WAY = frozenset({Recovery.NONE, Recovery.PLACED})
# Whoever is judged so may be lost.
_DOUBTED = frozenset({VerdictKind.SUSPECT, VerdictKind.DEAD, VerdictKind.PARTITIONED})


@dataclass(slots=True)
class Index:
    """Counts over one fleet at one moment; ``also`` is one host that is taken for lost beside all others (whatif)."""

    fleet: Fleet
    now: datetime
    playbooks: frozenset[str] = frozenset()
    also: Host | None = None
    # Recreates that this very decide has given out already.
    given_out: int = 0
    # Whom it has let pass a closed gate, by region.
    passed: dict[str, str] = field(default_factory=dict)
    _kept: dict[Any, Any] = field(default_factory=dict)
    _slots: dict[str, dict[Any, Any]] = field(default_factory=dict)

    def kept(self, key: Any, make: Callable[[], T]) -> T:
        """What was counted under that key, or is counted now; shared by every index ``given`` one host more."""
        found: T
        if key in self._kept:
            found = self._kept[key]
        else:
            found = self._kept[key] = make()
        return found

    def given(self, lost: Host, now: datetime) -> "Index":
        """The same counts, and one host that is lost as well; a moment later."""
        return Index(self.fleet, now, self.playbooks, lost, self.given_out, self.passed, self._kept, self._slots)

    def host(self, name: str) -> Host | None:
        return self.also if self.also is not None and self.also.name == name else self.fleet.hosts.get(name)

    @property
    def incidents(self) -> Mapping[str, Incident]:
        """The open incident of each host that has one; one that let the host go comes first."""
        return self.kept("incidents", lambda: _incidents(self.fleet))

    @property
    def explained(self) -> Mapping[str, datetime]:
        """Until when what befell a host is explained by an incident that is over, for all or for this host."""
        return self.kept("explained", lambda: _explained(self.fleet))

    @property
    def doubted(self) -> Mapping[str, datetime]:
        """Who is in doubt or lost now, and since when; without ``also``."""
        return self.kept("doubted", lambda: doubted(self.fleet, self._scanned.lost))

    @property
    def fallen(self) -> list[Host]:
        """Hosts that died once, or of which nothing is known."""
        return self._scanned.fallen

    @property
    def dead(self) -> frozenset[str]:
        """Hosts whose life is over."""
        found = self.kept("dead", lambda: frozenset(h.name for h in self._scanned.lost if h.life is Life.DEAD))
        return found if self.also is None or self.also.life is not Life.DEAD else found | {self.also.name}

    def alerts(self, playbook: str, label: str, target: str) -> list[Alert]:
        """Actionable alerts that ask for a playbook on a target."""
        found = self.kept(("alerts", playbook, label), lambda: _alerts(self.fleet, playbook, label))
        return found.get(target, [])

    def targets(self, playbook: str, label: str) -> Iterable[str]:
        """Whom alerts ask a playbook to act on."""
        return self.kept(("alerts", playbook, label), lambda: _alerts(self.fleet, playbook, label))

    def asking(self, playbook: Playbook) -> frozenset[str]:
        """Whom a playbook is asked to act on now, and has not begun with; ``also`` among them."""
        found = self.slot(playbook.name, "asking", lambda: self._asking(playbook))
        lost = playbook.evidence.verdict == VerdictKind.DEAD.value and self.also is not None
        return found | {self.also.name} if lost and self.also else found

    def _asking(self, playbook: Playbook) -> frozenset[str]:
        asked = set(self.targets(playbook.name, playbook.target))
        if playbook.evidence.verdict == VerdictKind.DEAD.value:
            asked |= self.dead
        return frozenset(asked - {r.target for r in self._mine(playbook.name) if r.open} - {""})

    def begun_since(self, playbook: str, since: datetime) -> frozenset[str]:
        """Targets that a playbook has begun with since then, whatever became of them."""
        return frozenset(r.target for r in self._mine(playbook) if r.opened_at >= since)

    @property
    def _scanned(self) -> Scanned:
        return self.kept("scanned", lambda: scan(self.fleet))

    def total(self, place: Place, *, members: bool) -> int:
        """How many hosts a place has; of an app, how many run it."""
        found = self.kept(("total", place[0], members), lambda: self._totals(place[0], members=members))
        return found[place]

    def newly_lost(self, place: Place, within: timedelta, besides: str) -> tuple[int, int]:
        """Hosts of a place that died within the span, and those newly unknown; of incidents' hosts none.

        Nor of those whose own lone death came before: what was begun with them stays in the rate (``begun``).
        """
        found = self.kept(("lost", place[0], within), lambda: self._lost(place[0], within))
        dead, unclear = found[place]
        return len(dead) - (besides in dead), len(unclear) - (besides in unclear)

    def in_flight(self, playbook: str, place: Place, besides: str, *, members: bool) -> int:
        """Targets of a playbook that hold a slot in a place."""
        found = self.slot(playbook, ("flying", place[0], members), lambda: self._flying(playbook, place[0], members))
        there = found[place]
        return len(there) - (besides in there)

    def begun(self, playbook: str, place: Place, per: timedelta, *, members: bool) -> int:
        """Targets of a playbook that were begun within the span in a place."""
        key = ("begun", place[0], per, members)
        return len(self.slot(playbook, key, lambda: self._begun(playbook, place[0], per, members))[place])

    def counted(self, playbook: str) -> frozenset[str]:
        """Who may be in a count of that playbook, and must not count against itself."""

        def made() -> frozenset[str]:
            return frozenset(r.target for r in self._mine(playbook)) | {host.name for host in self._scanned.fallen}

        return self.slot(playbook, "counted", made)

    def slot(self, playbook: str, key: Any, make: Callable[[], T]) -> T:
        """As ``kept``, until the playbook has taken another slot."""
        known = self._slots.setdefault(playbook, {})
        if key not in known:
            known[key] = make()
        found: T = known[key]
        return found

    def took(self, fleet: Fleet, changed: Iterable[Remediation]) -> None:
        """This very decide has begun or ended something: it counts against whoever is next."""
        self.fleet = fleet
        for name in {remediation.playbook for remediation in changed}:
            self._slots.pop(name, None)

    def places(self, scope: str, target: str) -> tuple[str, ...]:
        """The places of a scope that a target is in: one region, one rack, but as many apps as it runs."""
        if scope == FLEET:
            return ("",)
        host = self.host(target)
        if host is None:
            return self._elsewhere(scope, target)
        if scope == "app":
            return self.kept(("apps", target), lambda: apps_on(self.fleet, target))
        return (place_of(scope, host),)

    def _elsewhere(self, scope: str, target: str) -> tuple[str, ...]:
        """Of a machine, or a volume, its host's; an app, a rack or a region is its own place."""
        thing = self.fleet.machines.get(target) or self.fleet.volumes.get(target)
        if thing is not None:
            return (thing.app,) if scope == "app" else self.places(scope, thing.host)
        return (target,)

    def _totals(self, scope: str, *, members: bool) -> Counter[Place]:
        """Of hosts that are known, and in no incident unless ``members`` count."""
        out: Iterable[str] = () if members else self.incidents
        if scope == "app":
            counted = [host for host in self._scanned.known if host.name not in out]
            return Counter((scope, app) for host in counted for app in self.places(scope, host.name))
        beneath, changes = under(self.fleet.hosts), over(self.fleet.hosts)
        found = Counter(scan_beneath(self.fleet).total(scope))
        here = [host for name, host in changes.items() if host is not None and name not in out]
        gone = [host for name in {*changes, *out} if (host := beneath.get(name)) is not None]
        found.update((scope, place_of(scope, host)) for host in here if counts(host))
        found.subtract((scope, place_of(scope, host)) for host in gone if counts(host))
        return found

    def _lost(self, scope: str, within: timedelta) -> Mapping[Place, tuple[set[str], set[str]]]:
        found: defaultdict[Place, tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
        for host in self._scanned.fallen:
            if host.name in self.incidents:
                continue
            died = host.died_at is not None and self.now - host.died_at <= within
            if died and host.died_at is not None and host.name in self.explained:
                died = host.died_at > self.explained[host.name]
            if died or (unknown(host) and self.now - host.status_since <= within):
                for place in self.places(scope, host.name):
                    found[scope, place][0 if died else 1].add(host.name)
        return found

    def _mine(self, playbook: str) -> list[Remediation]:
        def made() -> list[Remediation]:
            return [r for r in self.fleet.remediations.values() if r.playbook == playbook and r.steps]

        return self.slot(playbook, "mine", made)

    def _flying(self, playbook: str, scope: str, members: bool) -> Mapping[Place, set[str]]:  # noqa: FBT001
        mine = [r for r in self._mine(playbook) if busy(self.fleet, r)]
        return self._spread(scope, (r for r in mine if members or r.target not in self.incidents))

    def _begun(self, playbook: str, scope: str, per: timedelta, members: bool) -> Mapping[Place, set[str]]:  # noqa: FBT001
        mine = [r for r in self._mine(playbook) if self.now - r.opened_at <= per]
        return self._spread(scope, (r for r in mine if members or not self._within_incident(r)))

    def _within_incident(self, mine: Remediation) -> bool:
        """Begun while the incident that has its host stood: what was begun before it was no part of it."""
        incident = self.incidents.get(mine.target)
        return incident is not None and mine.opened_at >= incident.opened_at

    def _spread(self, scope: str, mine: Iterable[Remediation]) -> Mapping[Place, set[str]]:
        found: defaultdict[Place, set[str]] = defaultdict(set)
        for remediation in mine:
            for place in self.places(scope, remediation.target):
                found[scope, place].add(remediation.target)
        return found


def index_of(case: Case) -> Index:
    """The index that the case was given, or one of its own."""
    return case.index if isinstance(case.index, Index) else Index(case.fleet, case.now)


def busy(fleet: Fleet, remediation: Remediation) -> bool:
    """A lost host holds its slot until each of its machines is placed, held or waiting with a reason."""
    if not remediation.open or not remediation.steps:
        return False
    host = fleet.hosts.get(remediation.target)
    if host is None or host.life is not Life.DEAD:
        return True
    here = fleet.machines_on(host.name)
    return any(m.alive and m.recovery in _UNDER_WAY and m.state in WAS_SERVING for m in here)


def apps_on(fleet: Fleet, host: str) -> tuple[str, ...]:
    """The apps with a living machine on a host."""
    return tuple(sorted({machine.app for machine in fleet.machines_on(host) if machine.alive}))


def _incidents(fleet: Fleet) -> dict[str, Incident]:
    found: dict[str, Incident] = {}
    for incident in fleet.incidents.values():
        for host in incident.hosts if incident.open else ():
            if host not in found or host in incident.released:
                found[host] = incident
    return found


def _explained(fleet: Fleet) -> dict[str, datetime]:
    found: dict[str, datetime] = {}
    for incident in fleet.incidents.values():
        ended = incident.moved_at or incident.opened_at
        over = {} if incident.open else dict.fromkeys(incident.hosts, ended)
        for host, moment in (*over.items(), *incident.returned.items()):
            found[host] = max(moment, found.get(host, moment))
    return found


def doubted(fleet: Fleet, lost: Iterable[Host] | None = None) -> dict[str, datetime]:
    """Who may be lost, and since when: by their life, or by the verdict alone."""
    known = scan(fleet).lost if lost is None else lost
    found = {host.name: host.since for host in known}
    beneath, changes = under(fleet.verdicts), over(fleet.verdicts)
    told: list[Verdict] = fleet.views.told.of((beneath,), lambda: _in_doubt(beneath.values()))
    fresh = _in_doubt(verdict for verdict in changes.values() if verdict is not None)
    for verdict in (*(each for each in told if each.host not in changes), *fresh):
        if verdict.host in fleet.hosts:
            found.setdefault(verdict.host, verdict.since)
    for name in found:
        verdict_of = fleet.verdicts.get(name)
        if verdict_of is not None and verdict_of.suspect_since is not None:
            found[name] = verdict_of.suspect_since
    return found


def _alerts(fleet: Fleet, playbook: str, label: str) -> dict[str, list[Alert]]:
    by_playbook: defaultdict[str, list[Alert]] = defaultdict(list)
    for alert in fleet.alerts:
        if alert.actionable and alert.playbook == playbook and alert.labels.get(label):
            by_playbook[alert.labels[label]].append(alert)
    return by_playbook


def _in_doubt(verdicts: Iterable[Verdict]) -> list[Verdict]:
    return [verdict for verdict in verdicts if verdict.kind in _DOUBTED and _by_most(verdict)]


def _by_most(verdict: Verdict) -> bool:
    """One vantage that hears nobody makes no suspects of all whom it is to hear."""
    return verdict.kind is not VerdictKind.PARTITIONED or 2 * verdict.silent > verdict.assigned
