"""Seats as hosts, vantages and incidents come and go; and what a vantage's own health makes of its word."""

from datetime import datetime, timedelta

import pytest

from remediator.engine.evidence.vantages import Vantage
from remediator.engine.evidence.weights import VantageHealth
from remediator.model.enrolment import Enrolment
from remediator.model.evidence import Outcome, VerdictKind
from remediator.model.host import Host, Life
from remediator.model.incident import Incident, IncidentStage
from tests.remediator.builders import NOON, SECOND, dead, host
from tests.remediator.runtime.lab import VANTAGES, Lab

HOUR = timedelta(hours=1)


async def enrolled(lab: Lab, *places: Vantage) -> None:
    await lab.put(*(Enrolment(place.name, "vantage", place.region, place.rack, NOON) for place in places))


def seats(lab: Lab, name: str = "h1") -> set[str]:
    return {each.name for each in lab.watch.assignment(lab.clock.now())[name]}


def report(lab: Lab, *names: str) -> None:
    for each in names:
        rack = each.removeprefix("p-")
        lab.evidence.reported(Vantage(each, "arn", rack), lab.clock.now())


async def on_hosts(lab: Lab, *racks: str) -> None:
    """A host in each rack, and on each a vantage of the host's own name."""
    for number, rack in enumerate(racks):
        await lab.put(host(f"h{number}", rack, address=f"10.0.0.{number}"))
        await enrolled(lab, Vantage(f"h{number}", "arn", rack))


def all_but(lab: Lab, *gone: str) -> None:
    for name in lab.ledger.all(Host):
        if name not in gone:
            known = lab.ledger.all(Host)[name]
            lab.evidence.reported(Vantage(name, "arn", known.rack), lab.clock.now())


async def died(lab: Lab, name: str) -> None:
    known = lab.ledger.all(Host)[name]
    await lab.put(known.moved_to(Life.DEAD, now=lab.clock.now(), reason="told"))


async def test_no_host_is_probed_from_itself(lab: Lab) -> None:
    await on_hosts(lab, "r1", "r1", "r2", "r3")
    report(lab)
    for name in lab.ledger.all(Host):
        assert name not in seats(lab, name)
        assert len(seats(lab, name)) >= 2
    assert seats(lab, "h0") == {"h1", "h2", "h3"}


async def test_nor_from_its_own_address(lab: Lab) -> None:
    await lab.put(host("h1", "r1", address="10.0.0.1"), host("h2", "r1", address="10.0.0.2"))
    for number, rack in enumerate(("r1", "r2", "r3")):
        place = Vantage(f"p{number}", "arn", rack, f"10.0.0.{number + 1}:9115")
        await enrolled(lab, place)
        lab.evidence.reported(place, NOON)
    assert seats(lab, "h1") == {"p1", "p2"}
    assert seats(lab, "h2") == {"p0", "p2"}


async def test_a_vantage_leaves_when_its_own_host_has_been_dead_for_a_minute(lab: Lab) -> None:
    await on_hosts(lab, "r1", "r2", "r3", "r4")
    all_but(lab)
    before = seats(lab, "h0")
    gone = min(before)
    (spare,) = {"h1", "h2", "h3"} - before
    await died(lab, gone)
    for after, left in ((59, False), (1, True)):
        lab.wait(after)
        all_but(lab, gone)
        assert (gone not in seats(lab, "h0")) is left
    assert seats(lab, "h0") == before - {gone} | {spare}
    # Back again, it has no claim to its old seat.
    known = lab.ledger.all(Host)[gone]
    await lab.put(known.moved_to(Life.RETURNING, now=lab.clock.now(), reason="back"))
    lab.wait(2)
    all_but(lab)
    assert seats(lab, "h0") == before - {gone} | {spare}


@pytest.mark.parametrize(("power", "left"), [("off", True), ("on", False)])
async def test_so_does_one_whose_host_is_off_for_a_minute_and_has_nobody_to_call_it_dead(
    lab: Lab, *, power: str, left: bool
) -> None:
    await on_hosts(lab, "r1", "r2", "r3", "r4")
    all_but(lab)
    gone = min(seats(lab, "h0"))
    await lab.put(lab.ledger.all(Host)[gone].moved_to(Life.SUSPECT, now=lab.clock.now(), reason="told"))
    for after, leaves in ((59, False), (1, left)):
        lab.wait(after)
        all_but(lab, gone)
        lab.evidence.powered(gone, power, lab.clock.now())
        assert (gone not in seats(lab, "h0")) is leaves


async def test_a_prober_that_is_silent_on_a_living_host_keeps_its_seat(lab: Lab) -> None:
    await on_hosts(lab, "r1", "r2", "r3", "r4")
    all_but(lab)
    before = seats(lab, "h0")
    for _ in range(3):
        lab.wait(60)
        all_but(lab, min(before))
        assert seats(lab, "h0") == before


@pytest.mark.parametrize(
    ("label", "value"), [("rack", "of it"), ("region", "arn"), ("kernel", "6.1"), ("rack", "arn/of it")]
)
async def test_none_leaves_while_an_incident_touches_it(lab: Lab, label: str, value: str) -> None:
    await on_hosts(lab, "r1", "r2", "r3", "r4")
    all_but(lab)
    before = seats(lab, "h0")
    gone = min(before)
    rack = lab.ledger.all(Host)[gone].rack
    hosts = (gone,) if label == "kernel" else ("h9",)
    incident = Incident("i1", label, value.replace("of it", rack), NOON, hosts)
    await died(lab, gone)
    await lab.put(incident)
    lab.wait(90)
    all_but(lab, gone)
    assert seats(lab, "h0") == before
    await lab.put(incident.moved_to(IncidentStage.CLOSED, lab.clock.now(), "over"))
    assert gone not in seats(lab, "h0")


async def test_one_that_is_proved_to_be_off_leaves_although_its_incident_lasts(lab: Lab) -> None:
    """Else whoever it probed could not die until its rack is back."""
    await on_hosts(lab, "r1", "r2", "r3", "r4")
    all_but(lab)
    gone = min(seats(lab, "h0"))
    rack = lab.ledger.all(Host)[gone].rack
    await died(lab, gone)
    incident = Incident("i1", "rack", rack, NOON, (gone,))
    await lab.put(incident)
    lab.wait(90)
    all_but(lab, gone)
    assert gone in seats(lab, "h0")
    await lab.put(incident.moved_to(IncidentStage.PROVED_DOWN, lab.clock.now(), "all BMCs say off"))
    assert gone not in seats(lab, "h0")


async def test_an_incident_elsewhere_keeps_nobody(lab: Lab) -> None:
    await on_hosts(lab, "r1", "r2", "r3", "r4")
    all_but(lab)
    gone = min(seats(lab, "h0"))
    await died(lab, gone)
    await lab.put(Incident("i1", "rack", "r9", NOON, ("h9", "h10")))
    lab.wait(90)
    all_but(lab, gone)
    assert gone not in seats(lab, "h0")


async def test_hosts_that_come_and_go_get_and_lose_their_seats(lab: Lab) -> None:
    await lab.put(host("h1"))
    await enrolled(lab, *VANTAGES)
    report(lab, "p-r1", "p-r2", "p-r3")
    assert set(lab.watch.assignment(NOON)) == {"h1"}
    await lab.put(host("h2"), host("h3", joined=False), host("h4", life=Life.RETIRED), dead("h5"))
    assert set(lab.watch.assignment(NOON)) == {"h1", "h2", "h5"}
    assert lab.watch.targets("p-r1") == ["h1", "h2", "h5"]
    gone = lab.ledger.all(Host)["h2"].moved_to(Life.RETIRED, now=NOON, reason="told")
    await lab.put(gone)
    assert lab.watch.targets("p-r1") == ["h1", "h5"]
    found = lab.watch.look()
    assert set(found.sightings) == set(found.verdicts) == {"h1", "h5"}
    assert lab.watch.targets("nobody") == []


async def story(lab: Lab, seconds: int, lost: tuple[str, ...] = (), **outcomes: Outcome) -> None:
    """h1, as three vantages see it by rack; all other hosts are well. ``lost`` have no gateway."""
    for _ in range(seconds):
        lab.wait(1)
        now = lab.clock.now()
        for vantage in VANTAGES:
            gateway = "silent" if vantage.name in lost else "ok"
            lab.evidence.reported(vantage, now, VantageHealth(gateway=gateway))
            for name in lab.ledger.all(Host):
                outcome = outcomes.get(vantage.rack, Outcome.OK) if name == "h1" else Outcome.OK
                lab.evidence.voted(vantage, name, outcome, now)
        await lab.tick()


def weights(lab: Lab) -> dict[str, float]:
    return dict(lab.watch.fleet().verdicts["h1"].weights)


async def test_one_that_alone_hears_nothing_loses_its_weight_and_earns_it_again(lab: Lab) -> None:
    await lab.put(host("h1"), host("h2", "r2"))
    await story(lab, 60, r2=Outcome.SILENT)
    low = weights(lab)["p-r2"]
    assert low < 0.6
    assert {weights(lab)[name] for name in ("p-r1", "p-r3")} == {1.0}
    await story(lab, 240)
    assert weights(lab)["p-r2"] == 1.0


async def test_vantages_that_have_lost_their_own_way_out_make_nobody_suspect(lab: Lab) -> None:
    await lab.put(host("h1"), host("h2", "r2"))
    await story(lab, 3)
    everywhere = dict.fromkeys(("r1", "r2", "r3"), Outcome.SILENT)
    await story(lab, 6, ("p-r1", "p-r2", "p-r3"), **everywhere)
    found = lab.watch.fleet()
    assert found.verdicts["h1"].kind is VerdictKind.NO_EVIDENCE
    assert found.hosts["h1"].life is Life.HEALTHY
    # With their gateways back they are believed.
    await story(lab, 6, (), **everywhere)
    assert lab.watch.fleet().hosts["h1"].life is Life.DEAD


async def test_a_lying_vantage_is_refuted_by_proof_that_the_power_is_off(lab: Lab) -> None:
    await lab.put(host("h1"), host("h2", "r2"))
    await story(lab, 3)
    await story(lab, 10, r1=Outcome.SILENT, r2=Outcome.SILENT)
    assert lab.watch.fleet().verdicts["h1"].kind is VerdictKind.PARTITIONED
    assert [each.name for each in lab.watch.doubted()] == ["h1"]
    for _ in range(5):
        lab.evidence.powered("h1", "off", lab.clock.now() + SECOND / 2)
        await story(lab, 1, r1=Outcome.SILENT, r2=Outcome.SILENT)
    assert lab.watch.fleet().hosts["h1"].life is Life.DEAD


async def test_the_votes_behind_a_change_of_verdict_are_kept_once(lab: Lab) -> None:
    await lab.put(host("h1"))
    await story(lab, 2)
    await story(lab, 8, r1=Outcome.SILENT, r2=Outcome.SILENT, r3=Outcome.SILENT)
    kept = await lab.told("votes", "h1")
    assert [each["kind"] for each in kept] == ["suspect", "dead"]
    assert kept[-1]["votes"] == dict.fromkeys(("p-r1", "p-r2", "p-r3"), "silent")
    assert kept[-1]["weights"] == dict.fromkeys(("p-r1", "p-r2", "p-r3"), 1.0)


def moment(seconds: float) -> datetime:
    return NOON + seconds * SECOND


def test_votes_are_dated_by_our_own_clock_alone(lab: Lab) -> None:
    """Nothing that a sender says of time is in a vote: silence began when, by our word, the first was sent."""
    place = VANTAGES[0]
    for seconds in (0, 1, 1, 2):
        lab.evidence.voted(place, "h1", Outcome.SILENT, moment(seconds))
    (vote,) = lab.evidence.sighting("h1", (place,)).votes
    assert (vote.received, vote.silent_since) == (moment(2), moment(-0.8))
