"""The arithmetic of one round: what a shard keeps, gives back and takes of each budget that crosses shards. PURE."""

from collections.abc import Iterable, Mapping

from remediator.engine.guards.shares import APP, TURN_SECONDS, Need, fair, kept, taken
from remediator.engine.index import FLEET, Index
from remediator.journal.commons import Stake, Stakes
from remediator.model.elsewhere import Elsewhere


class Parts:
    """Of one shard, given what the others told; ``clock`` is the database's at the round before, in unix seconds."""

    def __init__(
        self, shard: str, asked: Mapping[str, Need], index: Index, elsewhere: Iterable[Elsewhere], clock: float
    ) -> None:
        self._shard = shard
        self._asked = asked
        others = [each for each in elsewhere if not each.stale]
        # Counted here: what follows is asked in another thread.
        self._hosts = {(need.app, need.members): _hosts(shard, need, index, others) for need in asked.values()}
        self._clock = clock

    def left(self, stakes: Stakes) -> dict[str, int]:
        """Of what was ours at the last round, what stays so."""
        return {key: self._kept(key, of, of.get(self._shard, Stake()).held) for key, of in stakes.items()}

    def after(self, stakes: Stakes, left: Mapping[str, int], clock: float) -> dict[str, Stake]:
        """All that is ours from now on; a budget that the rules do not have any more is given back."""
        self._clock = clock
        mine = {key for key, of in stakes.items() if of.get(self._shard, Stake()) != Stake()}
        return {key: self._stake(key, stakes.get(key, {}), left) for key in sorted(mine | self._asked.keys())}

    def _stake(self, key: str, of: Mapping[str, Stake], left: Mapping[str, int]) -> Stake:
        need = self._asked.get(key)
        if need is None:
            return Stake()
        held = of.get(self._shard, Stake()).held
        held = min(held, left.get(key, held))
        others = {name: stake for name, stake in of.items() if name != self._shard}
        whole = self._whole(need)
        free = whole - sum(stake.held for stake in others.values()) - held
        held = taken(held, free, need, self._fair(need, whole), others_want=_any_wants(others))
        return Stake(held, need.wish > held)

    def _kept(self, key: str, of: Mapping[str, Stake], held: int) -> int:
        need = self._asked.get(key)
        if need is None:
            return 0
        others = {name: stake for name, stake in of.items() if name != self._shard}
        return kept(held, need, self._fair(need, self._whole(need)), others_want=_any_wants(others))

    def _whole(self, need: Need) -> int:
        return need.share.of(sum(self._hosts[need.app, need.members].values()))

    def _fair(self, need: Need, whole: int) -> int:
        hosts = self._hosts[need.app, need.members]
        return fair(whole, hosts, int(self._clock // TURN_SECONDS)).get(self._shard, 0)


def _hosts(shard: str, need: Need, index: Index, others: Iterable[Elsewhere]) -> dict[str, int]:
    """How many each shard has, as far as it is told: of an app too few of them leave it too few slots at worst."""
    where = (APP, need.app) if need.app else (FLEET, "")
    mine = index.total(where, members=need.members)
    return {shard: mine} | {each.shard: _told(each, need) for each in others}


def _told(elsewhere: Elsewhere, need: Need) -> int:
    if need.app:
        return elsewhere.apps.get(need.app, 0)
    return elsewhere.hosts if need.members else elsewhere.counted


def _any_wants(stakes: Mapping[str, Stake]) -> bool:
    return any(stake.wants for stake in stakes.values())
