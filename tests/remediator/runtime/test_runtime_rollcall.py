"""Who leads what: as each prefers, as evenly as can be, and without moving more than must be moved."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from remediator.clock import FakeClock
from remediator.journal.commons import Candidate, Standing, View
from remediator.runtime.leading.fake_commons import FakeCommons
from remediator.runtime.leading.rollcall import BACK_SECONDS, KNOWN_SECONDS, UP_SECONDS, RollCall, shared_out

START = datetime(2026, 1, 1, tzinfo=UTC)
ARN_FRA = ("arn", "fra")


def up(name: str, *prefer: str, seconds: float = 60.0, age: float = 0.0) -> Candidate:
    return Candidate(f"{name}-1", name, f"http://{name}", prefer, seconds, age)


@dataclass
class Stage:
    """One that calls the roll, and what it reads."""

    me: Candidate
    view: View = field(default_factory=View)
    preferring: bool = True
    clock: FakeClock = field(default_factory=lambda: FakeClock(START))

    async def called(self) -> RollCall:
        roll = RollCall(FakeCommons(self.view), self.me, ARN_FRA, self.clock, preferring=self.preferring)
        await roll.beat()
        return roll

    def later(self, seconds: float) -> None:
        self.clock.set(self.clock.now() + timedelta(seconds=seconds))


def test_each_leads_what_it_prefers() -> None:
    both = [up("a", "fra"), up("b", "arn")]
    assert shared_out(ARN_FRA, both) == {"fra": "a", "arn": "b"}


def test_one_alone_leads_all() -> None:
    assert shared_out(ARN_FRA, [up("a", "fra")]) == {"fra": "a", "arn": "a"}


@given(st.sets(st.integers(0, 20), min_size=1, max_size=5), st.integers(1, 12))
def test_none_leads_more_than_its_part(numbers: set[int], many: int) -> None:
    shards = [f"s{number}" for number in range(many)]
    found = shared_out(shards, [up(f"r{number}") for number in numbers])
    assert set(found) == set(shards)
    load = [list(found.values()).count(f"r{number}") for number in numbers]
    assert max(load) <= -(-many // len(numbers))


async def test_a_shard_that_another_leads_is_not_asked_for_until_its_lease_ends() -> None:
    stage = Stage(up("b", "fra"), View((up("a", "arn"),), {"fra": Standing("a-1", 2.0)}))
    roll = await stage.called()
    assert not roll.may_ask("fra")
    assert (roll.leader_of("fra"), roll.url_of("fra")) == ("a-1", "http://a")
    stage.later(1.95)
    assert roll.may_ask("fra")


async def test_a_free_shard_is_left_for_a_while_to_whom_it_belongs() -> None:
    stage = Stage(up("b", "fra"), View((up("a", "arn"),), {"arn": Standing("a-1", -0.5)}))
    roll = await stage.called()
    assert not roll.may_ask("arn")
    stage.later(0.6)
    assert roll.may_ask("arn")


async def test_nobody_waits_for_one_that_is_not_heard() -> None:
    gone = up("a", "arn", age=UP_SECONDS + 0.1)
    roll = await Stage(up("b", "fra"), View((gone,), {"arn": Standing("a-1", -0.1)})).called()
    assert roll.may_ask("arn")


async def test_who_sees_nothing_asks() -> None:
    stage = Stage(up("b"), View((), {"arn": Standing("a-1", 60.0)}))
    roll = await stage.called()
    stage.later(KNOWN_SECONDS + 1)
    assert roll.may_ask("arn")


async def test_it_is_given_back_to_one_that_has_been_up_for_long_enough() -> None:
    back = up("a", "arn", seconds=BACK_SECONDS)
    leading = {"arn": Standing("b-1", 3.0), "fra": Standing("b-1", 3.0)}
    assert (await Stage(up("b", "fra"), View((back,), leading)).called()).give_back("arn")
    young = replace(back, up=BACK_SECONDS - 1)
    assert not (await Stage(up("b", "fra"), View((young,), leading)).called()).give_back("arn")
    assert not (await Stage(up("b", "fra"), View((back,), leading)).called()).give_back("fra")


async def test_where_one_leads_all_nothing_is_given_back() -> None:
    stage = Stage(up("b"), View((up("a"),), {"fleet": Standing("b-1", 3.0)}), preferring=False)
    roll = await stage.called()
    assert not roll.give_back("arn")


async def test_a_freeze_that_was_read_is_passed_on() -> None:
    roll = await Stage(up("b"), View(freeze={"frozen": True})).called()
    heard: list[object] = []
    roll.freeze = heard.append
    await roll.beat()
    assert heard == [{"frozen": True}]
