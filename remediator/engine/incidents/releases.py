"""Releases: named hosts that pass ratio, rate, backlog or incident by a person's word. PURE."""

import hashlib
from dataclasses import replace

from remediator.engine.machines.refusals import precondition
from remediator.engine.people.spoken import (
    Change,
    Ground,
    end_of,
    host_named,
    listed,
    moment,
    told_by,
    unknown,
    wrong,
)
from remediator.model.evidence import VerdictKind
from remediator.model.host import Life
from remediator.model.incident import Incident, IncidentStage
from remediator.model.people import Release
from remediator.model.policy import Playbook
from remediator.model.said import LetGo, Said


def let_go(word: LetGo, said: Said, ground: Ground) -> Change:
    """Those hosts may be acted on beyond budget and incident; capacity and fencing still bind.

    Raises:
        Refused: a name is unknown, or there is nobody to release.
        BadInput: no end, or nothing named at all.
    """
    until = end_of(said, ground.now)
    if word.playbook and word.playbook not in ground.playbooks:
        raise unknown("playbook", word.playbook, ground.playbooks)
    incident = _incident(word.incident, ground) if word.incident else None
    hosts = _hosts(word, incident, ground)
    name = incident.id if incident else ""
    after = Release(_id(hosts, word, said, ground), hosts, said.by, said.why, ground.now, until, word.playbook, name)
    told = f"released until {moment(until)}: {listed(hosts)}{told_by(said)}"
    moved = _moved(incident, hosts, said, ground) if incident else ()
    alike = [each for each in ground.fleet.releases.values() if _alike(each, after)]
    standing = any(each.at <= after.at and each.until >= until for each in alike)
    rows, drops = (moved, ()) if standing else ((after, *moved), tuple(alike))
    subject = hosts[0] if len(hosts) == 1 else name or word.playbook or "fleet"
    return Change(subject, told, rows, drops, until=until)


def _alike(known: Release, asked: Release) -> bool:
    """The same said before: of two, the one that lasts longer stays."""
    return (known.hosts, known.playbook, known.incident) == (asked.hosts, asked.playbook, asked.incident)


def _hosts(word: LetGo, incident: Incident | None, ground: Ground) -> tuple[str, ...]:
    if word.hosts:
        named = tuple(sorted({host_named(name, ground).name for name in word.hosts}))
        strangers = [name for name in named if incident and name not in incident.hosts]
        if strangers and incident:
            raise precondition(
                f"not of incident {incident.id}: {listed(strangers)}; its hosts: {listed(incident.hosts)}"
            )
        return named
    if incident:
        return tuple(sorted(incident.hosts))
    if not word.playbook:
        raise wrong("hosts: name hosts, an incident, or a playbook whose backlog is released")
    book = ground.playbooks[word.playbook]
    # A region's demands may be stuck long after they were first acted upon: then their life begins anew.
    waiting = asking(book, ground) or (_begun(book, ground) if book.target == "region" else ())
    if not waiting:
        raise precondition(f"nobody asks for {word.playbook} now: there is no backlog to release")
    return waiting


def asking(playbook: Playbook, ground: Ground) -> tuple[str, ...]:
    """Whom the playbook is asked to act on now, and has not begun with: its backlog."""
    fleet = ground.fleet
    mine = [alert for alert in fleet.alerts if alert.actionable and alert.playbook == playbook.name]
    asked = {alert.labels.get(playbook.target, "") for alert in mine}
    if playbook.evidence.verdict == VerdictKind.DEAD.value:
        asked |= {host.name for host in fleet.hosts.values() if host.life is Life.DEAD}
    return tuple(sorted(asked - {*_begun(playbook, ground), ""}))


def _begun(playbook: Playbook, ground: Ground) -> tuple[str, ...]:
    rows = ground.fleet.remediations.values()
    return tuple(sorted(row.target for row in rows if row.playbook == playbook.name and row.open and row.steps))


def _incident(name: str, ground: Ground) -> Incident:
    """By id, or by its label and value, such as rack/r1."""
    every = ground.fleet.incidents.values()
    mine = [each for each in every if name in (each.id, f"{each.label}/{each.value}")]
    still = [each for each in mine if each.open]
    if still:
        return still[0]
    if mine:
        raise precondition(f"incident {name} is closed: {mine[0].outcome or mine[0].reason}")
    raise unknown("incident", name, {part for each in every for part in (each.id, f"{each.label}/{each.value}")})


def _moved(incident: Incident, hosts: tuple[str, ...], said: Said, ground: Ground) -> tuple[Incident, ...]:
    """All of its hosts let go: it is released; some of them: it stays what it is, and they are named."""
    after = replace(incident, released=tuple(sorted({*incident.released, *hosts})))
    whole = set(incident.hosts) <= set(after.released)
    if whole and incident.stage is not IncidentStage.RELEASED:
        after = after.moved_to(IncidentStage.RELEASED, ground.now, said.why or "released", said.by)
    return () if after == incident else (after,)


def _id(hosts: tuple[str, ...], word: LetGo, said: Said, ground: Ground) -> str:
    seed = "/".join((*hosts, word.playbook, word.incident, said.by, ground.now.isoformat()))
    return f"rel_{hashlib.blake2b(seed.encode(), digest_size=6).hexdigest()}"
