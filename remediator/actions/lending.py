"""Lent hosts: what is on one, who may need it, and whether it is plainly well. PURE.

Each answers in words; empty is what lets a host be given back. What cannot be told is a reason to keep it.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from remediator.model.evidence import VerdictKind
from remediator.model.fleet import Fleet
from remediator.model.host import Host, HostStatus, Life
from remediator.model.layered import picked
from remediator.model.loan import Loan, LoanStage
from remediator.model.machine import MachineState, Recovery

# Until then a host that was asked for is waited for, and so is its burst.
DEADLINE = timedelta(minutes=15)
_IN_DOUBT = (Life.SUSPECT, Life.RETURNING, Life.DEAD)
_HERE = frozenset({Life.HEALTHY, Life.PROBATION})
_SILENT = (VerdictKind.SUSPECT, VerdictKind.DEAD, VerdictKind.PARTITIONED)
_UNDER_WAY = frozenset({Recovery.NONE, Recovery.PLACED})


def in_use(name: str, fleet: Fleet) -> str:
    """What is on a host, is on its way there, or is still to be done there; adopted and stopped machines too."""
    moves = picked(fleet.migrations, "open", value=True)
    counted = (
        (sum(m.state is not MachineState.DESTROYED for m in picked(fleet.machines, "host", name)), "machines"),
        (len(picked(fleet.volumes, "host", name)), "volumes"),
        (len(picked(fleet.snapshots, "host", name)), "snapshots"),
        (sum(each.open for each in picked(fleet.destroys, "host", name)), "destroys"),
        (sum(name in (each.source, each.target) for each in moves), "migrations"),
        (sum(each.open for each in picked(fleet.operations, "host", name)), "orders"),
        (int(name in fleet.reserved), "promises of this moment"),
    )
    return ", ".join(f"{count} {what}" for count, what in counted if count)


def needed(region: str, fleet: Fleet) -> str:
    """Who of its region may want its room now."""
    if any(demand.region == region for demand in fleet.demands.values()):
        return f"room is asked for in {region}"
    if any(burst.region == region for burst in picked(fleet.bursts, "open", value=True)):
        return f"hosts are asked for in {region}"
    lost = next(_losses(region, fleet), "")
    return f"{lost} is lost or in doubt: what ran there may need the room" if lost else ""


def _losses(region: str, fleet: Fleet) -> Iterator[str]:
    """Hosts whose machines may yet have to run elsewhere, and those of open incidents."""
    for life in _IN_DOUBT:
        for host in picked(fleet.hosts, "life", life):
            if host.region == region and (life is not Life.DEAD or _under_way(host.name, fleet)):
                yield host.name
    judged = [each for kind in _SILENT for each in picked(fleet.verdicts, "kind", kind)]
    doubted = [fleet.hosts[each.host] for each in judged if each.host in fleet.hosts]
    yield from (host.name for host in doubted if host.region == region and host.life in _HERE)
    for incident in picked(fleet.incidents, "open", value=True):
        there = [fleet.hosts[name] for name in incident.hosts if name in fleet.hosts]
        yield from (host.name for host in there if host.region == region)


def _under_way(name: str, fleet: Fleet) -> bool:
    return any(each.alive and each.recovery in _UNDER_WAY for each in picked(fleet.machines, "host", name))


def unsure(host: Host, fleet: Fleet) -> str:
    """Why it cannot be said that the host is well, and that its agent would tell of whatever runs there."""
    verdict, sighting = fleet.verdicts.get(host.name), fleet.sightings.get(host.name)
    if host.life is not Life.HEALTHY or host.status is not HostStatus.OK:
        return f"it is {host.life}, {host.status}"
    if verdict is None or verdict.kind is not VerdictKind.ALIVE or verdict.silent:
        return f"direct evidence: {verdict.reason or verdict.kind if verdict else 'none'}"
    if sighting is None or not sighting.connected:
        return "its agent is not connected: nobody tells what runs there"
    if sighting.claims:
        return f"of it is said: {sighting.claims[0].text}"
    if host.identity_claim is not None or host.leaving:
        return "a person is asked who it is" if host.identity_claim else "it is leaving already"
    return ""


def another(loan: Loan, fleet: Fleet) -> str:
    """Whether it is not the host that was lent."""
    host = fleet.hosts.get(loan.host)
    changed = host is not None and host.joined and host.identity.contradicts(loan.identity)
    return "another host bears its name by now" if changed else ""


def kept(loan: Loan, fleet: Fleet) -> str:
    """Why it stays; a host that never joined holds nothing."""
    host = fleet.hosts.get(loan.host)
    found = in_use(loan.host, fleet)
    if host is None or not host.joined:
        lives = loan.stage is LoanStage.AWAITED and loan.host in fleet.strangers
        return found or ("an agent greets in its name, and is not enrolled" if lives else "")
    if why := another(loan, fleet):
        return why
    if host.cordoned and not (loan.closed and host.cordoned == loan.by):
        return f"it is cordoned: {host.cordoned}"
    return found or needed(loan.region, fleet) or unsure(host, fleet)


def due(loan: Loan, idle: timedelta, now: datetime) -> str:
    """For what is still waited before the host is superfluous; empty when it is."""
    if loan.stage is LoanStage.AWAITED:
        left = loan.asked_at + DEADLINE - now
        return f"it may still join, for {left.total_seconds():.0f} s" if left > timedelta() else ""
    if loan.stage is LoanStage.STUCK and loan.joined_at is None:
        # Its cooldown is all that it waits for: nothing ever was on it.
        return ""
    if loan.idle_since is None:
        return "it is in use, or its burst is not over"
    left = loan.idle_since + idle - now
    return f"idle, to be for another {left.total_seconds():.0f} s" if left > timedelta() else ""
