"""The budgets guard: how much is in flight, was done lately, and newly fell, each against what is allowed."""

from collections.abc import Iterator
from dataclasses import dataclass

from remediator.actions.recreate import WAS_SERVING
from remediator.actions.spec import Case
from remediator.model.decision import Hold, Remediation
from remediator.model.fleet import Fleet
from remediator.model.host import Host, Life
from remediator.model.machine import Recovery
from remediator.model.policy import Budget, Share


@dataclass(frozen=True, slots=True)
class Counted:
    """A budget's use: how many there are, how many there may be."""

    used: int
    allowed: int


def budgets(case: Case) -> Hold | None:
    """Every budget of the playbook, before its first act on a target."""
    if case.remediation.steps:
        return None
    for budget in case.playbook.budgets:
        for name, count in counts(case, budget):
            if hold := _over(name, budget, count):
                return hold
    return None


def counts(case: Case, budget: Budget) -> Iterator[tuple[str, Counted]]:
    """What of a budget is used, ceiling by ceiling."""
    if budget.max_in_flight is not None:
        yield "InFlight", _in_flight(case, budget, budget.max_in_flight)
    if budget.rate is not None:
        yield "Rate", _rate(case, budget, budget.rate)
    if budget.newly_unhealthy is not None:
        yield "NewlyUnhealthy", _newly_unhealthy(case, budget, budget.newly_unhealthy)


def _in_flight(case: Case, budget: Budget, allowed: Share) -> Counted:
    mine = [r for r in case.fleet.remediations.values() if busy(case.fleet, r) and r.playbook == case.playbook.name]
    used = sum(1 for r in mine if _in_scope(case, budget.scope, r.target) and r.target != case.target)
    return Counted(used, allowed.of(_total(case, budget.scope)))


def busy(fleet: Fleet, remediation: Remediation) -> bool:
    """A lost host holds its slot until each of its machines is placed, held or waiting with a reason."""
    if not remediation.open or not remediation.steps:
        return False
    host = fleet.hosts.get(remediation.target)
    if host is None or host.life is not Life.DEAD:
        return True
    under_way = (Recovery.NONE, Recovery.PLACED)
    return any(m.alive and m.recovery in under_way and m.state in WAS_SERVING for m in fleet.machines_on(host.name))


def _rate(case: Case, budget: Budget, allowed: Share) -> Counted:
    mine = [r for r in case.fleet.remediations.values() if r.playbook == case.playbook.name and r.steps]
    used = sum(1 for r in mine if case.now - r.opened_at <= budget.per and _in_scope(case, budget.scope, r.target))
    return Counted(used, allowed.of(_total(case, budget.scope)))


def _newly_unhealthy(case: Case, budget: Budget, allowed: Share) -> Counted:
    hosts = _hosts_in(case, budget.scope)
    used = sum(1 for h in hosts if h.died_at and case.now - h.died_at <= budget.within and h.name != case.target)
    return Counted(used, allowed.of(len(hosts)))


def _over(name: str, budget: Budget, count: Counted) -> Hold | None:
    if count.used < count.allowed:
        return None
    told = f"{count.used} of {count.allowed} allowed in this {budget.scope}"
    return Hold(f"Budget{name}", told, {"scope": budget.scope, "used": count.used, "allowed": count.allowed})


def _total(case: Case, scope: str) -> int:
    return len(_hosts_in(case, scope))


def _hosts_in(case: Case, scope: str) -> list[Host]:
    hosts = case.fleet.hosts.values()
    if scope == "fleet":
        return list(hosts)
    if scope == "rack":
        return [host for host in hosts if case.host is not None and host.rack == case.host.rack]
    region = case.region
    return [host for host in hosts if host.region == region]


def _in_scope(case: Case, scope: str, target: str) -> bool:
    if scope == "fleet":
        return True
    host = case.fleet.hosts.get(target)
    if scope == "rack":
        return host is not None and case.host is not None and host.rack == case.host.rack
    return region_of(case, target) == case.region


def region_of(case: Case, target: str) -> str:
    """A host's region; another target's is its own name."""
    host = case.fleet.hosts.get(target)
    return host.region if host else target
