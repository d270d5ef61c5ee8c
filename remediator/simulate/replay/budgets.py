"""How much of each budget was used, wherever it was used at all."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from remediator.engine.guards.budgets import busy
from remediator.model.decision import Remediation
from remediator.model.fleet import Fleet
from remediator.model.policy import Budget, Policy
from remediator.simulate.replay.results import Use

Budgets = dict[tuple[str, str, str], list[Use]]


def note(budgets: Budgets, policy: Policy, fleet: Fleet, now: datetime) -> None:
    """Put down every budget whose use has changed."""
    for playbook in policy.playbooks.values():
        mine = [each for each in fleet.remediations.values() if each.playbook == playbook.name and each.steps]
        asked = playbook.budgets if mine or fleet.verdicts else ()
        for what, where, use in (use for budget in asked for use in _uses(budget, mine, fleet, now)):
            told = budgets.setdefault((playbook.name, what, where), [])
            if not told or (told[-1].used, told[-1].allowed) != (use.used, use.allowed):
                told.append(use)


def _uses(budget: Budget, mine: list[Remediation], fleet: Fleet, now: datetime) -> Iterator[tuple[str, str, Use]]:
    total = Counter(_place(budget.scope, name, fleet) for name in fleet.hosts)
    places = {_place(budget.scope, each.target, fleet) for each in mine}
    if budget.max_in_flight:
        used = Counter(_place(budget.scope, each.target, fleet) for each in mine if busy(fleet, each))
        for place in places:
            yield "in flight", place, Use(now, used[place], budget.max_in_flight.of(total[place]))
    if budget.rate:
        recent = [each for each in mine if now - each.opened_at <= budget.per]
        used = Counter(_place(budget.scope, each.target, fleet) for each in recent)
        for place in places:
            yield "rate", place, Use(now, used[place], budget.rate.of(total[place]))
    if budget.newly_unhealthy:
        fallen = [host.name for host in fleet.hosts.values() if host.died_at and now - host.died_at <= budget.within]
        used = Counter(_place(budget.scope, name, fleet) for name in fallen)
        for place in used:
            yield "newly unhealthy", place, Use(now, used[place], budget.newly_unhealthy.of(total[place]))


def _place(scope: str, target: str, fleet: Fleet) -> str:
    host = fleet.hosts.get(target)
    if scope == "fleet":
        return "fleet"
    if scope == "rack":
        return f"rack {host.rack}" if host else f"rack of {target}"
    return f"region {host.region if host else target}"
