"""A stint's parts that look beyond its own shard: joined to the others where a seat has neighbours."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack

from remediator.clock import Clock
from remediator.model.alert import Alert
from remediator.model.fleet import Fleet
from remediator.model.host import Host
from remediator.model.loan import Loan
from remediator.model.policy import Policy
from remediator.runtime.agents.watch import Watch
from remediator.runtime.leading.neighbours import Around, Neighbours
from remediator.runtime.ledger import Ledger
from remediator.settings import InventoryHost
from remediator.turns.seat import Seat, forever


def our_part(inventory: Mapping[str, InventoryHost], seat: Seat) -> dict[str, InventoryHost]:
    """The expected hosts of our own regions."""
    return {name: host for name, host in inventory.items() if seat.leads(host.region)}


class Joined:
    """What goes on between us and the other shards' leaders; nothing where there are none."""

    def __init__(self, neighbours: Neighbours | None) -> None:
        self._neighbours = neighbours

    async def run(self) -> None:
        """For ever."""
        await (self._neighbours.run() if self._neighbours else forever())


async def join(
    stack: AsyncExitStack, seat: Seat, ledger: Ledger, watch: Watch, policy: Callable[[], Policy], clock: Clock
) -> Joined:
    """Before the first look: our part of the fleet's budgets, and what was heard while another led."""
    seat.knows(knower(watch.fleet))
    if seat.heard is not None:
        watch.evidence.take_over(seat.heard.evidence.told())
        watch.heard_since = seat.heard.since
    shared = seat.shared
    if shared is None:
        return Joined(None)
    around = Around(shared.shard, shared.lease, shared.commons, policy)
    neighbours = Neighbours(around, ledger, watch, clock)
    stack.callback(neighbours.close)
    await neighbours.begin()
    return Joined(neighbours)


def our_alerts(
    alerts: Callable[[], tuple[Alert, ...]], seat: Seat, ledger: Ledger
) -> Callable[[], tuple[Alert, ...]]:
    """Those that name a host or a region of ours, or neither."""
    if seat.shared is None:
        return alerts
    return lambda: tuple(_ours(alerts(), seat, {**ledger.all(Loan), **ledger.all(Host)}))


def _ours(alerts: Iterable[Alert], seat: Seat, hosts: Mapping[str, object]) -> Iterable[Alert]:
    for alert in alerts:
        host, region = alert.labels.get("host", ""), alert.labels.get("region", "")
        if host in hosts or (not host and (not region or seat.leads(region))):
            yield alert


def knower(fleet: Callable[[], Fleet]) -> Callable[[str], bool]:
    """Whether a word is the name of anything in the fleet."""

    def knows(word: str) -> bool:
        now = fleet()
        named = (now.hosts, now.machines, now.volumes, now.snapshots, now.incidents, now.releases)
        lent = (now.bursts, now.loans)
        questions = any(word == row.id for row in now.approvals.values())
        return questions or any(word in rows for rows in (*named, *lent, now.approvals, now.operator_holds))

    return knows
