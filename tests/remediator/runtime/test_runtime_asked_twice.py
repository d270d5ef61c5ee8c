"""One wish that is asked for twice is one machine: under a client's own key, and after a crash of ours."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from remediator.engine.machines.refusals import Refused
from remediator.model.asks import LaunchAsk
from remediator.model.machine import Machine
from remediator.model.request import Operation
from tests.remediator.runtime.lab import Lab, record
from tests.remediator.runtime.test_runtime_machine_desk import FULL, Agent, done, ready


class Maker(Agent):
    """Makes what it is told to."""

    def __call__(self, asked: Operation) -> dict[str, Any]:
        told = {name: asked.args[name] for name in ("app", "name", "region", "instance_id", "digest", "volumes")}
        return {"record": record(asked.machine, **told)}


async def test_one_key_makes_one_machine_also_when_both_ask_at_once() -> None:
    lab = await ready(agent=Maker())
    ask = LaunchAsk("web", FULL, region="arn", key="anna/k1", lease_seconds=60, who="anna")
    first, second = await done(lab, both(lab.requests.create_machine(ask), lab.requests.create_machine(ask)))
    assert first.id == second.id
    assert len(lab.driver.calls) == 1
    lease = lab.life.lease(first.id)
    assert lease is not None
    assert lease.owner == "anna"
    with pytest.raises(Refused, match="used for another machine"):
        await lab.requests.create_machine(replace(ask, config={}))
    other = await done(lab, lab.requests.create_machine(replace(ask, key="anna/k2")))
    assert other.id != first.id
    await lab.ledger.close()


async def test_a_client_that_a_crash_of_ours_left_without_an_answer_gets_its_machine_once() -> None:
    lab = await ready(agent=Maker())
    ask = LaunchAsk("web", FULL, region="arn")
    waiting = asyncio.create_task(lab.requests.create_machine(ask))
    await lab.life.news()
    waiting.cancel()
    (made,) = [each for each in lab.ledger.all(Machine).values() if each.id != "m1"]
    after = Lab(Maker(), journal=lab.journal)
    assert (await done(after, after.requests.create_machine(replace(ask, name="other")))).id != made.id
    again = await done(after, after.requests.create_machine(ask))
    assert again.id == made.id
    assert (await done(after, after.requests.create_machine(ask))).id != made.id
    await after.ledger.close()


@pytest.mark.parametrize("told", [True, False])
async def test_one_that_was_made_and_never_told_of_is_found_again_and_one_that_was_told_is_not(told: bool) -> None:
    lab = await ready(agent=Maker())
    ask = LaunchAsk("web", FULL, region="arn")
    made = await done(lab, lab.requests.create_machine(ask))
    if told:
        await lab.life.answered(made.id)
    # Killed here: its end is written down, and its client may not have heard of it.
    after = Lab(Maker(), journal=lab.journal)
    after.wait(1)
    again = await done(after, after.requests.create_machine(ask))
    assert (again.id == made.id) is not told
    assert (await done(after, after.requests.create_machine(ask))).id not in (made.id, again.id)
    await after.ledger.close()


async def both(*asked: Any) -> list[Any]:
    return await asyncio.gather(*asked)
