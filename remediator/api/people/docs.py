"""What stands of people's words, and what they are asked, as JSON; the status page and the commands read it."""

from datetime import datetime
from typing import Any

import msgspec

from remediator.engine.machines.single import single_apps
from remediator.engine.people.leaving import leavers, remains, unserved
from remediator.model.fleet import Fleet
from remediator.model.host import Host, Life
from remediator.model.incident import Incident
from remediator.model.people import Answer, Approval, OperatorHold, Scope

Docs = list[dict[str, Any]]
MOST_SHOWN = 50
# Questions are shown this way: open ones first, then what was answered and is not over.
_ORDER = {Answer.ASKED: 0, Answer.APPROVED: 1, Answer.DENIED: 2, Answer.EXPIRED: 3}


def people_docs(fleet: Fleet, now: datetime) -> dict[str, Any]:
    """Everything at once for the status page, the first ``MOST_SHOWN`` of each; all are in lists of their own."""
    apps = single(fleet)
    shown = {
        "questions": questions(fleet, now),
        "operator_holds": holds(fleet, now),
        "releases": releases(fleet, now),
        "incidents": incidents(fleet, now),
        "maintenance": maintenance(fleet, now),
        "leaving": leaving(fleet, now),
        "identities": identities(fleet, now),
        "single": apps,
    }
    return {name: docs[:MOST_SHOWN] for name, docs in shown.items()} | {"single_total": len(apps)}


def questions(fleet: Fleet, now: datetime) -> Docs:
    """Those that wait or whose answer still counts, with the command that answers."""
    standing = [each for each in fleet.approvals.values() if each.answer in _ORDER]
    standing.sort(key=lambda each: (_ORDER[each.answer], each.asked_at, each.key))
    return [_question(each, now) for each in standing]


def _question(asked: Approval, now: datetime) -> dict[str, Any]:
    waits = asked.answer is Answer.ASKED and now < asked.expires_at
    return {
        "id": asked.id,
        "key": asked.key,
        "playbook": asked.playbook,
        "target": asked.target,
        "action": asked.action,
        "text": asked.text,
        "verdict": asked.verdict,
        "effects": asked.effects,
        "answer": asked.answer,
        "waits": waits,
        "asked_at": asked.asked_at,
        "expires_at": asked.expires_at,
        "then": asked.then,
        "reminded": asked.reminded,
        "by": asked.by,
        "why": asked.why,
        "answered_at": asked.answered_at,
        "command": f"fleetmend approve {asked.id}" if waits else "",
    }


def holds(fleet: Fleet, now: datetime) -> Docs:
    """Operator's holds in force, the next to end first."""
    mine = sorted((each for each in fleet.operator_holds.values() if each.covers(now)), key=lambda each: each.until)
    lift = [f"fleetmend unhold {_named(each)}{_against(each)}" for each in mine]
    return [{**msgspec.to_builtins(each), "command": command} for each, command in zip(mine, lift, strict=True)]


def _named(hold: OperatorHold) -> str:
    return hold.scope.value if hold.scope is Scope.FLEET else f"{hold.scope} {hold.name}"


def _against(hold: OperatorHold) -> str:
    return f" --playbook {hold.playbook}" if hold.playbook else ""


def releases(fleet: Fleet, now: datetime) -> Docs:
    """Releases in force, the next to end first."""
    mine = [each for each in fleet.releases.values() if each.at <= now < each.until]
    return [msgspec.to_builtins(each) for each in sorted(mine, key=lambda each: each.until)]


def incidents(fleet: Fleet, _: datetime) -> Docs:
    """Open ones first, newest first."""
    every = sorted(fleet.incidents.values(), key=lambda each: (not each.open, -each.opened_at.timestamp()))
    return [_incident(each) for each in every]


def _incident(incident: Incident) -> dict[str, Any]:
    return {
        "id": incident.id,
        "label": incident.label,
        "value": incident.value,
        "stage": incident.stage,
        "open": incident.open,
        "opened_at": incident.opened_at,
        "moved_at": incident.moved_at,
        "moved_by": incident.moved_by,
        "reason": incident.reason,
        "hosts": incident.hosts,
        "released": incident.released,
        "deadline": incident.deadline,
        "outcome": incident.outcome,
        "command": f"fleetmend release --incident {incident.id} --why WHY" if incident.open else "",
    }


def maintenance(fleet: Fleet, now: datetime) -> Docs:
    """Hosts in maintenance, the next to end first; and those whose end has come and who are not seen healthy yet."""
    mine = [host for host in fleet.hosts.values() if host.maintenance_until and host.life is not Life.RETIRED]
    mine.sort(key=lambda host: (host.maintenance_until, host.name))
    return [
        {
            "host": host.name,
            "until": host.maintenance_until,
            "by": host.maintenance_by,
            "why": host.maintenance_why,
            "over": (over := host.maintenance_until is not None and host.maintenance_until <= now),
            "command": "" if over else f"fleetmend maintenance end {host.name}",
        }
        for host in mine
    ]


def leaving(fleet: Fleet, _: datetime) -> Docs:
    """Hosts that people take away, and what that still waits for."""
    return [_leaver(host, fleet) for host in sorted(leavers(fleet.hosts.values()), key=lambda host: host.name)]


def _leaver(host: Host, fleet: Fleet) -> dict[str, Any]:
    waits = remains(host, fleet) if host.attested == "removed" else _unserved(host, fleet)
    return {
        "host": host.name,
        "attested": host.attested,
        "by": host.attested_by,
        "why": host.attested_why,
        "at": host.attested_at,
        "waits_for": waits,
    }


def _unserved(host: Host, fleet: Fleet) -> str:
    return f"{count} machines that nothing serves for yet" if (count := len(unserved(host, fleet))) else ""


def identities(fleet: Fleet, _: datetime) -> Docs:
    """Hosts under whose name another identity greets: a person says what it is."""
    return [
        {
            "host": host.name,
            "since": host.claimed_at,
            "known": msgspec.to_builtins(host.identity),
            "greets": msgspec.to_builtins(host.identity_claim),
            "command": f"fleetmend host accept {host.name} --as replaced|renamed --why WHY",
        }
        for host in sorted(fleet.hosts.values(), key=lambda host: host.name)
        if host.identity_claim
    ]


def single(fleet: Fleet) -> Docs:
    """Apps that one death would take away."""
    return [msgspec.to_builtins(each) for each in single_apps(fleet)]
