"""The look at what could be done: in pieces, off the loop, and kept."""

import asyncio
from datetime import timedelta

from remediator.actions import ACTIONS
from remediator.clock import FakeClock
from remediator.engine.evidence.lives import LifeTimes
from remediator.engine.whatif import Assumptions
from remediator.model.fleet import Fleet
from remediator.runtime.whatif import PAUSES, SLICE, WhatIf
from tests.remediator.builders import NOON, fleet, host, policy


class Ticking(FakeClock):
    """A clock on which each look at it takes 20 ms."""

    def monotonic(self) -> float:
        self.set(self.now() + timedelta(milliseconds=20))
        return super().monotonic()


async def test_every_host_is_looked_at_in_slices_with_pauses_between() -> None:
    known = fleet(*(host(f"h{number}", joined=False) for number in range(9)))
    slept: list[float] = []

    class Remembering(Ticking):
        async def sleep(self, seconds: float) -> None:
            slept.append(seconds)
            await super().sleep(seconds)

    clock = Remembering(NOON)
    looking = WhatIf(lambda: known, lambda: Assumptions(policy(), ACTIONS, "host_dead", LifeTimes()), clock)
    assert (looking.outlook.at, looking.outlook.fates) == (None, ())
    outlook = await looking.look()
    assert [each.host for each in outlook.fates] == sorted(known.hosts)
    assert {each.blocker for each in outlook.fates} == {"NotJoined"}
    assert (looking.outlook, outlook.at) == (outlook, NOON)
    assert slept == [SLICE * PAUSES] * 3


async def test_an_empty_fleet_is_looked_at_too() -> None:
    clock = FakeClock(NOON)
    looking = WhatIf(Fleet, lambda: Assumptions(policy(), ACTIONS, "host_dead", LifeTimes()), clock)
    assert (await looking.look()).fates == ()


async def test_a_look_comes_before_its_time_when_what_matters_has_changed() -> None:
    marks = ["gate open", "gate open", "gate closed"]
    looks: list[str] = []
    clock, enough = FakeClock(NOON), asyncio.Event()

    def seen() -> Fleet:
        looks.append(f"{(clock.now() - NOON).total_seconds():g} s")
        if len(looks) == 3:
            enough.set()
        return Fleet()

    looking = WhatIf(
        seen,
        lambda: Assumptions(policy(), ACTIONS, "host_dead", LifeTimes()),
        clock,
        lambda: marks.pop(0) if len(marks) > 1 else marks[0],
    )
    task = asyncio.create_task(looking.run())
    await asyncio.wait_for(enough.wait(), 5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert looks[:3] == ["5 s", "10 s", "70 s"]
