"""Survivor protection: whoever took in an incident's work and is in doubt since may be the next to fall. PURE.

When a host that received work from an incident becomes suspect, that incident's recreates stop; half the pace returns
after five minutes, and stays half: what felled one survivor may fell another.
"""

from datetime import datetime, timedelta

from remediator.actions.spec import Case
from remediator.engine.guards.guard import Facts, Guard
from remediator.engine.index import Index, index_of
from remediator.model.decision import Hold
from remediator.model.incident import Incident

STOP = timedelta(minutes=5)
HALF = 0.5
_PLACING = frozenset({"recreate", "restore_volumes"})


def pace_of(case: Case) -> float:
    """How much of its pace the target's incident may go on with: all, half, or none."""
    found = _newest(case)
    if found is None:
        return 1.0
    return 0.0 if case.now - found[1] < STOP else HALF


def _newest(case: Case) -> tuple[str, datetime] | None:
    """The survivor that came into doubt last, and since when."""
    index = index_of(case)
    incident = index.incidents.get(case.target)
    if incident is None:
        return None
    return index.kept(("survivors", incident.id), lambda: _last_doubted(index, incident))


def _last_doubted(index: Index, incident: Incident) -> tuple[str, datetime] | None:
    found = [
        (since, name)
        for name, received in receivers(index, incident).items()
        for since in _doubts(index, name)
        if since >= received
    ]
    return (max(found)[1], max(found)[0]) if found else None


def receivers(index: Index, incident: Incident) -> dict[str, datetime]:
    """Hosts that run what the incident's hosts ran, and since when they first were given some of it."""
    lost = (machine for host in incident.hosts for machine in index.fleet.machines_on(host))
    given = (each for machine in lost for each in index.fleet.successors(machine))
    found: dict[str, datetime] = {}
    for each in given:
        if each.created_at >= incident.opened_at and each.host not in incident.hosts:
            found[each.host] = min(each.created_at, found.get(each.host, each.created_at))
    return found


def _doubts(index: Index, name: str) -> list[datetime]:
    known = index.fleet.suspicions.get(name)
    spells = [spell.began for spell in known.spells] if known else []
    return [*spells, index.doubted[name]] if name in index.doubted else spells


def _read(case: Case) -> Facts | None:
    found = _newest(case) if case.action in _PLACING else None
    if found is None:
        return None
    again = found[1] + STOP
    return {"host": found[0], "stopped": case.now < again, "until": again.isoformat(timespec="seconds")}


def _judge(facts: Facts) -> Hold | None:
    if not facts["stopped"]:
        return None
    told = f"{facts['host']} took in work of this incident and is in doubt since: recreating stops until"
    return Hold("SurvivorInDoubt", f"{told} {facts['until']}", {"host": facts["host"]})


survivors = Guard("survivors", _read, _judge)
