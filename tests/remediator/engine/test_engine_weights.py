"""A vantage's word weighs less as its own health falls; only its silence, and never an answer that it heard."""

from datetime import timedelta

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from remediator.engine.evidence.verdicts import EvidenceTimes, judge
from remediator.engine.evidence.weights import VantageHealth, dissent_after, lone_dissenter, weight_of
from remediator.model.evidence import Outcome, Sighting, Verdict, VerdictKind, Vote
from tests.remediator.builders import NOON, SECOND, sighting, vote

TIMES = EvidenceTimes()
SILENT, OK = Outcome.SILENT, Outcome.OK


def judged(*votes: Vote, heart: float | None = 60, power: str = "", power_ago: float = 0.5) -> Verdict:
    seen = sighting("h1", *votes, heart=heart, power=power, power_at=NOON - power_ago * SECOND if power else None)
    return judge(seen, "r1", None, TIMES, NOON)


def believed(name: str, outcome: Outcome | None, weight: float, rack: str = "r2") -> Vote:
    made = vote(name, outcome, rack=rack)
    return Vote(made.vantage, made.region, made.rack, made.outcome, made.received, made.silent_since, weight)


@pytest.mark.parametrize(
    ("health", "dissent", "weight"),
    [
        (VantageHealth(), 0.0, 1.0),
        (VantageHealth(gateway=""), 0.0, 1.0),
        (VantageHealth(lag=0.5), 0.0, 1.0),
        (VantageHealth(lag=1.25), 0.0, 0.5),
        (VantageHealth(lag=2.0), 0.0, 0.0),
        (VantageHealth(lag=60), 0.0, 0.0),
        (VantageHealth(gateway="silent"), 0.0, 0.0),
        (VantageHealth(gateway="error"), 0.0, 0.0),
        (VantageHealth(), 0.25, 0.5),
        (VantageHealth(), 0.9, 0.0),
    ],
)
def test_a_weight_falls_with_lag_gateway_and_lone_dissent(
    health: VantageHealth, dissent: float, weight: float
) -> None:
    assert weight_of(health, dissent, SECOND) == weight


def test_lag_is_measured_against_the_pace_of_the_probes() -> None:
    assert weight_of(VantageHealth(lag=1.25), 0.0, timedelta(seconds=10)) == 1.0


def test_dissent_is_an_average_over_a_minute() -> None:
    share = 0.0
    for _ in range(60):
        share = dissent_after(share, 1, 2, 1.0)
    assert 0.3 < share < 0.33
    assert dissent_after(share, 0, 2, 60.0) < share / 2
    assert dissent_after(0.0, 3, 0, 1.0) == 0.0


def test_one_of_little_weight_adds_little_and_still_counts_as_one() -> None:
    found = judged(believed("p1", SILENT, 1.0), believed("p2", SILENT, 0.4), vote("p3", None))
    assert (found.kind, found.silent, found.silent_weight, found.assigned) == (VerdictKind.SUSPECT, 2, 1.4, 3)
    assert dict(found.weights) == {"p1": 1.0, "p2": 0.4, "p3": 1.0}
    assert found.facts["weights"] == {"p1": 1.0, "p2": 0.4, "p3": 1.0}
    more = judged(believed("p1", SILENT, 1.0), believed("p2", SILENT, 0.6), vote("p3", None))
    assert more.kind is VerdictKind.DEAD


def test_vantages_without_a_way_out_kill_nobody_and_do_not_even_suspect() -> None:
    lost = [believed(name, SILENT, 0.0) for name in ("p1", "p2", "p3")]
    assert judged(*lost).kind is VerdictKind.NO_EVIDENCE
    assert judged(*lost, heart=0.5).kind is VerdictKind.ALIVE


def test_an_answer_vetoes_whatever_its_weight() -> None:
    found = judged(vote("p1", SILENT), vote("p2", SILENT), believed("p3", OK, 0.0))
    assert found.kind is VerdictKind.PARTITIONED


def test_a_lone_veto_that_proof_of_power_off_contradicts_loses_its_weight() -> None:
    votes = vote("p1", SILENT), vote("p2", SILENT), vote("p3", OK)
    found = judged(*votes, power="off")
    assert (found.kind, dict(found.weights)["p3"]) == (VerdictKind.DEAD, 0.0)
    assert "p3 alone hears it" in found.reason


@pytest.mark.parametrize(
    ("power", "ago", "heart", "third", "fourth"),
    [
        ("on", 0.5, 60, OK, SILENT),
        ("unknown", 0.5, 60, OK, SILENT),
        # Read too long ago, or before the others fell silent, or before the last heartbeat.
        ("off", 5.0, 60, OK, SILENT),
        ("off", 4.9, 4.0, OK, SILENT),
        # Whoever beats lives; two that hear it are no lone veto; without a majority nobody is contradicted.
        ("off", 0.5, 1.0, OK, SILENT),
        ("off", 0.5, 60, OK, OK),
        ("off", 0.5, 60, OK, None),
    ],
)
def test_anything_less_leaves_a_veto_its_weight(
    power: str, ago: float, heart: float, third: Outcome, fourth: Outcome | None
) -> None:
    votes = vote("p1", SILENT, silent_for=4.95), vote("p2", fourth, silent_for=4.95), vote("p3", third)
    assert judged(*votes, power=power, power_ago=ago, heart=heart).kind is VerdictKind.PARTITIONED


def test_who_alone_says_the_opposite() -> None:
    def alone(*votes: Vote, heart: float = 60) -> str:
        return lone_dissenter(sighting("h1", *votes, heart=heart), TIMES, NOON)

    assert alone(vote("p1", SILENT), vote("p2", OK), vote("p3", OK)) == "p1"
    assert alone(vote("p1", OK), vote("p2", SILENT), vote("p3", SILENT)) == "p1"
    # The host beats: the one that hears it is right.
    assert alone(vote("p1", OK), vote("p2", SILENT), vote("p3", SILENT), heart=1) == ""
    # Just begun: whoever probes first sees it first.
    assert alone(vote("p1", SILENT, silent_for=2), vote("p2", OK), vote("p3", OK)) == ""
    assert alone(vote("p1", SILENT), vote("p2", OK), vote("p3", None)) == ""
    assert alone(vote("p1", SILENT), vote("p2", SILENT)) == ""


votes = st.lists(
    st.builds(
        believed,
        name=st.sampled_from(["p1", "p2", "p3", "p4", "p5"]),
        outcome=st.none() | st.sampled_from(Outcome),
        weight=st.sampled_from([0.0, 0.3, 0.5, 0.8, 1.0]),
    ),
    max_size=5,
    unique_by=lambda made: made.vantage,
)


@settings(max_examples=60)
@given(votes, st.sampled_from(["", "on", "off"]), st.data())
def test_less_weight_and_more_life_never_make_dead(held: list[Vote], power: str, data: st.DataObject) -> None:
    """Invariant 12 for weights and for the veto: what makes a host look healthier never makes it dead."""
    before = judged(*held, power=power)
    if not held or before.kind is VerdictKind.DEAD:
        return
    index = data.draw(st.integers(0, len(held) - 1))
    one = held[index]
    lighter = [*held[:index], believed(one.vantage, one.outcome, 0.0), *held[index + 1 :]]
    assert judged(*lighter, power=power).kind is not VerdictKind.DEAD
    living = [*held[:index], believed(one.vantage, OK, one.weight), *held[index + 1 :]]
    assert judged(*living, power=power).kind is not VerdictKind.DEAD


@settings(max_examples=60)
@given(votes, st.sampled_from(["", "on", "off"]))
def test_one_vantage_never_decides_alone(held: list[Vote], power: str) -> None:
    found: Verdict = judged(*held, power=power)
    if found.kind is VerdictKind.DEAD:
        assert found.silent >= 2
        assert 2 * found.silent_weight > len(held)


def test_a_sighting_may_come_without_power() -> None:
    assert judge(Sighting("h1", (), None, connected=False), "r1", None, TIMES, NOON).kind is VerdictKind.NO_EVIDENCE
