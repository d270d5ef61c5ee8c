"""Why we distrust ourselves, and for how long."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from remediator.model.evidence import Gate
from remediator.runtime.doubts import Doubts
from tests.remediator.builders import CLOSED, NOON, OPEN, dead, host
from tests.remediator.runtime.lab import VANTAGES, Lab


class Doubting:
    """The doubts of a lab, with a gate that tests turn."""

    def __init__(self, lab: Lab) -> None:
        self.gate: Gate = OPEN
        self.lab = lab
        self.doubts = Doubts(lab.ledger, lab.evidence, lambda: self.gate, lab.clock)


def test_a_pause_and_a_stepped_clock_are_doubted_for_a_while(lab: Lab) -> None:
    here = Doubting(lab)
    here.doubts.looked(0.25, 0.1)
    assert here.doubts() == {}
    here.doubts.looked(31.0, 2.0)
    assert here.doubts() == {
        "LoopLag": "31.0 s between two looks",
        "ClockJumped": "the clock was stepped by 2.0 s",
    }
    lab.wait(2.9)
    assert len(here.doubts()) == 2
    lab.wait(0.2)
    assert here.doubts() == {}


async def test_the_loop_tells_how_late_it_looks(lab: Lab) -> None:
    here = Doubting(lab)
    lab.loop.looked = here.doubts.looked
    lab.wait(0.25)
    await lab.loop.tick(lab.dial)
    assert here.doubts() == {}
    lab.wait(30)
    await lab.loop.tick(lab.dial)
    assert sorted(here.doubts()) == ["LoopLag"]
    lab.clock.step_wall(timedelta(seconds=-5))
    await lab.loop.tick(lab.dial)
    assert sorted(here.doubts()) == ["ClockJumped", "LoopLag"]


def test_a_lost_lease_and_what_other_parts_doubt_are_told(lab: Lab) -> None:
    here = Doubting(lab)
    here.doubts.lease = lambda: "another leads"
    here.doubts.sources.append(lambda: {"DiskLow": "4% free"})
    assert here.doubts() == {"LeaseLost": "another leads", "DiskLow": "4% free"}


def test_rules_are_stale_when_no_slot_was_evaluated_while_the_store_answers(lab: Lab) -> None:
    here = Doubting(lab)
    second, day = timedelta(seconds=1), timedelta(days=1)
    slots: list[tuple[str, timedelta, datetime | None]] = [("host_liveness", second, NOON), ("new", day, None)]

    def rules() -> Iterator[tuple[str, timedelta, datetime | None]]:
        yield from slots

    here.doubts.rules = rules
    lab.wait(13)
    assert here.doubts() == {}
    lab.wait(1)
    assert here.doubts() == {"StaleRules": "group host_liveness was last evaluated 14 s ago"}
    here.gate = CLOSED
    assert here.doubts() == {}, "with the store out other witnesses speak"
    here.gate = Gate(open=True, reason="", since=lab.clock.now())
    assert here.doubts() == {}, "it has only just come back"


async def test_cut_off_from_most_vantages_and_most_agents_it_may_be_we_who_are_alone(lab: Lab) -> None:
    here = Doubting(lab)
    await lab.put(*(host(f"h{n}") for n in range(1, 5)), dead("h9", ago=timedelta(hours=2)))
    for name in ("h1", "h2", "h3"):
        lab.evidence.heard(name, NOON)
    for vantage in VANTAGES:
        lab.evidence.reported(vantage, NOON)
    assert here.doubts() == {}
    lab.wait(4)
    lab.evidence.reported(VANTAGES[0], lab.clock.now())
    assert here.doubts() == {}, "most agents are there"
    lab.evidence.hung_up("h2")
    assert here.doubts() == {}, "half of them is no minority"
    lab.evidence.hung_up("h3")
    assert here.doubts() == {"Isolated": "1 of 3 vantages and 1 of 4 agents reach us"}
    lab.evidence.reported(VANTAGES[1], lab.clock.now())
    assert here.doubts() == {}, "most vantages are there"


def test_at_the_start_nobody_is_missed(lab: Lab) -> None:
    assert Doubting(lab).doubts() == {}
