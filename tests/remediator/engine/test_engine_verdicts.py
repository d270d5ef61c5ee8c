"""From votes and heartbeats to a verdict; the denominators are the assigned vantages."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from remediator.engine.evidence.verdicts import EvidenceTimes, fresh_until, judge
from remediator.model.evidence import KERNEL_LIVES, Outcome, Sighting, Verdict, VerdictKind, Vote
from tests.remediator.builders import NOON, SECOND, sighting, vote

TIMES = EvidenceTimes()
SILENT, OK = Outcome.SILENT, Outcome.OK


def judged(seen: Sighting, previous: Verdict | None = None, after: float = 0) -> Verdict:
    return judge(seen, "r1", previous, TIMES, NOON + after * SECOND)


def silent(name: str, rack: str = "r2", since: float = 5) -> Vote:
    return vote(name, SILENT, rack=rack, silent_for=since)


def test_all_silent_for_long_enough_and_no_heartbeat_is_dead() -> None:
    found = judged(sighting("h1", silent("p1", "r1"), silent("p2"), silent("p3", "r3")))
    assert (found.kind, found.silent, found.assigned, found.outside_rack) == (VerdictKind.DEAD, 3, 3, 2)
    assert found.reason == "3 of 3 assigned vantages hear nothing for 5.0 s, no heartbeat"
    assert (found.host, found.since, found.suspect_since) == ("h1", NOON, NOON - 5 * SECOND)


def test_two_of_three_are_more_than_half() -> None:
    gone = vote("p3", None)
    assert judged(sighting("h1", silent("p1"), silent("p2"), gone)).kind is VerdictKind.DEAD


def test_one_vantage_alone_never_makes_dead() -> None:
    found = judged(sighting("h1", silent("p1", since=60)))
    assert (found.kind, found.silent, found.assigned) == (VerdictKind.SUSPECT, 1, 1)
    assert judged(sighting("h1", silent("p1"), silent("p2"))).kind is VerdictKind.DEAD


@pytest.mark.parametrize("absent", [vote("p2", None), vote("p2", SILENT, ago=3.0), vote("p2", OK, ago=30)])
def test_a_vantage_that_does_not_report_agrees_with_nothing(absent: Vote) -> None:
    """With two of three gone, the last one does not decide alone."""
    other = Vote("p3", "arn", "r3", absent.outcome, absent.received, absent.silent_since)
    found = judged(sighting("h1", silent("p1"), absent, other))
    assert (found.kind, found.silent, found.assigned) == (VerdictKind.SUSPECT, 1, 3)


def test_exactly_half_is_not_a_majority() -> None:
    assert judged(sighting("h1", silent("p1"), vote("p2", None))).kind is VerdictKind.SUSPECT


def test_silence_shorter_than_the_limit_is_only_suspect() -> None:
    seen = sighting("h1", silent("p1", since=2.9), silent("p2", since=2.9))
    first = judged(seen)
    assert first.kind is VerdictKind.SUSPECT
    assert judged(seen, first, after=0.1).kind is VerdictKind.DEAD


def test_what_a_vantage_missed_before_the_last_word_never_counts() -> None:
    cut_off = silent("p1", since=60)
    found = judged(sighting("h1", cut_off, vote("p2", OK), vote("p3", OK)), after=-1)
    seen = sighting("h1", cut_off, silent("p2", since=0.2), silent("p3", since=0.2))
    dated = [(found := judged(seen, found, after=late)).suspect_since for late in (0.0, 0.25, 0.5)]
    assert dated == [NOON - 0.2 * SECOND] * 3
    assert found.kind is VerdictKind.SUSPECT


@pytest.mark.parametrize("sign", sorted(KERNEL_LIVES))
def test_one_fresh_life_sign_vetoes_dead_and_makes_it_partitioned(sign: Outcome) -> None:
    found = judged(sighting("h1", silent("p1"), silent("p2"), vote("p3", sign)))
    assert (found.kind, found.silent) == (VerdictKind.PARTITIONED, 2)
    assert found.suspect_since is None


def test_a_stale_life_sign_vetoes_nothing() -> None:
    assert judged(sighting("h1", silent("p1"), silent("p2"), vote("p3", OK, ago=3))).kind is VerdictKind.DEAD


def test_heartbeats_veto_dead_too() -> None:
    many = sighting("h1", silent("p1"), silent("p2"), vote("p3", None), heart=1)
    assert judged(many).kind is VerdictKind.PARTITIONED
    few = sighting("h1", silent("p1"), vote("p2", None), vote("p3", None), heart=1)
    assert judged(few).kind is VerdictKind.SUSPECT


def test_an_error_at_the_vantage_counts_for_neither_side() -> None:
    broken = vote("p3", Outcome.ERROR_HERE)
    assert judged(sighting("h1", silent("p1"), silent("p2"), broken)).kind is VerdictKind.DEAD
    assert judged(sighting("h1", silent("p1"), broken, vote("p2", Outcome.ERROR_HERE))).kind is VerdictKind.SUSPECT
    assert judged(sighting("h1", broken)).kind is VerdictKind.NO_EVIDENCE


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.RESET])
def test_refused_by_the_hosts_own_address_is_an_agent_gone(outcome: Outcome) -> None:
    assert judged(sighting("h1", vote("p1", outcome), vote("p2", outcome))).kind is VerdictKind.AGENT_GONE
    assert judged(sighting("h1", vote("p1", outcome), vote("p2", OK))).kind is VerdictKind.ALIVE


def test_what_somebody_hears_is_told_with_how_many_do() -> None:
    found = judged(sighting("h1", silent("p1"), silent("p2"), vote("p3", OK)))
    assert found.reason == "only some vantages are answered: 2 hear nothing, 1 do"
    gone = judged(sighting("h1", vote("p1", Outcome.REFUSED), vote("p2", Outcome.RESET)))
    assert gone.reason == "the host's own address refuses: a kernel lives, the agent is gone"


def test_power_off_contradicts_a_lone_veto_only_while_it_is_fresh_and_newer_than_all_that_fell_silent() -> None:
    votes = (silent("p1", since=4), silent("p2", since=4), vote("p3", OK))

    def kind(ago: float | None, heart: float | None = 60) -> VerdictKind:
        at = None if ago is None else NOON - ago * SECOND
        return judged(sighting("h1", *votes, heart=heart, power="off", power_at=at)).kind

    assert kind(3.9) is VerdictKind.DEAD
    # As old as the silence itself; before it; too old; never read; older than the last heartbeat, or just as old.
    assert {kind(4), kind(4.5), kind(5), kind(None), kind(3.5, heart=3), kind(3.5, heart=3.5)} == {
        VerdictKind.PARTITIONED
    }
    votes = (silent("p1", since=10), silent("p2", since=10), vote("p3", OK))
    assert (kind(4.9), kind(5)) == (VerdictKind.DEAD, VerdictKind.PARTITIONED)


def test_what_is_fresh_is_so_until_the_first_of_it_is_three_intervals_old() -> None:
    votes = (vote("p1", OK, ago=1), vote("p2", OK, ago=2), vote("p3", OK, ago=3), vote("p4", None))
    assert fresh_until(sighting("h1", *votes), TIMES, NOON) == NOON + SECOND
    assert fresh_until(sighting("h1", *votes, heart=2.5), TIMES, NOON) == NOON + SECOND / 2
    assert fresh_until(sighting("h1", *votes[2:], heart=3), TIMES, NOON) is None
    assert fresh_until(sighting("h1", heart=None), TIMES, NOON) is None


def test_a_silence_that_nobody_dated_begins_now() -> None:
    undated = Vote("p1", "arn", "r2", SILENT, NOON)
    assert judged(sighting("h1", undated, undated)).suspect_since == NOON


def test_answers_or_heartbeats_alone_are_alive() -> None:
    assert judged(sighting("h1", vote("p1", OK), heart=1)).reason == "answers probes"
    assert judged(sighting("h1", vote("p1", OK))).reason == "answers probes, sends no heartbeat"
    assert judged(sighting("h1", vote("p1", None), heart=1)).kind is VerdictKind.ALIVE
    assert judged(sighting("h1", heart=1)).kind is VerdictKind.ALIVE


def test_absence_of_data_is_never_death() -> None:
    for seen in (sighting("h1", heart=None), sighting("h1", vote("p1", None), vote("p2", None))):
        found = judged(seen)
        assert (found.kind, found.suspect_since, found.newest) == (VerdictKind.NO_EVIDENCE, None, None)


def test_suspicion_is_dated_from_the_first_missed_probe_and_goes_on() -> None:
    first = judged(sighting("h1", silent("p1", since=1), silent("p2", since=2)))
    assert first.suspect_since == NOON - 2 * SECOND
    # p2 is replaced by a vantage that began later: the suspicion is as old as before.
    later = judged(sighting("h1", silent("p1", since=1), silent("p3", since=0.5)), first)
    assert later.suspect_since == NOON - 2 * SECOND


def test_any_life_sign_ends_the_suspicion_and_a_new_one_begins_after_it() -> None:
    """One vantage alone was cut off for a minute; its silence before the last answer of another says nothing."""
    cut = silent("p1", since=60)
    alive = judged(sighting("h1", cut, vote("p2", OK), vote("p3", OK)))
    assert (alive.kind, alive.suspect_since) == (VerdictKind.PARTITIONED, None)
    found = judged(sighting("h1", cut, silent("p2", since=0.1), silent("p3", since=0.1)), alive)
    assert found.kind is VerdictKind.SUSPECT
    assert found.suspect_since is not None
    assert NOON - found.suspect_since <= SECOND


def test_a_verdict_holds_since_it_began() -> None:
    seen = sighting("h1", vote("p1", OK, ago=-5), heart=-5)
    first = judged(seen)
    assert judged(seen, first, after=5).since == NOON
    other = judged(sighting("h1", silent("p1")), first, after=1)
    assert other.since == NOON + SECOND


def test_the_newest_fresh_vote_is_told() -> None:
    seen = sighting("h1", vote("p1", SILENT, ago=2), vote("p2", SILENT, ago=1), vote("p3", OK, ago=9))
    assert judged(seen).newest == NOON - SECOND


votes = st.lists(
    st.builds(
        vote,
        vantage=st.sampled_from(["p1", "p2", "p3", "p4", "p5"]),
        outcome=st.none() | st.sampled_from(Outcome),
        rack=st.sampled_from(["r1", "r2", "r3"]),
        ago=st.floats(0, 5),
        silent_for=st.floats(0, 20),
    ),
    max_size=5,
    unique_by=lambda made: made.vantage,
)


@given(votes, st.none() | st.floats(0, 10), st.data())
def test_more_life_never_makes_dead(held: list[Vote], heart: float | None, data: st.DataObject) -> None:
    """Whatever one more witness says that is not silence, a host that was not dead is not dead now."""
    before = judged(sighting("h1", *held, heart=heart))
    if held:
        index = data.draw(st.integers(0, len(held) - 1))
        held = list(held)
        sign = data.draw(st.sampled_from(sorted(KERNEL_LIVES)))
        held[index] = vote(held[index].vantage, sign, rack=held[index].rack, ago=0.1)
        healthier = judged(sighting("h1", *held, heart=heart))
        assert healthier.kind is not VerdictKind.DEAD
    beating = judged(sighting("h1", *held, heart=0.5))
    assert beating.kind is not VerdictKind.DEAD
    assert before.silent <= before.assigned


@given(votes)
def test_dead_needs_a_majority_of_the_assigned(held: list[Vote]) -> None:
    found = judged(sighting("h1", *held))
    if found.kind is VerdictKind.DEAD:
        assert 2 * sum(1 for each in held if each.outcome is SILENT) > len(held)


@pytest.mark.parametrize(
    ("heart", "power", "read", "kind"),
    [
        (9, "off", 1, VerdictKind.SUSPECT),
        (None, "off", 1, VerdictKind.SUSPECT),
        (9, "on", 1, VerdictKind.NO_EVIDENCE),
        (9, "off", 6, VerdictKind.NO_EVIDENCE),
        (4, "off", 4.5, VerdictKind.NO_EVIDENCE),
        (1, "off", 2, VerdictKind.ALIVE),
    ],
)
def test_without_vantages_that_report_its_own_power_makes_a_suspect_and_never_more(
    heart: float | None, power: str, read: float, kind: VerdictKind
) -> None:
    gone = (vote("p1", SILENT, ago=9), vote("p2", None))
    seen = sighting("h1", *gone, heart=heart, power=power, power_at=NOON - read * SECOND)
    assert judged(seen).kind is kind
    one_reports = sighting("h1", *gone, vote("p3", Outcome.ERROR_HERE), heart=9, power="off", power_at=NOON - SECOND)
    assert judged(one_reports).kind is VerdictKind.NO_EVIDENCE


def test_a_rack_of_that_name_in_another_region_is_another_rack() -> None:
    votes = (Vote("p1", "fra", "r1", SILENT, NOON - SECOND, NOON - 5 * SECOND), silent("p2"))
    found = judge(sighting("h1", *votes), "r1", None, TIMES, NOON, "arn")
    assert (found.kind, found.outside_rack) == (VerdictKind.DEAD, 2)
