"""When a lapsed lease is proof: more than half of the host's own peers, one of another rack, for all of it."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediator.agent.peering import lapsed
from remediator.engine.evidence.leases import GRACE, PeerWord, run_out
from remediator.wire.statements import LeaseTerms, Peer
from tests.remediator.builders import NOON, SECOND, dead

LEASE = timedelta(seconds=30)
LONG = LEASE + GRACE
LOST = dead(peers=("p1", "p2", "p3"))


def word(peer: str, rack: str, silent: timedelta = LONG, heard: timedelta = SECOND) -> PeerWord:
    return PeerWord(peer, rack, NOON - silent, NOON - heard)


def proof(*words: PeerWord, contact: datetime | None = NOON - LONG, peers: tuple[str, ...] = LOST.peers) -> bool:
    host = dead(peers=peers)
    return run_out(host, contact, {each.peer: each for each in words}, LEASE, NOON)[0]


NEAR, FAR, FARTHER = word("p1", "r1"), word("p2", "r2"), word("p3", "r3")


def test_more_than_half_of_its_peers_prove_it() -> None:
    assert proof(NEAR, FAR, FARTHER)
    assert proof(NEAR, FAR)


@pytest.mark.parametrize("words", [(FAR,), (NEAR,), (), (FAR, word("p9", "r3"), word("p8", "r3"))])
def test_fewer_do_not_nor_do_others(words: tuple[PeerWord, ...]) -> None:
    assert not proof(*words)


def test_one_of_them_is_in_another_rack() -> None:
    assert not proof(NEAR, word("p2", "r1"), word("p3", "r1"))
    assert not proof(NEAR, word("p2", "r1"))


@pytest.mark.parametrize(
    "late",
    [word("p2", "r2", silent=LONG - SECOND), word("p2", "r2", heard=timedelta(seconds=4))],
)
def test_an_answer_within_the_lease_or_a_peer_that_is_silent_itself_spoils_it(late: PeerWord) -> None:
    assert not proof(NEAR, late)


def test_what_we_heard_ourselves_counts_too() -> None:
    assert not proof(NEAR, FAR, FARTHER, contact=NOON - LONG + SECOND)
    assert not proof(NEAR, FAR, FARTHER, contact=None)
    assert not proof(NEAR, FAR, FARTHER, peers=())
    assert "not heard since we began" in run_out(LOST, None, {}, LEASE, NOON)[1]


ages = st.floats(0, 200)


@given(st.lists(st.tuples(st.sampled_from(["r1", "r2", "r3"]), ages), min_size=1, max_size=5), ages)
def test_proof_is_never_had_before_the_agent_itself_stops(answered: list[tuple[str, float]], contact: float) -> None:
    """Whatever the peers state: when it proves the lapse, the agent, who asked them, has stopped long before."""
    names = [f"p{number}" for number in range(len(answered))]
    words = {
        name: PeerWord(name, rack, NOON - timedelta(seconds=ago), NOON)
        for name, (rack, ago) in zip(names, answered, strict=True)
    }
    host = dead(peers=tuple(names))
    proved, _ = run_out(host, NOON - timedelta(seconds=contact), words, LEASE, NOON)
    peers = tuple(Peer(name, rack, "", "") for name, (rack, _) in zip(names, answered, strict=True))
    silent = {name: ago - GRACE.total_seconds() for name, (_, ago) in zip(names, answered, strict=True)}
    terms = LeaseTerms("h1", LEASE.total_seconds(), peers, NOON)
    if proved:
        assert lapsed(terms, "r1", contact - GRACE.total_seconds(), silent)


def test_a_lease_lapses_only_when_everybody_is_lost_for_all_of_it() -> None:
    peers = (Peer("p1", "r1", "", ""), Peer("p2", "r2", "", ""), Peer("p3", "r3", "", ""))
    terms = LeaseTerms("h1", 30.0, peers, NOON)
    assert lapsed(terms, "r1", 30.0, {"p1": 30.0, "p2": 30.0, "p3": 0.0})
    # The remediator is there; its peers are; only its own rack's is lost, twice; half of them are.
    assert not lapsed(terms, "r1", 29.9, {"p1": 99.0, "p2": 99.0, "p3": 99.0})
    assert not lapsed(terms, "r1", 99.0, {"p1": 0.0, "p2": 0.5, "p3": 99.0})
    assert not lapsed(terms, "r2", 99.0, {"p1": 0.0, "p2": 99.0})
    assert not lapsed(LeaseTerms("h1", 30.0, peers[:1], NOON), "r1", 99.0, {"p1": 99.0})
    assert not lapsed(LeaseTerms("h1", 30.0, peers[:2], NOON), "r1", 99.0, {"p2": 99.0})
    assert not lapsed(LeaseTerms("h1", 30.0, (), NOON), "r1", 99.0, {})
