"""A budget of the whole fleet in prepaid shares: each shard acts within its own, all together within the whole. PURE.

What a shard holds is its until it gives it back itself, in a transaction; whoever needs more takes what is free.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from remediator.engine.incidents.exits import GROUP_PLAYBOOKS
from remediator.engine.index import FLEET, Index
from remediator.model.policy import Budget, Playbook, Share

# The odd slots that proportion leaves over go round: each shard has them for a minute.
TURN_SECONDS = 60.0
IN_FLIGHT, RATE, NEWLY_UNHEALTHY = "InFlight", "Rate", "NewlyUnhealthy"


@dataclass(frozen=True, slots=True)
class Need:
    """Of one budget: its ceiling, what is in use here, and what could be; ``members`` of incidents count or not."""

    share: Share
    floor: int
    wish: int
    members: bool


def share_key(playbook: str, name: str, budget: Budget, share: Share) -> str:
    """What a budget is called among the remediators: another ceiling is another budget."""
    span = {RATE: budget.per, NEWLY_UNHEALTHY: budget.within}.get(name)
    over = f" over {span.total_seconds():g} s" if span else ""
    return f"{playbook} {name} {share.share:g}/{share.at_least}{over}"


def needs(playbooks: Mapping[str, Playbook], index: Index) -> dict[str, Need]:
    """What the playbooks' budgets of scope fleet hold and could use here."""
    found: dict[str, Need] = {}
    for playbook in playbooks.values():
        fleet_wide = [budget for budget in playbook.budgets if budget.scope == FLEET]
        for budget in fleet_wide:
            found |= _of_budget(playbook, budget, index)
    return found


def _of_budget(playbook: Playbook, budget: Budget, index: Index) -> dict[str, Need]:
    where, name, members = (FLEET, ""), playbook.name, playbook.name in GROUP_PLAYBOOKS
    asking, found = len(index.asking(playbook)), {}
    if budget.max_in_flight is not None:
        used = index.in_flight(name, where, "", members=members)
        need = Need(budget.max_in_flight, used, used + asking, members)
        found[share_key(name, IN_FLIGHT, budget, budget.max_in_flight)] = need
    if budget.rate is not None:
        used = index.begun(name, where, budget.per, members=members)
        need = Need(budget.rate, used, used + asking, members)
        found[share_key(name, RATE, budget, budget.rate)] = need
    if budget.newly_unhealthy is not None:
        used = sum(index.newly_lost(where, budget.within, ""))
        need = Need(budget.newly_unhealthy, 0, used if asking else 0, members)
        found[share_key(name, NEWLY_UNHEALTHY, budget, budget.newly_unhealthy)] = need
    return found


def fair(whole: int, hosts: Mapping[str, int], turn: int) -> dict[str, int]:
    """The whole by number of hosts, rounded down; what is left goes round the shards, ``turn`` by turn."""
    total = sum(hosts.values())
    if not total:
        return dict.fromkeys(hosts, 0)
    found = {shard: whole * many // total for shard, many in hosts.items()}
    some = sorted(shard for shard, many in hosts.items() if many)
    for odd in range(whole - sum(found.values())):
        found[some[(odd + turn) % len(some)]] += 1
    return found


def kept(held: int, need: Need, mine: int, *, others_want: bool) -> int:
    """What a shard keeps of what it holds; ``mine`` is its fair part, lent when others want and it does not."""
    least = max(need.floor, min(need.wish, mine) if others_want else max(need.wish, mine))
    return min(held, least)


def taken(kept_now: int, free: int, need: Need, mine: int, *, others_want: bool) -> int:
    """What it holds after it has taken what it needs of what is free."""
    wanted = max(need.wish, need.floor) if others_want else max(need.wish, need.floor, mine)
    return max(kept_now, min(wanted, kept_now + max(0, free)))
