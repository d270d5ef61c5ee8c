"""Calls whose end is uncertain: observed before they are repeated, bounded in time, given up in the end."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from remediator.drivers.protocol import Observer, Switch
from remediator.model.errors import TransientError, UncertainError
from remediator.model.request import Operation, Stage
from remediator.runtime.effects import retries
from remediator.runtime.effects.outbox import Outbox
from tests.remediator.builders import operation
from tests.remediator.runtime.lab import Lab, as_written

ARGS = {"to": "rollout", "text": "hold"}
CALL = operation("k1", "webhook", on="", args=ARGS)


@dataclass
class Receiver:
    """Has what reached it, by key; ``loses`` answers that never arrive."""

    has: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    loses: int = 0
    away: bool = False

    async def perform(self, asked: Operation) -> dict[str, Any]:
        if self.away:
            raise TransientError("nobody there")
        self.has.append(asked.key)
        if self.loses:
            self.loses -= 1
            raise UncertainError("the answer was lost")
        return {}

    async def observed(self, asked: Operation) -> bool | None:
        self.asked.append(asked.key)
        return asked.key in self.has


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def outbox(lab: Lab, receiver: Receiver) -> Outbox:
    return Outbox(lab.ledger, Switch({"webhook": receiver}, lab.driver), as_written, lab.clock, lab.tally)


async def sent(lab: Lab, outbox: Outbox, done: Callable[[Operation], bool]) -> Operation:
    """Try once more, at its time, until the operation is as it must be."""
    lab.wait(120)
    outbox.send_due(frozenset(), "", lab.clock.now())
    for _ in range(500):
        # Whatever flew has landed by the next turn.
        await asyncio.sleep(0.01)
        if done(known := lab.ledger.get(Operation, "k1") or CALL):
            return known
    raise AssertionError(f"it never came so far: {known}")


async def test_a_lost_answer_is_observed_and_not_sent_twice(lab: Lab, outbox: Outbox, receiver: Receiver) -> None:
    receiver.loses = 1
    await lab.put(CALL)
    uncertain = await sent(lab, outbox, lambda op: op.attempts == 1)
    assert (uncertain.stage, uncertain.error) == (Stage.SENT, "the answer was lost")
    done = await sent(lab, outbox, lambda op: not op.open)
    assert (done.stage, receiver.has, receiver.asked) == (Stage.DONE, ["k1"], ["k1"])


async def test_after_a_crash_in_the_middle_of_a_call_it_is_observed_first(
    lab: Lab, outbox: Outbox, receiver: Receiver
) -> None:
    """Marked as sent from before the call: what nobody has had is sent again with its key."""
    await lab.put(replace(CALL, stage=Stage.SENT))
    done = await sent(lab, outbox, lambda op: not op.open)
    assert (done.stage, receiver.asked, receiver.has) == (Stage.DONE, ["k1"], ["k1"])


async def test_what_certainly_did_not_happen_is_repeated_without_asking(
    lab: Lab, outbox: Outbox, receiver: Receiver
) -> None:
    receiver.away = True
    await lab.put(CALL)
    assert (await sent(lab, outbox, lambda op: op.attempts == 1)).stage is Stage.WRITTEN
    receiver.away = False
    await sent(lab, outbox, lambda op: not op.open)
    assert (receiver.has, receiver.asked) == (["k1"], [])


async def test_one_that_never_answers_is_cut_off_and_observed(lab: Lab) -> None:
    class Hangs(Receiver):
        async def perform(self, asked: Operation) -> dict[str, Any]:
            self.has.append(asked.key)
            await asyncio.sleep(60)
            return {}

    hangs = Hangs()
    outbox = Outbox(lab.ledger, hangs, as_written, lab.clock, lab.tally, lambda _: retries.Pace(seconds=0.05))
    await lab.put(CALL)
    cut = await sent(lab, outbox, lambda op: op.attempts == 1)
    assert (cut.stage, cut.error) == (Stage.SENT, "webhook did not end within 0 s")
    await sent(lab, outbox, lambda op: not op.open)
    assert (hangs.has, hangs.asked) == (["k1"], ["k1"])


async def test_it_is_given_up_in_the_end(lab: Lab, outbox: Outbox, receiver: Receiver) -> None:
    receiver.away = True
    await lab.put(replace(CALL, attempts=retries.PACES["webhook"].tries - 1))
    waiting = asyncio.create_task(outbox.ended("k1", 5))
    failed = await sent(lab, outbox, lambda op: not op.open)
    assert failed.stage is Stage.FAILED
    assert failed.error.startswith("given up after 40 tries")
    assert (await waiting).stage is Stage.FAILED, "whoever waits for its end has it"


@pytest.mark.parametrize("attempts", [1, 16, 17, 5000])
def test_waits_grow_up_to_the_longest_of_the_verb(attempts: int) -> None:
    assert retries.wait_after("start", attempts).total_seconds() == min(5.0, 0.2 * 2 ** min(attempts, 16))
    assert retries.wait_after("webhook", attempts).total_seconds() == min(60.0, 0.2 * 2 ** min(attempts, 16))
    assert not retries.given_up("start", attempts)


def test_only_drivers_that_can_be_asked_are() -> None:
    assert isinstance(Receiver(), Observer)
    assert isinstance(Switch({}, Receiver()), Observer)
