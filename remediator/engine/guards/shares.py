"""Budgets that cross shards in prepaid shares: each acts within its own, all together within the whole. PURE.

Of the whole fleet, and of each app: the machines of one may run in every shard.

What a shard holds is its until it gives it back itself, in a transaction; whoever needs more takes what is free.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from remediator.engine.guards.scanned import Place
from remediator.engine.incidents.exits import GROUP_PLAYBOOKS
from remediator.engine.index import FLEET, Index
from remediator.model.policy import Budget, Playbook, Share

# The odd slots that proportion leaves over go round: each shard has them for a minute.
TURN_SECONDS = 60.0
IN_FLIGHT, RATE, NEWLY_UNHEALTHY = "InFlight", "Rate", "NewlyUnhealthy"
APP = "app"
# Scopes that more than one shard may be part of.
PARTED = frozenset({FLEET, APP})
_OF_APP = " of app "
_EVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Need:
    """Of one budget: its ceiling, what is in use here, and what could be; ``members`` of incidents count or not.

    ``app`` is whose it is, empty for the whole fleet's.
    """

    share: Share
    floor: int
    wish: int
    members: bool
    app: str = ""


def share_key(playbook: str, name: str, budget: Budget, share: Share, app: str = "") -> str:
    """What a budget is called among the remediators: another ceiling is another budget."""
    span = {RATE: budget.per, NEWLY_UNHEALTHY: budget.within}.get(name)
    over = f" over {span.total_seconds():g} s" if span else ""
    return f"{playbook} {name} {share.share:g}/{share.at_least}{over}" + (f"{_OF_APP}{app}" if app else "")


def app_of(key: str) -> str:
    """The app whose budget is called that; empty for the fleet's."""
    return key.partition(_OF_APP)[2]


def needs(playbooks: Mapping[str, Playbook], index: Index) -> dict[str, Need]:
    """What the playbooks' budgets that cross shards hold and could use here; of apps, those that hold or could."""
    found: dict[str, Need] = {}
    for playbook in playbooks.values():
        parted = [budget for budget in playbook.budgets if budget.scope in PARTED]
        asking = {scope: _asking(playbook, scope, index) for scope in {budget.scope for budget in parted}}
        for budget in parted:
            for place, many in asking[budget.scope].items():
                found |= _of_budget(playbook, budget, index, (budget.scope, place), many)
    return found


def _asking(playbook: Playbook, scope: str, index: Index) -> dict[str, int]:
    """By place of that scope: how many ask; and with none those where something was ever begun."""
    asked = index.asking(playbook)
    if scope == FLEET:
        return {"": len(asked)}
    begun = {place: 0 for name in index.begun_since(playbook.name, _EVER) for place in index.places(scope, name)}
    return {**begun, **Counter(place for name in asked for place in index.places(scope, name))}


def _of_budget(playbook: Playbook, budget: Budget, index: Index, where: Place, asking: int) -> dict[str, Need]:
    app = where[1] if budget.scope == APP else ""
    told = _told(playbook, budget, index, where, asking)
    found = {share_key(playbook.name, name, budget, need.share, app): need for name, need in told}
    return {key: need for key, need in found.items() if not app or need.floor or need.wish}


def _told(playbook: Playbook, budget: Budget, index: Index, where: Place, asking: int) -> Iterator[tuple[str, Need]]:
    name, members = playbook.name, playbook.name in GROUP_PLAYBOOKS
    app = where[1] if budget.scope == APP else ""
    if budget.max_in_flight is not None:
        used = index.in_flight(name, where, "", members=members)
        yield IN_FLIGHT, Need(budget.max_in_flight, used, used + asking, members, app)
    if budget.rate is not None:
        used = index.begun(name, where, budget.per, members=members)
        yield RATE, Need(budget.rate, used, used + asking, members, app)
    if budget.newly_unhealthy is not None:
        used = sum(index.newly_lost(where, budget.within, ""))
        # Who fell here has fallen for the others too, whether anybody still asks about it or not. Who asks may not be
        # one of them: it lives, or fell long ago, and wants a place beside theirs.
        yield NEWLY_UNHEALTHY, Need(budget.newly_unhealthy, used, used + min(asking, 1), members, app)


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
