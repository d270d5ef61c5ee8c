"""Prepaid shares: whatever shards ask for, and in whatever order, together they never hold more than the whole."""

from hypothesis import given
from hypothesis import strategies as st

from remediator.engine.guards.shares import Need, fair, kept, taken
from remediator.journal.commons import Stake
from remediator.model.policy import Share

SHARDS = ("arn", "fra", "hel")


def need(floor: int, wish: int) -> Need:
    return Need(Share(0.1, 1), floor, wish, members=False)


@given(st.integers(0, 40), st.dictionaries(st.sampled_from(SHARDS), st.integers(0, 500)), st.integers(0, 99))
def test_parts_by_size_are_the_whole_together(whole: int, hosts: dict[str, int], turn: int) -> None:
    parts = fair(whole, hosts, turn)
    assert sum(parts.values()) == (whole if sum(hosts.values()) else 0)
    total = sum(hosts.values())
    assert all(abs(parts[shard] - whole * many / total) < len(hosts) for shard, many in hosts.items() if total)


def test_the_odd_slot_goes_round() -> None:
    hosts = {"arn": 10, "fra": 10}
    assert [fair(1, hosts, turn) for turn in (0, 1)] == [{"arn": 1, "fra": 0}, {"arn": 0, "fra": 1}]


def test_who_has_no_hosts_has_no_part() -> None:
    assert fair(3, {"arn": 7, "fra": 0}, 1) == {"arn": 3, "fra": 0}


def test_what_is_in_use_is_kept_and_the_rest_lent_to_who_wants() -> None:
    assert kept(3, need(1, 1), 2, others_want=True) == 1
    assert kept(3, need(1, 1), 2, others_want=False) == 2
    assert kept(3, need(3, 3), 1, others_want=True) == 3


def test_no_more_is_taken_than_is_free() -> None:
    assert taken(1, 1, need(1, 5), 1, others_want=False) == 2
    assert taken(1, -2, need(1, 5), 3, others_want=False) == 1
    # Others want: what is not needed here is left for them.
    assert taken(0, 3, need(0, 0), 2, others_want=True) == 0


Act = tuple[int, str]
ACTS = st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["ask", "begin", "end", "round", "fall"])), max_size=120)


class Fleet:
    """Three leaders and the table that they share; ``limit`` is what each believes to be its own."""

    def __init__(self, whole: int) -> None:
        self.whole = whole
        self.rows = {shard: Stake() for shard in SHARDS}
        self.limit = dict.fromkeys(SHARDS, 0)
        self.used = dict.fromkeys(SHARDS, 0)
        self.asked = dict.fromkeys(SHARDS, 0)

    def act(self, shard: str, what: str) -> None:
        if what == "ask":
            self.asked[shard] += 1
        elif what == "begin" and self.asked[shard] and self.used[shard] < self.limit[shard]:
            self.asked[shard] -= 1
            self.used[shard] += 1
        elif what == "end":
            self.used[shard] = max(0, self.used[shard] - 1)
        elif what == "fall":
            # Another leads that shard: what is in use it knows from the journal, what is its own not yet.
            self.limit[shard] = 0
        elif what == "round":
            self.round(shard)

    def round(self, shard: str) -> None:
        mine, wanted = self.rows[shard], need(self.used[shard], self.used[shard] + self.asked[shard])
        others = {name: stake for name, stake in self.rows.items() if name != shard}
        want = any(stake.wants for stake in others.values())
        part = fair(self.whole, dict.fromkeys(SHARDS, 5), 0)[shard]
        left = kept(mine.held, wanted, part, others_want=want)
        free = self.whole - sum(stake.held for stake in others.values()) - left
        held = taken(left, free, wanted, part, others_want=want)
        self.rows[shard] = Stake(held, wanted.wish > held)
        self.limit[shard] = held


@given(st.integers(0, 5), ACTS)
def test_the_whole_is_never_exceeded(whole: int, acts: list[Act]) -> None:
    fleet = Fleet(whole)
    for number, what in acts:
        fleet.act(SHARDS[number], what)
        assert sum(stake.held for stake in fleet.rows.values()) <= whole
        assert sum(fleet.used.values()) <= whole
        assert all(fleet.used[shard] <= stake.held for shard, stake in fleet.rows.items())


@given(ACTS)
def test_whoever_asks_has_a_slot_once_all_others_are_done(acts: list[Act]) -> None:
    fleet = Fleet(1)
    for number, what in acts:
        fleet.act(SHARDS[number], what)
    fleet.used, fleet.asked = dict.fromkeys(SHARDS, 0), dict.fromkeys(SHARDS, 0)
    fleet.asked["hel"] = 1
    for shard in ("hel", "arn", "fra", "hel"):
        fleet.round(shard)
    assert fleet.limit["hel"] == 1
