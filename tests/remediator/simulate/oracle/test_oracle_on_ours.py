"""The oracle on the real judge: nothing to find in plain stories, and wrong kills once patience is taken away."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from remediator.commands.simulate_runs import book_of
from remediator.model.incident import Incident, IncidentStage
from remediator.simulate.oracle.findings import Judgement, Sin
from remediator.simulate.oracle.judging import judged
from remediator.simulate.world.play import play
from remediator.simulate.world.queue import Queue
from remediator.simulate.world.story import Fault, Story, fleet_of
from remediator.simulate.world.told import Told
from remediator.simulate.world.topology import grid
from remediator.simulation.ours import Book, builder
from remediator.simulation.telling import Teller
from tests.remediator.builders import NOON

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture(scope="module")
def book() -> Book:
    return book_of(ROOT)


def word_on(book: Book, *faults: Fault) -> Judgement:
    topology = grid(2, 3, 4)
    story = Story("small", topology, tuple(fleet_of(topology, 2, 0.0)), faults, (), 300.0)
    return judged(play(story, builder(book)), book.policy.playbooks, book.policy.limits)


def one(kind: str, span: float | None) -> Fault:
    return Fault(kind, 10.0, span, ("a1-3",), ("a1-3",))


def test_a_death_is_replaced_without_a_sin(book: Book) -> None:
    word = word_on(book, one("power", None))
    assert word.findings == ()
    assert len(word.measures.replace) == 2
    assert max(word.measures.replace) < 12
    assert word.measures.unreplaced == 0


def test_a_link_that_comes_back_in_time_costs_replacements_and_no_kill(book: Book) -> None:
    word = word_on(book, one("link", 60.0))
    assert word.findings == ()
    assert {round(each.outage) for each in word.needless} == {60}


def test_without_patience_the_same_link_is_a_wrong_kill(book: Book) -> None:
    limits = replace(book.policy.limits, patience=timedelta(seconds=5))
    hasty = replace(book, policy=replace(book.policy, limits=limits))
    assert word_on(hasty, one("link", 60.0)).count(Sin.WRONG_KILL) == 2


def test_a_crashed_agent_is_no_dead_host(book: Book) -> None:
    word = word_on(book, one("agent_crash", 200.0))
    assert (word.findings, word.needless) == ((), ())


def test_the_oracle_is_told_of_every_host_that_joins_an_incident_and_of_a_stage_that_comes_again() -> None:
    told = Told(Queue())
    opened = Incident("i", "rack", "r1", NOON, ("h1",))
    grown = replace(opened, hosts=("h1", "h2"))
    cut_off = grown.moved_to(IncidentStage.PARTITIONED, NOON, "")
    unclear = cut_off.moved_to(IncidentStage.UNEXPLAINED, NOON, "")
    rows = (opened, grown, grown, cut_off, unclear, unclear.moved_to(IncidentStage.PARTITIONED, NOON, ""))
    for before, row in zip((None, *rows), rows, strict=False):
        Teller(told).incident(row, before, {})
    known = [(each["stage"], each["hosts"]) for each in told.incidents]
    both = ("h1", "h2")
    assert known[:2] == [("open", ("h1",)), ("open", both)]
    assert known[2:] == [("partitioned", both), ("unexplained", both), ("partitioned", both)]
    assert len(told.lines) == 4  # in the log, stages alone
