"""Rounds that cannot come out otherwise are not repeated, and nothing is done otherwise for it."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from remediator.commands.simulate_runs import book_of
from remediator.model.evidence import Outcome
from remediator.model.host import Host, HostStatus
from remediator.runtime.rest import Rest
from remediator.simulate.world.campaign import random_story
from remediator.simulate.world.play import play
from remediator.simulate.world.story import read_story
from remediator.simulate.world.told import Setting
from remediator.simulation.ours import Book, Ours, builder
from tests.remediator.builders import alert, host, machine
from tests.remediator.runtime.lab import VANTAGES, Lab

ROOT = Path(__file__).parents[3]
WELL = {"h1": Outcome.OK, "h2": Outcome.OK, "h3": Outcome.OK}
DEAD = WELL | {"h1": Outcome.SILENT}


class Restless(Ours):
    """The same judge, which goes through everything at each look."""

    def begin(self, now: datetime) -> None:
        super().begin(now)
        self._live.loop.rest = Rest(timedelta())


@pytest.fixture(scope="module")
def book() -> Book:
    return book_of(ROOT)


def _restless(book: Book) -> type[Ours]:
    class Made(Restless):
        def __init__(self, setting: Setting) -> None:
            super().__init__(setting, book)

    return Made


async def _lab() -> Lab:
    lab = Lab()
    await lab.enrol("h1", "h2", "h3")
    await lab.put(host("h1"), host("h2", "r2"), host("h3", "r3"), machine("m1"))
    for _ in range(8):
        lab.wait(1)
        lab.probes(**DEAD)
        await lab.tick()
    return lab


async def _rounds(lab: Lab, many: int) -> list[str]:
    """Which looks went through everything: only then is what stands told anew, with its seconds."""
    found = []
    for _ in range(many):
        before = lab.loop.holds
        lab.wait(0.25)
        await lab.tick()
        found.append("rests" if lab.loop.holds is before else "whole")
    return found


async def test_a_round_that_changed_nothing_is_not_repeated() -> None:
    lab = await _lab()
    assert (await _rounds(lab, 4))[-1] == "rests"


async def test_a_row_that_changed_is_looked_at_at_once() -> None:
    lab = await _lab()
    assert (await _rounds(lab, 4))[-1] == "rests"
    await lab.put(host("h9", "r3"))
    assert await _rounds(lab, 1) == ["whole"]


async def test_an_alert_that_may_be_acted_upon_is_looked_at_at_once() -> None:
    lab = await _lab()
    assert (await _rounds(lab, 4))[-1] == "rests"
    lab.watch.alerts = lambda: (alert("h2"),)
    assert await _rounds(lab, 1) == ["whole"]


async def test_more_of_the_same_is_no_reason_to_look() -> None:
    lab = await _lab()
    assert (await _rounds(lab, 4))[-1] == "rests"
    for _ in range(8):
        lab.wait(0.25)
        lab.probes(**DEAD)
        await lab.tick()
        assert lab.loop.idle(lab.dial)
    lab.evidence.voted(VANTAGES[0], "h2", Outcome.REFUSED, lab.clock.now())
    assert not lab.loop.idle(lab.dial)


async def test_a_heartbeat_that_is_missed_is_found_in_time_though_nothing_is_heard() -> None:
    lab = await _lab()
    lab.probes(**DEAD)
    stated = []
    for _ in range(12):
        lab.wait(0.25)
        await lab.tick()
        stated.append(lab.ledger.all(Host)["h2"].status)
    assert stated == [HostStatus.OK] * 11 + [HostStatus.UNKNOWN]


@pytest.mark.parametrize("name", ["i02_network_cable", "drain_source_dies"])
def test_stories_are_the_same_for_one_who_never_rests(name: str, book: Book) -> None:
    story = read_story(ROOT / "tests" / "scenarios" / name / "scenario.yaml")
    assert play(story, builder(book)) == play(story, _restless(book))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 7))
def test_campaigns_are_the_same_for_one_who_never_rests(seed: int, book: Book) -> None:
    """Whatever guard, wait, window or budget ends by time alone ends at the same moment."""
    story = random_story(seed, hosts=60, minutes=8, faults=8)
    assert play(story, builder(book)) == play(story, _restless(book))
