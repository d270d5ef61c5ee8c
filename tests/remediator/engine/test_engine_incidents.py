"""Incidents: opened, grown, told apart, let go and closed, each by its own evidence."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from remediator.engine.evidence.group_proof import signs_of
from remediator.engine.incidents.exits import BACK, QUIET, settled
from remediator.engine.index import Index
from remediator.model.evidence import Outcome, VerdictKind
from remediator.model.fleet import Fleet
from remediator.model.host import Host, Life
from remediator.model.incident import Incident, IncidentStage
from remediator.model.policy import Correlated
from tests.remediator.builders import (
    CLOSED,
    NOON,
    SECOND,
    alert,
    dead,
    fleet,
    host,
    proved,
    remediation,
    returning,
    sighting,
    verdict,
    vote,
)

RULE = Correlated(by=("rack", "region"), at_least=3, uplink=("RackUplinkDown",))
LOST = [dead(f"h{n}") for n in (1, 2, 3)]
REST = [host(f"q{n}", f"r{n}") for n in range(2, 8)]


def after(known: Fleet, seconds: float = 0) -> dict[str, Incident]:
    """The incidents that have changed by then."""
    return {each.id: each for each in settled(Index(known, NOON + seconds * SECOND), RULE)}


def one(known: Fleet, seconds: float = 0) -> Incident:
    (found,) = after(known, seconds).values()
    return found


def standing(*hosts: Any, stage: IncidentStage = IncidentStage.OPEN, **more: Any) -> Incident:
    names = tuple(each if isinstance(each, str) else each.name for each in hosts or LOST)
    held: dict[str, Any] = {"stage": stage, "deadline": NOON + timedelta(hours=4)}
    return Incident("i", "rack", "r1", NOON - 4 * SECOND, names, **(held | more))


def test_a_rack_that_falls_is_opened_with_its_hosts_and_a_deadline() -> None:
    found = one(fleet(*LOST, *REST))
    assert (found.stage, found.label, found.value, found.hosts) == ("open", "rack", "r1", ("h1", "h2", "h3"))
    assert found.deadline == NOON + RULE.deadline
    assert "3 of 3 hosts of rack r1" in found.reason


def test_the_label_that_tells_most_is_blamed() -> None:
    """A rack of three is down: the region has them too, and six more that live."""
    assert one(fleet(*LOST, *REST)).label == "rack"
    all_down = [dead(each.name, each.rack) for each in (*LOST, *REST)]
    assert one(fleet(*all_down)).label == "region"


def test_two_racks_are_two_incidents() -> None:
    others = [dead(f"x{n}", "r9") for n in (1, 2, 3)]
    found = after(fleet(*LOST, *others, *REST, *(host(f"y{n}", "r8") for n in range(9))))
    assert sorted(each.value for each in found.values()) == ["r1", "r9"]


def test_nothing_new_is_nothing_changed() -> None:
    known = fleet(*LOST, *REST, standing())
    assert after(known) == {}


def test_it_grows_by_whoever_falls_under_its_label_later() -> None:
    late = dead("h4", ago=SECOND)
    assert one(fleet(*LOST, late, *REST, standing())).hosts == ("h1", "h2", "h3", "h4")


def test_as_many_again_join_it_and_make_no_other() -> None:
    late = [dead(f"h{n}", ago=SECOND) for n in (4, 5, 6)]
    found = one(fleet(*LOST, *late, *REST, standing()))
    assert (found.id, len(found.hosts)) == ("i", 6)


def test_a_region_takes_in_the_racks_incident_that_was_its_beginning() -> None:
    all_down = [dead(each.name, each.rack) for each in (*LOST, *REST)]
    found = after(fleet(*all_down, standing()))
    part, whole = found.pop("i"), next(iter(found.values()))
    assert (part.stage, part.outcome) == (IncidentStage.CLOSED, f"part of {whole.id}")
    assert (whole.label, len(whole.hosts)) == ("region", 9)


@pytest.mark.parametrize(("off", "stage"), [(3, "proved_down"), (2, ""), (0, "")])
def test_four_fifths_proved_off_prove_the_group(off: int, stage: str) -> None:
    hosts = [proved(each) if n < off else each for n, each in enumerate(LOST)]
    found = after(fleet(*hosts, *REST, standing()))
    assert [each.stage.value for each in found.values()] == ([stage] if stage else [])


def test_whoever_cannot_be_read_counts_as_on() -> None:
    five = [dead(f"h{n}") for n in range(5)]
    three, four = [proved(h) for h in five[:3]], [proved(h) for h in five[:4]]
    assert after(fleet(*three, *five[3:], standing(*five))) == {}
    assert one(fleet(*four, *five[4:], standing(*five))).stage is IncidentStage.PROVED_DOWN


def test_proved_it_is_let_go_and_names_all() -> None:
    hosts = [proved(each) for each in LOST]
    found = one(fleet(*hosts, *REST, standing(stage=IncidentStage.PROVED_DOWN)))
    assert (found.stage, found.released) == (IncidentStage.RELEASED, ("h1", "h2", "h3"))


def test_proof_that_is_gone_before_it_was_let_go_counts_no_more() -> None:
    assert one(fleet(*LOST, *REST, standing(stage=IncidentStage.PROVED_DOWN))).stage is IncidentStage.UNEXPLAINED


def inside(received: float | None) -> Any:
    """A sighting of another host by the vantage that sits in the rack itself."""
    return sighting("q2", vote("p-r1", Outcome.OK if received is not None else None, rack="r1", ago=received or 0))


UPLINK = alert(labels={"rack": "r1", "region": "arn", "playbook": "none"}, active_at=NOON)


@pytest.mark.parametrize(
    ("things", "alerts", "stage"),
    [
        ((inside(60),), (replace(UPLINK, name="RackUplinkDown"),), "proved_down"),
        # A rule that names no region means every rack of that name.
        ((inside(60),), (replace(UPLINK, name="RackUplinkDown", labels={"rack": "r1"}),), "proved_down"),
        # A vantage inside lives: it is cut off.
        ((inside(1),), (replace(UPLINK, name="RackUplinkDown"),), "partitioned"),
        # Nobody sits inside: that none is alive says nothing.
        ((), (replace(UPLINK, name="RackUplinkDown"),), ""),
        ((inside(60),), (), ""),
        ((inside(60),), (replace(UPLINK, name="RackUplinkDown", source="elsewhere"),), ""),
        ((inside(60),), (replace(UPLINK, name="RackUplinkDown", actionable=False),), ""),
        ((inside(60),), (replace(UPLINK, name="RackUplinkDown", labels={"rack": "r2"}),), ""),
        # A rack of that name in another region.
        ((inside(60),), (replace(UPLINK, name="RackUplinkDown", labels={"rack": "r1", "region": "iad"}),), ""),
    ],
)
def test_no_vantage_inside_and_a_dead_uplink_prove_the_group(
    things: Iterable[Any], alerts: tuple[Any, ...], stage: str
) -> None:
    found = after(fleet(*LOST, *REST, standing(), *things, alerts=alerts))
    assert [each.stage.value for each in found.values()] == ([stage] if stage else [])


@pytest.mark.parametrize(("labels", "stages"), [({}, ["proved_down"]), ({"rack": "r1"}, [])])
def test_a_racks_uplink_says_nothing_of_its_region(labels: dict[str, str], stages: list[str]) -> None:
    rest = [host(f"q{n}", f"r{n}", region="iad") for n in range(2, 8)]
    uplink = replace(UPLINK, name="RackUplinkDown", labels={"region": "arn", **labels})
    region = replace(standing(stage=IncidentStage.OPEN), label="region", value="arn")
    known = fleet(*LOST, *rest, region, inside(60), alerts=(uplink,))
    assert [each.stage.value for each in after(known).values()] == stages


HEARD = (vote("p-r1", Outcome.OK, rack="r1", ago=2), vote("p-r9", Outcome.OK, rack="r9", ago=2))


@pytest.mark.parametrize(
    ("label", "value", "vantages", "living"),
    [
        ("rack", "r1", 1, "p-r1"),
        ("region", "arn", 2, "p-r1"),
        # Of a kernel, or an agent's version, nobody sits inside.
        ("kernel", "6.1", 0, ""),
    ],
)
def test_who_sits_inside_shares_the_rack_or_the_region(label: str, value: str, vantages: int, living: str) -> None:
    struck = replace(standing(), label=label, value=value)
    abroad = replace(HEARD[0], vantage="p-cdg", region="cdg")
    known = fleet(*LOST, sighting("q2", *HEARD, abroad))
    found = signs_of(struck, LOST, known, RULE, NOON)
    assert (found.vantages, found.uplink) == (vantages, "")
    assert found.living == (f"vantage {living} inside is alive: it is cut off, not dead" if living else "")
    # What was heard three seconds ago is of then.
    assert signs_of(struck, LOST, known, RULE, NOON + SECOND).living == ""


@pytest.mark.parametrize(("powered", "of_all"), [(2, 4), (3, 4), (1, 3), (2, 3)])
def test_more_than_half_must_have_power_for_it_to_be_the_network(powered: int, of_all: int) -> None:
    hosts = [dead(f"h{n}") for n in range(of_all)]
    lit = [sighting(each.name, power="on") for each in hosts[:powered]]
    found = signs_of(standing(*hosts), hosts, fleet(*hosts, *lit), RULE, NOON)
    most = 2 * powered > of_all
    assert found.living == (f"{powered} of {of_all} hosts have power: it is the network" if most else "")


def test_a_closed_gate_hears_no_uplink() -> None:
    known = fleet(*LOST, *REST, standing(), inside(60), alerts=(replace(UPLINK, name="RackUplinkDown"),), gate=CLOSED)
    assert after(known) == {}


def test_partitioned_and_unexplained_are_told_apart() -> None:
    heard = verdict("h2", VerdictKind.PARTITIONED)
    known = fleet(*LOST, *REST, standing(), heard)
    assert (one(known).stage, one(known).reason) == (
        IncidentStage.PARTITIONED,
        "1 of 3 hosts are heard by somebody, h2 for one",
    )
    powered = [sighting(each.name, power="on") for each in LOST[:2]]
    assert "have power" in one(fleet(*LOST, *REST, standing(), *powered)).reason
    # The last words of those that fell with it are no sign of life.
    young = replace(standing(), opened_at=NOON - SECOND)
    assert after(fleet(*LOST, *REST, young, heard)) == {}
    silent = fleet(*LOST, *REST, standing())
    assert after(silent, QUIET.total_seconds() - 5) == {}
    assert one(silent, QUIET.total_seconds()).stage is IncidentStage.UNEXPLAINED


def well(each: Host, ago: float) -> Host:
    return replace(each, life=Life.PROBATION, since=NOON - ago * SECOND)


@pytest.mark.parametrize(("ago", "closed"), [(BACK.total_seconds(), True), (BACK.total_seconds() - 1, False)])
def test_members_that_are_back_for_good_end_it(ago: float, *, closed: bool) -> None:
    found = after(fleet(*(well(each, ago) for each in LOST), *REST, standing()))
    assert [each.outcome for each in found.values()] == (["members returned"] if closed else [])


def test_it_stays_while_as_many_are_away_as_make_an_incident() -> None:
    some = [*LOST, *(well(dead(f"h{n}"), 60) for n in (4, 5, 6))]
    known = fleet(*some, *REST, standing(*some))
    assert one(known, 60).stage is IncidentStage.UNEXPLAINED


def test_the_few_who_stay_away_are_left_to_their_own_playbooks_once_nobody_falls_any_more() -> None:
    some = [LOST[0], *(well(each, 60) for each in LOST[1:])]
    known = fleet(*some, *REST, standing())
    assert after(known, 10) == {}
    ended = one(known, 40)
    assert (ended.stage, ended.outcome) == (IncidentStage.CLOSED, "members returned but for h1")
    # What has been explained makes no new incident.
    assert after(replace(known, incidents={"i": ended}), 41) == {}


@pytest.mark.parametrize("stage", [IncidentStage.PARTITIONED, IncidentStage.UNEXPLAINED])
def test_the_deadline_has_an_outcome_of_its_own(stage: IncidentStage) -> None:
    known = fleet(*LOST, *REST, standing(stage=stage, deadline=NOON))
    found = one(known)
    assert (found.stage, found.outcome) == (IncidentStage.CLOSED, f"deadline: {stage}, left to people")


def test_a_persons_word_for_some_keeps_its_stage() -> None:
    known = fleet(*LOST, *REST, standing(stage=IncidentStage.UNEXPLAINED, released=("h1",), moved_by="anna"))
    assert after(known, 60) == {}


def let_go(*hosts: Any, **more: Any) -> Incident:
    names = tuple(each.name for each in hosts or LOST)
    return standing(*(hosts or LOST), stage=IncidentStage.RELEASED, released=names, **more)


def test_released_it_loses_who_is_back_and_gains_who_is_proved_too() -> None:
    gone = [proved(each) for each in LOST]
    some = [gone[0], gone[1], well(LOST[2], 60)]
    left = one(fleet(*some, *REST, let_go()))
    assert (left.released, left.returned) == (("h1", "h2"), {"h3": NOON})
    late = proved(dead("h4", ago=SECOND))
    assert one(fleet(*gone, late, *REST, let_go())).released == ("h1", "h2", "h3", "h4")
    unproved = dead("h4", ago=SECOND)
    two = [*gone[:2], LOST[2]]
    found = one(fleet(*two, unproved, *REST, let_go()))
    assert (found.hosts, found.released) == (("h1", "h2", "h3", "h4"), ("h1", "h2", "h3"))


def test_released_it_ends_with_its_last_host_or_its_deadline_but_not_in_the_middle_of_work() -> None:
    assert one(fleet(*(well(each, 60) for each in LOST), *REST, let_go())).outcome == "recovered"
    gone = [proved(each) for each in LOST]
    due = fleet(*gone, *REST, let_go(deadline=NOON))
    assert one(due).outcome == "recovered; 3 hosts are not back"
    assert after(fleet(*gone, *REST, let_go())) == {}


def test_a_returning_host_is_not_back_yet() -> None:
    some = [returning("h1"), *LOST[1:]]
    assert after(fleet(*some, *REST, standing())) == {}


def test_who_never_was_in_it_is_not_touched() -> None:
    other = dead("q9", "r7")
    found = one(fleet(*LOST, other, *REST, remediation("q9", "recreate")))
    assert "q9" not in found.hosts


@pytest.mark.parametrize(("power", "stage"), [("off", IncidentStage.PROVED_DOWN), ("on", IncidentStage.PARTITIONED)])
def test_the_power_of_suspects_is_proof_for_their_group(power: str, stage: IncidentStage) -> None:
    """Their vantages fell with them: nobody is left to call them dead."""
    lost = [host(f"h{n}", life=Life.SUSPECT) for n in (1, 2, 3)]
    seen = [sighting(each.name, heart=20, power=power, power_at=NOON - SECOND) for each in lost]
    known = fleet(*lost, *REST, standing(*lost), *seen)
    assert one(known, 4).stage is stage
