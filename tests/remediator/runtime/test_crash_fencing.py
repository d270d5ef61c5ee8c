"""The remediator dies over an orchestrator's fence, or over lifting it: each is had once, and in its order."""

import pytest

from remediator.model.host import Fence, Host
from remediator.model.request import Operation
from remediator.runtime.effects.fencing import GIVE_UP
from tests.remediator.runtime.test_crash_machine import PATIENCE, CrashMachine, begun

# Whoever begins anew has patience anew.
LONGEST = 2 * PATIENCE


def h1(story: CrashMachine) -> Host:
    return story.shelf.of(Host)["h1"]


def verbs(story: CrashMachine) -> list[str]:
    return [each.verb for each in story.shelf.of(Operation).values() if each.verb in ("fence_host", "unfence_host")]


def passes_until_fenced(story: CrashMachine) -> None:
    for _ in range(LONGEST):
        if h1(story).fence is Fence.PROVED:
            return
        story.time_passes(1)


# Before the request was written, before it was sent, before it was answered, before the proof was written; after it.
@pytest.mark.parametrize("steps", [5, 8, 11, 13, 15, 17, 19])
def test_wherever_it_dies_a_fence_is_had_and_lifted_before_the_host_is_admitted(steps: int) -> None:
    story = begun()
    story.bmcs(False)
    story.network_is_lost("h1")
    story.time_passes(PATIENCE + 6)
    assert verbs(story) == []
    (power,) = [each for each in story.shelf.of(Operation).values() if each.verb == "power_off"]
    # Just before its BMC is given up, and the next way's turn comes.
    story.time_passes(int((power.written_at + GIVE_UP - story.clock.now()).total_seconds()))
    story.is_to_die(steps)
    passes_until_fenced(story)
    assert (h1(story).fence_by, list(story.world.fences), verbs(story)) == ("orchestrator", ["h1"], ["fence_host"])
    story.nothing_is_broken()

    story.is_to_die(steps)
    story.host_returns("h1")
    story.time_passes(20)
    story.nothing_is_broken()
    assert (story.world.fences, verbs(story)) == ({}, ["fence_host", "unfence_host"])
    story.teardown()
