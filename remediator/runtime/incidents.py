"""Incidents and suspicions as rows: remembered, opened, moved, closed, and what they keep from being sent."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from remediator.engine.incidents.exits import settled
from remediator.engine.index import Index
from remediator.model.evidence import VerdictKind
from remediator.model.fleet import Fleet
from remediator.model.host import Life
from remediator.model.incident import Incident
from remediator.model.machine import Machine, Volume
from remediator.model.people import Release
from remediator.model.policy import Correlated
from remediator.model.request import Operation, Origin
from remediator.model.suspicion import REMEMBERED, BaseRate, Suspicion
from remediator.runtime.ledger import Draft, Ledger

# Closed ones are kept for people, and for as long as one of their hosts is away: they explain why it fell.
KEEP_CLOSED = timedelta(hours=24)
_AWAY = frozenset({Life.SUSPECT, Life.DEAD, Life.RETURNING})


def settle(fleet: Fleet, rule: Correlated | None, draft: Draft, now: datetime) -> None:
    """Put into the draft who came into doubt or out of it, and what that makes of incidents."""
    index = Index(fleet, now)
    _remember(index, draft)
    if rule is None:
        return
    if "Suspicion" in draft.kinds:
        fleet = replace(fleet, suspicions=draft.overlay(fleet.suspicions, "Suspicion"))
        index = Index(fleet, now)
    for incident in settled(index, rule):
        _write(incident, fleet.incidents.get(incident.id), draft, now)


def _write(incident: Incident, before: Incident | None, draft: Draft, now: datetime) -> None:
    draft.put(incident)
    if before is None or before.stage is not incident.stage or before.hosts != incident.hosts:
        told = {"label": incident.label, "value": incident.value, "stage": incident.stage, "reason": incident.reason}
        hosts = {"hosts": incident.hosts, "released": incident.released, "outcome": incident.outcome}
        draft.note(now, "incident", incident.id, told | hosts)


def _remember(index: Index, draft: Draft) -> None:
    known, now = index.fleet.suspicions, index.now
    for host, since in index.doubted.items():
        before = known.get(host) or Suspicion(host)
        if before.standing is None and _is_judged(index.fleet, host):
            draft.put(before.doubted(since).pruned(now))
    doubted = index.doubted
    for host, before in known.items():
        if before.standing is None:
            if before.spells and now - before.spells[0].began > REMEMBERED:
                _keep(before.pruned(now), draft)
        elif host not in doubted and _is_judged(index.fleet, host):
            after = before.cleared(now)
            draft.put(after)
            _count(after, index, draft)


def _is_judged(fleet: Fleet, host: str) -> bool:
    """Just after a start nobody is in doubt, and nobody is cleared of it."""
    verdict = fleet.verdicts.get(host)
    return verdict is None or verdict.kind is not VerdictKind.NO_EVIDENCE


def _keep(suspicion: Suspicion, draft: Draft) -> None:
    if suspicion.spells:
        draft.put(suspicion)
    else:
        draft.delete(suspicion)


def _count(cleared: Suspicion, index: Index, draft: Draft) -> None:
    """The fleet's base rate is of what befalls hosts by themselves: incidents are no part of it."""
    if cleared.host in index.incidents:
        return
    before = draft.get(BaseRate, "fleet") or BaseRate(cleared.spells[-1].began)
    draft.put(before.noted(cleared.spells[-1], len(index.fleet.hosts), index.now))


def forget(fleet: Fleet, draft: Draft, now: datetime) -> None:
    """Drop incidents that closed long ago and all of whose hosts are back or gone."""
    for incident in fleet.incidents.values():
        away = any((host := fleet.hosts.get(name)) and host.life in _AWAY for name in incident.hosts)
        if not incident.open and not away and now - (incident.moved_at or incident.opened_at) > KEEP_CLOSED:
            draft.delete(incident)


def held_back(ledger: Ledger, now: datetime) -> Callable[[Operation], bool]:
    """Which operations an open incident freezes: automatic ones for its hosts that nobody has been sent yet.

    Hosts that a person has let go are not frozen, whoever the release is to.
    """
    stand = [release for release in ledger.all(Release).values() if release.at <= now < release.until]
    let_go = {host for release in stand for host in release.hosts}
    frozen = {
        host
        for incident in ledger.all(Incident).values()
        if incident.open
        for host in set(incident.hosts) - set(incident.released) - let_go
    }

    def is_held(operation: Operation) -> bool:
        if not frozen or operation.origin is not Origin.AUTOMATIC or operation.attempts:
            return False
        machine = ledger.get(Machine, operation.args.get("source", ""))
        volume = ledger.get(Volume, operation.args.get("supersedes", ""))
        return any(each is not None and each.host in frozen for each in (machine, volume))

    return is_held
