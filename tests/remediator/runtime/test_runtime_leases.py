"""What peers report, turned into proof for a host that is dead."""

from dataclasses import replace
from datetime import timedelta

import pytest

from remediator.engine.evidence.leases import GRACE
from remediator.engine.evidence.vantages import Vantage
from remediator.model.evidence import Claim, Outcome, VerdictKind
from remediator.model.host import Host
from remediator.runtime.agents.leases import LeaseRound, LeaseWords
from tests.remediator.builders import NOON, SECOND, dead, host, machine
from tests.remediator.runtime.lab import Lab

LEASE = timedelta(seconds=30)
LONG = (LEASE + GRACE).total_seconds()
DB = machine("db1", volumes=("v1",), config={"metadata": {"lease": "true"}})
LOST = dead(ago=timedelta(), peers=("p1", "p2", "p3"))


async def site(lab: Lab) -> LeaseRound:
    await lab.put(LOST, DB, host("p1", "r1"), host("p2", "r2"), host("p3", "r3"))
    lab.evidence.heard("h1", NOON)
    lab.evidence.hung_up("h1")
    return LeaseRound(lab.ledger, lab.agents.lease_words, lab.watch.sighting, LEASE, lab.clock)


def state(words: LeaseWords, lab: Lab, **answered: float) -> None:
    """Each peer has listened for an hour, and last answered h1 so many seconds ago."""
    for peer, ago in answered.items():
        words.learn(peer, {"listening": 3600.0, "hosts": {"h1": ago}}, lab.clock.now())


def h1(lab: Lab) -> Host:
    return lab.ledger.all(Host)["h1"]


async def test_the_lapse_is_proved_once_the_lease_and_its_grace_are_over(lab: Lab) -> None:
    leases = await site(lab)
    lab.wait(LONG - 1)
    state(lab.agents.lease_words, lab, p1=LONG - 1, p2=LONG - 1)
    await leases.look()
    assert (h1(lab).lease_lapsed_at, h1(lab).lease_note[:17]) == (None, "0 of its 3 peers ")
    lab.wait(1)
    state(lab.agents.lease_words, lab, p1=LONG, p2=LONG)
    await leases.look()
    assert h1(lab).lease_lapsed_at == NOON + LEASE + GRACE
    assert [each["fence"] for each in await lab.told("fence")] == ["lapsed"]


async def test_an_agent_that_ended_before_it_fell_silent_proves_nothing(lab: Lab) -> None:
    leases = await site(lab)
    lab.wait(1)
    vantage = Vantage("p-r2", "arn", "r2")
    lab.evidence.reported(vantage, lab.clock.now())
    lab.evidence.voted(vantage, "h1", Outcome.REFUSED, lab.clock.now())
    await leases.look()
    lab.wait(LONG)
    state(lab.agents.lease_words, lab, p1=LONG, p2=LONG, p3=LONG)
    await leases.look()
    assert h1(lab).lease_lapsed_at is None
    assert "not heard" in h1(lab).lease_note


async def test_a_host_that_hung_before_it_fell_silent_proves_nothing(lab: Lab) -> None:
    leases = await site(lab)
    lab.evidence.claimed("h1", "agent", (Claim(VerdictKind.WEDGED, "agent", NOON, "4 kB did not become durable"),))
    lab.wait(LONG)
    state(lab.agents.lease_words, lab, p1=LONG, p2=LONG, p3=LONG)
    await leases.look()
    assert h1(lab).lease_lapsed_at is None
    lab.evidence.claimed("h1", "agent", ())
    await leases.look()
    assert h1(lab).lease_lapsed_at is not None


async def test_who_is_under_lease_is_told_whom_to_ask_now_and_then(lab: Lab) -> None:
    leases = await site(lab)
    given: list[str] = []

    async def give(host: str) -> None:
        given.append(host)

    leases.give = give
    others = [replace(DB, id=f"db-{n}", host=f"n{n}") for n in range(60)]
    await lab.put(*others, *(host(f"n{n}", "r2") for n in range(60)))
    await leases.look()
    await leases.look()
    # The dead one is told nothing, and nobody twice.
    assert (len(given), len(set(given)), "h1" in given) == (60, 60, False)
    lab.wait(5)
    await leases.look()
    assert len(given) == 110


async def test_hosts_without_anything_under_lease_are_not_looked_at(lab: Lab) -> None:
    leases = await site(lab)
    await lab.put(replace(DB, config={}))
    lab.wait(LONG)
    state(lab.agents.lease_words, lab, p1=LONG, p2=LONG, p3=LONG)
    await leases.look()
    assert (h1(lab).lease_lapsed_at, h1(lab).lease_note) == (None, "")


@pytest.mark.parametrize(
    "told", [None, {}, {"listening": "long"}, {"listening": -1}, {"listening": True}, {"listening": float("nan")}, []]
)
def test_what_is_malformed_or_of_before_states_nothing(told: object) -> None:
    words = LeaseWords()
    words.learn("p1", told, NOON)
    assert words.about(LOST, {}) == {}


def test_a_peer_states_nothing_of_the_time_before_it_listened() -> None:
    words = LeaseWords()
    words.learn("p1", {"listening": 5.0, "hosts": {"h2": 1.0, "h1": "soon"}}, NOON)
    found = words.about(LOST, {"p1": "r1"})["p1"]
    assert (found.silent_since, found.received, found.rack) == (NOON - 5 * SECOND, NOON, "r1")
