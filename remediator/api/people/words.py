"""People's words about a host or a machine, as an explanation tells them: one sentence each."""

from collections.abc import Iterator
from datetime import datetime

from remediator.engine.people.spoken import listed, moment
from remediator.model.fleet import Fleet
from remediator.model.host import Host
from remediator.model.machine import Machine
from remediator.model.people import Answer, Approval, OperatorHold, Scope


def words_about(host: Host | None, machine: Machine | None, fleet: Fleet, now: datetime) -> list[str]:
    """Holds in force on it or on what it is part of, maintenance, releases, incidents and questions."""
    return [
        *_holds(host, machine, fleet, now),
        *(_of_host(host, fleet, now) if host else ()),
        *(_lent(host.name, fleet) if host else ()),
        *_questions(host, machine, fleet),
    ]


def words_named(name: str, fleet: Fleet, now: datetime) -> list[str]:
    """Of whatever else has a name: an app, a rack, a playbook, an incident, a question."""
    held = [hold for hold in fleet.operator_holds.values() if hold.name == name and hold.covers(now)]
    asked = [each for each in fleet.approvals.values() if name in (each.id, each.key, each.target)]
    about = [each for each in fleet.incidents.values() if name in (each.id, f"{each.label}/{each.value}", each.value)]
    return [
        *(_held(hold) for hold in held),
        *(_question(each) for each in asked if each.answer is not Answer.VOID),
        *_lent(name, fleet),
        *(f"incident {each.id} of {each.label} {each.value} is {each.stage}: {listed(each.hosts)}" for each in about),
    ]


def _holds(host: Host | None, machine: Machine | None, fleet: Fleet, now: datetime) -> Iterator[str]:
    names = {(Scope.FLEET, "fleet")}
    if host:
        names |= {(Scope.HOST, host.name), (Scope.RACK, host.rack), (Scope.REGION, host.region)}
    if machine:
        names |= {(Scope.MACHINE, machine.id), (Scope.APP, machine.app)}
    for hold in fleet.operator_holds.values():
        if (hold.scope, hold.name) in names and hold.covers(now):
            yield _held(hold)


def _held(hold: OperatorHold) -> str:
    return f"{hold.about} is held until {moment(hold.until)}{_by(hold.by, hold.why)}"


def _of_host(host: Host, fleet: Fleet, now: datetime) -> Iterator[str]:
    if host.maintenance_until:
        over = "; it is over, and the host not seen healthy since" if host.maintenance_until <= now else ""
        said = _by(host.maintenance_by, host.maintenance_why)
        yield f"maintenance until {moment(host.maintenance_until)}{said}{over}"
    if host.attested:
        yield f"attested {host.attested}{_by(host.attested_by, host.attested_why)}"
    if host.identity_claim:
        yield "another identity greets under its name: a person says replaced or renamed (fleetmend host accept)"
    for release in fleet.releases.values():
        if host.name in release.hosts and release.at <= now < release.until:
            about = f" for {release.playbook}" if release.playbook else ""
            yield f"released until {moment(release.until)}{about}{_by(release.by, release.why)}"
    for incident in fleet.incidents.values():
        if incident.open and host.name in incident.hosts:
            told = f"one of {len(incident.hosts)} hosts ({listed(incident.hosts)})"
            yield f"incident {incident.id} of {incident.label} {incident.value} is {incident.stage}: {told}"


def _lent(name: str, fleet: Fleet) -> Iterator[str]:
    """Of a host that a provider made, or was to make, for a burst."""
    loan = fleet.loans.get(name)
    if loan is not None:
        idle = f", with nothing on it since {moment(loan.idle_since)}" if loan.idle_since else ""
        note = f": {loan.note}" if loan.note else ""
        yield f"lent by its provider for {loan.burst} since {moment(loan.asked_at)}, {loan.stage}{idle}{note}"


def _questions(host: Host | None, machine: Machine | None, fleet: Fleet) -> Iterator[str]:
    targets = {host.name if host else "", machine.id if machine else "", machine.app if machine else ""} - {""}
    for asked in fleet.approvals.values():
        if asked.target in targets and asked.answer is not Answer.VOID:
            yield _question(asked)


def _question(asked: Approval) -> str:
    if asked.answer is Answer.ASKED:
        told = f"asked until {moment(asked.expires_at)} whether {asked.action}: {asked.text}"
        return f"{told} (fleetmend approve {asked.id}); if nobody answers: {asked.then}"
    if asked.answer is Answer.EXPIRED:
        return f"nobody answered whether {asked.action} by {moment(asked.expires_at)}; then: {asked.then}"
    at = f" at {moment(asked.answered_at)}" if asked.answered_at else ""
    return f"{asked.action} was {asked.answer}{at}{_by(asked.by, asked.why)}"


def _by(who: str, why: str) -> str:
    return (f" by {who}" if who else "") + (f": {why}" if why else "")
