"""What remediators share in PostgreSQL: who is up, what leaders tell, and whose share of a budget is how large."""

import threading
from collections.abc import Iterator, Mapping

import pytest

from remediator.journal.commons import Candidate, Stake, Stakes
from remediator.journal.lease import Lease
from remediator.journal.postgres.commons import PostgresCommons
from remediator.journal.postgres.journal import PostgresJournal
from remediator.journal.postgres.leases import Leases
from remediator.journal.postgres.place import PostgresPlace
from remediator.journal.protocol import LeaseLost

pytestmark = pytest.mark.store
ARN, FRA = Candidate("a-1", "a", "http://a", ("arn",)), Candidate("b-1", "b", "http://b")
KEY = "host_dead InFlight"


@pytest.fixture
def place(postgres_place: PostgresPlace) -> PostgresPlace:
    PostgresJournal(postgres_place, "arn").close()
    return postgres_place


@pytest.fixture
def commons(place: PostgresPlace) -> Iterator[PostgresCommons]:
    opened = PostgresCommons(place)
    yield opened
    opened.close()


def lease(place: PostgresPlace, shard: str, holder: str, seconds: float = 30.0) -> Lease:
    office = Leases(place)
    found = office.take_lease(shard, holder, seconds)
    office.close()
    assert found is not None
    return found


def test_whoever_beats_is_seen_with_who_leads(commons: PostgresCommons, place: PostgresPlace) -> None:
    commons.beat(ARN)
    lease(place, "arn", "a-1")
    view = commons.beat(FRA)
    assert [(each.holder, each.url, each.prefer) for each in view.candidates] == [
        ("a-1", "http://a", ("arn",)),
        ("b-1", "http://b", ()),
    ]
    assert all(0 <= each.age < 10 for each in view.candidates)
    assert view.leaders["arn"].holder == "a-1"
    assert 20 < view.leaders["arn"].left <= 30


def test_of_two_freezes_the_younger_stays(commons: PostgresCommons) -> None:
    commons.freeze({"frozen": True}, "2026-01-02T00:00:00+00:00")
    commons.freeze({"frozen": False}, "2026-01-01T00:00:00+00:00")
    assert commons.beat(ARN).freeze == {"frozen": True}


def test_only_who_leads_tells_and_settles(commons: PostgresCommons, place: PostgresPlace) -> None:
    ours = lease(place, "arn", "a-1")
    commons.tell(ours, b"{}")
    assert [(word.shard, word.body) for word in commons.words()] == [("arn", b"{}")]
    assert commons.settle(ours, lambda _stakes, _now: {KEY: Stake(2)}) == {KEY: Stake(2)}
    office = Leases(place)
    office.release(ours)
    office.close()
    with pytest.raises(LeaseLost):
        commons.tell(ours, b"late")
    with pytest.raises(LeaseLost):
        commons.settle(ours, lambda _stakes, _now: {KEY: Stake(9)})
    theirs = lease(place, "arn", "b-1")
    seen: list[Stakes] = []

    def look(stakes: Stakes, _now: float) -> Mapping[str, Stake]:
        seen.append(stakes)
        return {}

    commons.settle(theirs, look)
    # What the one before held is the shard's.
    assert seen == [{KEY: {"arn": Stake(2)}}]
    commons.settle(theirs, lambda _stakes, _now: {KEY: Stake()})
    commons.settle(theirs, look)
    # What was given back leaves nothing behind.
    assert seen[1:] == [{}]


def test_those_who_settle_at_once_never_take_more_than_there_is(place: PostgresPlace) -> None:
    whole = 3

    def taking(shard: str) -> None:
        ours, own = lease(place, shard, f"{shard}-1"), PostgresCommons(place)

        def settle(stakes: Stakes, _now: float) -> Mapping[str, Stake]:
            known = stakes.get(KEY, {})
            free = whole - sum(stake.held for stake in known.values())
            return {KEY: Stake(known.get(shard, Stake()).held + min(free, 1))}

        for _ in range(5):
            own.settle(ours, settle)
        own.close()

    threads = [threading.Thread(target=taking, args=(shard,)) for shard in ("arn", "fra", "hel")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with place.connect("test") as db:
        assert db.execute("SELECT sum(held) FROM shares").fetchone() == (whole,)
