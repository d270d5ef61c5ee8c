"""Two leaders and what they share: suspects are told, and a budget of the whole fleet is parted between them."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from remediator.clock import FakeClock
from remediator.engine.evidence.verdicts import EvidenceTimes
from remediator.journal.lease import Lease
from remediator.journal.memory import MemoryJournal
from remediator.journal.protocol import LeaseLost
from remediator.model.decision import Remediation
from remediator.model.host import Host
from remediator.model.policy import Budget, Correlated, Policy, Share
from remediator.runtime.agents.watch import Watch
from remediator.runtime.leading.fake_commons import FakeCommons
from remediator.runtime.leading.neighbours import STALE_SECONDS, Around, Neighbours
from remediator.runtime.ledger import Ledger
from remediator.sources.evidence import Evidence
from tests.remediator.builders import NOON, dead, host, machine, playbook, policy

KEY = "host_dead InFlight 0.01/1"
POLICY = policy(
    playbook(budgets=(Budget("fleet", max_in_flight=Share(0.01, 1)),), correlated=Correlated(by=("kernel",)))
)


@dataclass
class Shard:
    """One leader's part."""

    neighbours: Neighbours
    ledger: Ledger
    watch: Watch
    lease: Lease

    async def put(self, *values: Any) -> None:
        async with self.ledger.writing() as draft:
            draft.put(*values)
            draft.at = NOON

    @property
    def part(self) -> int:
        return (self.watch.shares or {}).get(KEY, 0)


@dataclass
class Fleet:
    """All of them, with one clock and one commons."""

    clock: FakeClock = field(default_factory=lambda: FakeClock(NOON))

    def __post_init__(self) -> None:
        self.commons = FakeCommons(seconds=self.clock.monotonic)

    def shard(self, name: str, rules: Policy = POLICY) -> Shard:
        ledger, lease = Ledger(MemoryJournal()), Lease(name, f"{name}-1", 1, 3.0, NOON)
        watch = Watch(ledger, Evidence(EvidenceTimes()), EvidenceTimes(), self.clock)
        around = Around(name, lambda: lease, self.commons, lambda: rules)
        return Shard(Neighbours(around, ledger, watch, self.clock), ledger, watch, lease)

    def later(self, seconds: float) -> None:
        self.clock.set(self.clock.now() + timedelta(seconds=seconds))


def named(name: str, region: str, **fields: Any) -> Host:
    return replace(host(name), region=region, **fields)


def begun(name: str) -> tuple[Any, ...]:
    """A host that is lost, and whose machine is on its way elsewhere."""
    return dead(name), machine(f"m-{name}", on=name), Remediation("host_dead", name, NOON, {"mark_host_dead": NOON})


async def test_suspects_are_told_to_the_others_and_not_to_oneself() -> None:
    fleet = Fleet()
    arn, fra = fleet.shard("arn"), fleet.shard("fra")
    await arn.put(replace(dead("a1"), labels={"kernel": "6.1"}), named("a2", "arn", labels={"kernel": "6.1"}))
    await fra.put(named("f1", "fra"))
    await arn.neighbours.look()
    await fra.neighbours.look()
    assert arn.watch.elsewhere == ()
    (told,) = fra.watch.elsewhere
    assert (told.shard, told.hosts, told.sizes) == ("arn", 2, {("kernel", "", "6.1"): 2})
    assert [doubt.host for doubt in told.doubts] == ["arn/a1"]


async def test_who_has_not_been_heard_for_a_while_is_stale() -> None:
    fleet = Fleet()
    arn, fra = fleet.shard("arn"), fleet.shard("fra")
    await arn.put(named("a1", "arn"))
    await arn.neighbours.look()
    fleet.later(STALE_SECONDS + 1)
    await fra.neighbours.look()
    assert [each.stale for each in fra.watch.elsewhere] == [STALE_SECONDS + 1]


async def test_nothing_is_ours_before_the_database_has_said_so() -> None:
    fleet = Fleet()
    arn = fleet.shard("arn")
    await arn.put(named("a1", "arn"))
    assert arn.part == 0
    fleet.commons.away = True
    await arn.neighbours.begin()
    assert arn.part == 0
    fleet.commons.away = False
    await arn.neighbours.look()
    assert arn.part == 1


async def test_the_one_slot_goes_to_who_needs_it_and_back() -> None:
    fleet = Fleet()
    arn, fra = fleet.shard("arn"), fleet.shard("fra")
    await arn.put(*begun("a1"))
    await fra.put(named("f1", "fra"))
    for shard in (arn, fra):
        await shard.neighbours.look()
    assert (arn.part, fra.part) == (1, 0)
    # Another falls elsewhere: while the slot is in use, it waits.
    await fra.put(dead("f1"))
    for shard in (fra, arn, fra):
        await shard.neighbours.look()
    assert (arn.part, fra.part) == (1, 0)
    (_, _, remediation) = begun("a1")
    await arn.put(replace(remediation, closed_at=NOON), host("a1"))
    for shard in (arn, fra):
        await shard.neighbours.look()
    assert (arn.part, fra.part) == (0, 1)


async def test_what_the_one_before_held_is_the_next_leaders() -> None:
    fleet = Fleet()
    arn, fra = fleet.shard("arn"), fleet.shard("fra")
    await arn.put(*begun("a1"))
    await fra.put(dead("f1"))
    await arn.neighbours.look()
    # It falls in the middle of its act; its journal tells the next leader of it.
    again = fleet.shard("arn")
    await again.put(*begun("a1"))
    for _ in range(3):
        await fra.neighbours.look()
    assert fra.part == 0
    await again.neighbours.look()
    assert again.part == 1


async def test_a_question_whose_answer_is_lost_gives_nothing_away_twice() -> None:
    fleet = Fleet()
    arn, fra = fleet.shard("arn"), fleet.shard("fra")
    await arn.put(named("a1", "arn"))
    await arn.neighbours.look()
    await fra.put(dead("f1"))
    await fra.neighbours.look()
    fleet.commons.away = True
    await arn.neighbours.begin()
    assert arn.part <= fleet.commons.stakes[KEY]["arn"].held
    fleet.commons.away = False
    # That another wants it is read in one round, and it is given back in the next.
    for shard in (arn, arn, fra):
        await shard.neighbours.look()
    assert (arn.part, fra.part) == (0, 1)


IN_APP = policy(playbook(budgets=(Budget("app", max_in_flight=Share(0.5, 1)),)))


def slots(shard: Shard, app: str) -> int:
    return (shard.watch.shares or {}).get(f"host_dead InFlight 0.5/1 of app {app}", 0)


async def test_an_app_of_two_shards_has_one_budget_and_one_of_a_single_shard_waits_for_nobody() -> None:
    fleet = Fleet()
    arn, fra = (fleet.shard(name, IN_APP) for name in ("arn", "fra"))
    await arn.put(*begun("a1"), dead("a2"), machine("m-a2", on="a2", app="alone"))
    await fra.put(dead("f1"), machine("m-f1", on="f1"))
    for shard in (arn, fra, arn, fra):
        await shard.neighbours.look()
    # One host of `web` in each: half of two is one, and that one is in use; the other app is nobody else's.
    assert (slots(arn, "web"), slots(fra, "web")) == (1, 0)
    assert (slots(arn, "alone"), slots(fra, "alone")) == (1, 0)
    (_, _, remediation) = begun("a1")
    await arn.put(replace(remediation, closed_at=NOON), host("a1"))
    for shard in (arn, fra):
        await shard.neighbours.look()
    assert (slots(arn, "web"), slots(fra, "web")) == (0, 1)


async def test_who_newly_fell_in_one_shard_has_fallen_for_the_other_too() -> None:
    rules = policy(playbook(budgets=(Budget("fleet", newly_unhealthy=Share(0.1, 1)),)))
    fleet, key = Fleet(), "host_dead NewlyUnhealthy 0.1/1 over 3600 s"
    arn, fra = (fleet.shard(name, rules) for name in ("arn", "fra"))
    # It is remedied by now, and nobody asks about it any more.
    await arn.put(dead("a1"), Remediation("host_dead", "a1", NOON, {"mark_host_dead": NOON}))
    await fra.put(named("f1", "fra"))
    for shard in (arn, fra):
        await shard.neighbours.look()
    await fra.put(dead("f1"))
    for shard in (fra, arn, fra, arn, fra):
        await shard.neighbours.look()
    assert [(shard.watch.shares or {})[key] for shard in (arn, fra)] == [1, 0]


@pytest.mark.parametrize("app", ["", "web"])
async def test_who_asks_and_is_not_among_the_newly_fallen_gets_a_place_all_the_same(app: str) -> None:
    """One that fell long ago, and waited for a person since: nobody counts it, and none newly fell."""
    budget = Budget("app" if app else "fleet", newly_unhealthy=Share(0.5, 1))
    key = "host_dead NewlyUnhealthy 0.5/1 over 3600 s" + (f" of app {app}" if app else "")
    fleet = Fleet()
    arn, fra = (fleet.shard(name, policy(playbook(budgets=(budget,)))) for name in ("arn", "fra"))
    await fra.put(named("f1", "fra"), named("f2", "fra"))
    await arn.put(dead("a1", died_at=NOON - timedelta(hours=2)), machine("m-a1", on="a1"))
    for shard in (fra, arn, fra, arn, fra):
        await shard.neighbours.look()
    assert [(shard.watch.shares or {}).get(key, 0) for shard in (arn, fra)] == [1, 0]


async def test_how_large_an_app_is_elsewhere_is_told_once_somebody_asks_for_it() -> None:
    fleet = Fleet()
    arn, fra = (fleet.shard(name, IN_APP) for name in ("arn", "fra"))
    await arn.put(*(part for name in ("a1", "a2", "a3") for part in (dead(name), machine(f"m-{name}", on=name))))
    many = [part for n in range(5) for part in (named(f"f{n}", "fra"), machine(f"m-f{n}", on=f"f{n}"))]
    await fra.put(*many)
    await arn.neighbours.look()
    # Its own three hosts alone are known: half of them is one.
    assert slots(arn, "web") == 1
    for shard in (fra, fra, arn):
        await shard.neighbours.look()
    assert slots(arn, "web") == 3
    assert fleet.commons.stakes["host_dead InFlight 0.5/1 of app web"].keys() == {"arn"}


async def test_what_an_app_holds_is_given_back_with_its_last_slot() -> None:
    fleet = Fleet()
    arn = fleet.shard("arn", IN_APP)
    await arn.put(dead("a1"), machine("m-a1", on="a1"))
    await arn.neighbours.look()
    assert slots(arn, "web") == 1
    await arn.put(host("a1"))
    await arn.neighbours.look()
    assert arn.watch.shares == {"host_dead InFlight 0.5/1 of app web": 0}
    await arn.neighbours.look()
    assert (arn.watch.shares, dict(fleet.commons.stakes["host_dead InFlight 0.5/1 of app web"])) == ({}, {})


async def test_who_has_lost_its_lease_settles_nothing() -> None:
    fleet = Fleet()
    arn = fleet.shard("arn")
    fleet.commons.lost.add(arn.lease)
    with pytest.raises(LeaseLost):
        await arn.neighbours.look()
