"""The guard ``budgets``: how much is in flight, was done lately, and newly fell, in every scope at once. PURE.

A first act takes a slot in each scope or is not done: the remediation that it opens is the reservation, in the
fleet, the region, the rack and each app alike. What is unknown counts neither as healthy nor as dead: it is in no
denominator, and in the numerator of what newly fell. Hosts of incidents are in neither.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from remediator.actions.spec import Case
from remediator.engine.guards.correlated import released_by_person
from remediator.engine.guards.guard import Facts, Guard
from remediator.engine.guards.shares import APP, IN_FLIGHT, NEWLY_UNHEALTHY, PARTED, RATE, share_key
from remediator.engine.incidents.exits import GROUP_PLAYBOOKS
from remediator.engine.index import FLEET, Index, index_of
from remediator.engine.index import busy as busy
from remediator.model.decision import Hold
from remediator.model.policy import Budget, Share

# Of a fleet of several shards.
_PART = ", as far as its part was given to this shard"
# What a person's release replaces; slots in flight are capacity, and stay.
_RELEASED = frozenset({RATE, NEWLY_UNHEALTHY})


@dataclass(frozen=True, slots=True)
class Counted:
    """A budget's use in one place: how many there are at worst (``unclear`` of them unknown), how many may be."""

    name: str
    scope: str
    place: str
    used: int
    allowed: int
    unclear: int = 0

    @property
    def full(self) -> bool:
        return self.used >= self.allowed


def counts(case: Case, budget: Budget) -> Iterator[Counted]:
    """What of a budget is used, ceiling by ceiling; of several apps, the one with least left."""
    index, target = index_of(case), case.target
    members = case.playbook.name in GROUP_PLAYBOOKS
    places = index.places(budget.scope, target)
    found = [list(_in_place(case, index, budget, place, members=members)) for place in places]
    for same in zip(*found, strict=True):
        yield max(same, key=lambda each: (each.full, each.used - each.allowed))


def _in_place(case: Case, index: Index, budget: Budget, place: str, *, members: bool) -> Iterator[Counted]:
    where, name = (budget.scope, place), case.playbook.name
    total = index.total(where, members=members)

    def counted(what: str, allowed: Share, used: int, unclear: int = 0) -> Counted:
        mine = _part(case, budget, what, allowed, place)
        return Counted(what, budget.scope, place, used, allowed.of(total) if mine is None else mine, unclear)

    if budget.max_in_flight is not None:
        yield counted(IN_FLIGHT, budget.max_in_flight, index.in_flight(name, where, case.target, members=members))
    if budget.rate is not None:
        yield counted(RATE, budget.rate, index.begun(name, where, budget.per, members=members))
    if budget.newly_unhealthy is not None:
        dead, unclear = index.newly_lost(where, budget.within, case.target)
        yield counted(NEWLY_UNHEALTHY, budget.newly_unhealthy, dead + unclear, unclear)


def _part(case: Case, budget: Budget, what: str, share: Share, place: str) -> int | None:
    """Of what crosses shards, what this one has been given: others act on the rest of it; None where nobody else may.

    Of an app it holds nothing before one of its hosts is lost: what would be then (whatif) is the whole.
    """
    if case.fleet.shares is None or budget.scope not in PARTED:
        return None
    app = place if budget.scope == APP else ""
    key = share_key(case.playbook.name, what, budget, share, app)
    imagined = app and index_of(case).also is not None
    return case.fleet.shares.get(key, None if imagined else 0)


def _read(case: Case) -> Facts | None:
    """Every budget of the playbook, before its first act on a target."""
    if case.remediation.steps or not case.playbook.budgets:
        return None
    prepaid = {} if case.fleet.shares is None else {"prepaid": True, "parted": sorted(PARTED)}
    return {"budgets": _used(case), "let_go": released_by_person(case)} | prepaid


def _used(case: Case) -> list[Facts]:
    """Counted anew for whoever counts itself; else the same for all in the same places."""
    index, book = index_of(case), case.playbook

    def counted() -> list[Facts]:
        return [_plain(count) for budget in book.budgets for count in counts(case, budget)]

    if case.target in index.counted(book.name):
        return counted()
    places = tuple(index.places(budget.scope, case.target) for budget in book.budgets)
    return list(index.slot(book.name, ("used", places), counted))


def _plain(count: Counted) -> Facts:
    return {
        "name": count.name,
        "scope": count.scope,
        "place": count.place,
        "used": count.used,
        "allowed": count.allowed,
        "unclear": count.unclear,
    }


def _judge(facts: Facts) -> Hold | None:
    for budget in facts["budgets"]:
        spared = facts["let_go"] and budget["name"] in _RELEASED
        if not spared and budget["used"] >= budget["allowed"]:
            # Decisions of before apps were parted tell no scopes.
            parted = facts.get("parted", [FLEET]) if "prepaid" in facts else []
            return _over(budget, _PART if budget["scope"] in parted else "")
    return None


def _over(budget: Facts, part: str) -> Hold:
    place = f" {budget['place']}" if budget["scope"] == APP else ""
    unclear = f", {budget['unclear']} of them unknown" if budget["unclear"] else ""
    told = f"{budget['used']} of {budget['allowed']} allowed in this {budget['scope']}{place}{part}{unclear}"
    return Hold(f"Budget{budget['name']}", told, {name: budget[name] for name in ("scope", "used", "allowed")})


def region_of(case: Case, target: str) -> str:
    """A host's region; another target's is its own name."""
    host = case.fleet.hosts.get(target)
    return host.region if host else target


budgets = Guard("budgets", _read, _judge)
