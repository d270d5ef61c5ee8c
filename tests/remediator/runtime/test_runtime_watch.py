"""What counts as evidence: unbroken, of our own term, and from vantages that keep their seats."""

from datetime import datetime, timedelta

import pytest

from remediator.clock import FakeClock
from remediator.engine.evidence.vantages import Vantage
from remediator.model.enrolment import Enrolment
from remediator.model.evidence import Outcome, VerdictKind
from remediator.model.host import Life
from tests.remediator.builders import NOON, SECOND, host
from tests.remediator.runtime.lab import VANTAGES, Lab

SILENT = {"h1": Outcome.SILENT}
# A probe that ends as silent was sent so long before.
PROBE = timedelta(milliseconds=800)


class SteppingClock(FakeClock):
    """Its wall time can be stepped, like that of a machine whose clock is set; monotonic time goes on."""

    step = timedelta()

    def now(self) -> datetime:
        return super().now() + self.step

    def set(self, now: datetime) -> None:
        super().set(now - self.step)


async def story(lab: Lab, seconds: int, **outcomes: Outcome) -> Life:
    for _ in range(seconds):
        lab.wait(1)
        lab.probes(**outcomes)
        await lab.tick()
    return lab.watch.fleet().hosts["h1"].life


async def test_without_a_pause_silence_for_three_seconds_is_death(lab: Lab) -> None:
    await lab.put(host())
    assert await story(lab, 3, **SILENT) is Life.SUSPECT
    assert await story(lab, 2, **SILENT) is Life.DEAD


async def test_after_a_pause_of_ours_every_second_of_silence_is_earned_again(lab: Lab) -> None:
    await lab.put(host())
    await story(lab, 3, **SILENT)
    lab.wait(1.6)
    # These arrived while we slept: their moment is that of our waking.
    lab.probes(**SILENT)
    lab.evidence.powered("h1", "off", lab.clock.now())
    await lab.tick()
    known = lab.watch.fleet()
    assert known.term_began == lab.clock.now()
    assert known.verdicts["h1"].kind is VerdictKind.NO_EVIDENCE
    seen = known.sightings["h1"]
    assert [vote.outcome for vote in seen.votes] == [None, None, None]
    assert (seen.heartbeat, seen.power) == (None, "")
    assert await story(lab, 3, **SILENT) is not Life.DEAD
    assert await story(lab, 2, **SILENT) is Life.DEAD


async def test_a_slow_tick_is_no_pause(lab: Lab) -> None:
    await lab.put(host())
    await story(lab, 1, **SILENT)
    lab.wait(1.5)
    lab.probes(**SILENT)
    await lab.tick()
    known = lab.watch.fleet()
    assert (known.term_began, known.verdicts["h1"].kind) == (NOON, VerdictKind.SUSPECT)


@pytest.mark.parametrize(("step", "anew"), [(1.6, True), (-1.6, True), (3600, True), (1.4, False), (-1.4, False)])
async def test_a_stepped_clock_is_a_pause_too(step: float, *, anew: bool) -> None:
    clock = SteppingClock(NOON)
    lab = Lab(clock=clock)
    await lab.put(host())
    await story(lab, 3, h1=Outcome.OK)
    clock.step = timedelta(seconds=step)
    await lab.tick()
    known = lab.watch.fleet()
    assert (known.term_began == clock.now()) is anew
    assert (known.sightings["h1"].heartbeat is None) is anew
    # Once, and not again while the clock goes on as it should.
    began = known.term_began
    await story(lab, 2, h1=Outcome.OK)
    assert lab.watch.fleet().term_began == began
    await lab.ledger.close()


@pytest.mark.parametrize(("gap", "unbroken"), [(2.9, True), (3.0, False), (60.0, False)])
def test_silent_results_far_apart_are_no_unbroken_silence(lab: Lab, gap: float, *, unbroken: bool) -> None:
    place, later = VANTAGES[0], NOON + gap * SECOND
    lab.evidence.voted(place, "h1", Outcome.SILENT, NOON)
    lab.evidence.voted(place, "h1", Outcome.SILENT, later)
    (vote,) = lab.evidence.sightings({"h1": (place,)})["h1"].votes
    assert vote.silent_since == (NOON if unbroken else later) - PROBE


def test_an_answer_ends_a_silence(lab: Lab) -> None:
    place = VANTAGES[0]
    for second, outcome in enumerate((Outcome.SILENT, Outcome.OK, Outcome.SILENT)):
        lab.evidence.voted(place, "h1", outcome, NOON + second * SECOND)
    (vote,) = lab.evidence.sightings({"h1": (place,)})["h1"].votes
    assert vote.silent_since == NOON + 2 * SECOND - PROBE


async def enrolled(lab: Lab, *places: Vantage) -> None:
    await lab.put(*(Enrolment(place.name, "vantage", place.region, place.rack, NOON) for place in places))


async def test_the_last_vantage_that_still_reports_does_not_decide_alone(lab: Lab) -> None:
    """The others are enrolled and silent for longer than a minute: they stay in the denominator."""
    await lab.put(host())
    await enrolled(lab, *VANTAGES)
    for _ in range(70):
        lab.wait(1)
        lab.evidence.reported(VANTAGES[1], lab.clock.now())
        lab.evidence.voted(VANTAGES[1], "h1", Outcome.SILENT, lab.clock.now())
        await lab.tick()
    found = lab.watch.fleet().verdicts["h1"]
    assert (found.kind, found.silent, found.assigned) == (VerdictKind.SUSPECT, 1, 3)


async def test_a_silent_vantage_gives_its_seat_to_one_that_reports(lab: Lab) -> None:
    await lab.put(host())
    fourth = Vantage("p-r4", "arn", "r4")
    await enrolled(lab, *VANTAGES, fourth)
    for place in (VANTAGES[0], VANTAGES[1], fourth):
        lab.evidence.reported(place, NOON)
    assert {each.name for each in lab.watch.assignment(NOON)["h1"]} == {"p-r1", "p-r2", "p-r4"}
    # A minute later only one of them still speaks: it keeps its seat, and two silent ones keep theirs.
    later = NOON + 90 * SECOND
    lab.evidence.reported(fourth, later)
    names = {each.name for each in lab.watch.assignment(later)["h1"]}
    assert len(names) == 3
    assert "p-r4" in names


async def test_agents_are_no_vantages(lab: Lab) -> None:
    await lab.put(host())
    await lab.enrol("h1", "h2")
    assert lab.watch.assignment(NOON) == {"h1": ()}
