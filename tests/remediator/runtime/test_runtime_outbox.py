"""The outbox sends what is written down until it ends, with the same key each time."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from remediator.model.errors import PermanentError, TransientError
from remediator.model.machine import Machine, MachineState, Volume
from remediator.model.request import Operation, Origin, Stage
from remediator.runtime.effects.outbox import Outbox
from remediator.runtime.effects.written import condemn
from remediator.runtime.ledger import Ledger
from tests.remediator.builders import NOON, SECOND, machine, operation, volume
from tests.remediator.runtime.lab import Lab, as_written


def stage(lab: Lab, key: str = "k1") -> Operation:
    known = lab.ledger.get(Operation, key)
    assert known is not None
    return known


async def test_what_is_due_is_sent_once_and_its_end_is_recorded(lab: Lab) -> None:
    await lab.put(operation("k1"), operation("k2", on="h2"))
    await lab.send("h1", "h2")
    await lab.send("h1", "h2")
    assert sorted(call.key for call in lab.driver.calls) == ["k1", "k2"]
    assert stage(lab).stage is Stage.DONE
    assert lab.tally.operations == [("start", "done"), ("start", "done")]


async def test_after_a_transient_failure_the_same_key_is_sent_later(lab: Lab) -> None:
    lab.driver.away.add("h1")
    await lab.put(operation("k1"))
    await lab.send("h1")
    waiting = stage(lab)
    assert (waiting.open, waiting.attempts, waiting.error) == (True, 1, "h1 is not connected")
    assert waiting.not_before is not None
    assert NOON < waiting.not_before <= NOON + 5 * SECOND
    lab.driver.away.clear()
    await lab.send("h1")
    assert len(lab.driver.calls) == 1
    lab.wait(5)
    await lab.send("h1")
    assert [call.key for call in lab.driver.calls] == ["k1", "k1"]
    assert stage(lab).stage is Stage.DONE


async def test_it_never_waits_more_than_five_seconds(lab: Lab) -> None:
    lab.driver.away.add("h1")
    await lab.put(operation("k1", attempts=40))
    await lab.send("h1")
    assert stage(lab).not_before == NOON + 5 * SECOND


async def test_permanent_is_an_outcome_and_gives_back_what_it_held() -> None:
    lab = Lab(refusing)
    create = operation("create:m1", "create", machine="m1", args={"machine_id": "m1"})
    await lab.put(create, machine("m1", volumes=("v1",), state=MachineState.CREATED), volume("v1", machine="m1"))
    await lab.send("h1")
    failed = stage(lab, "create:m1")
    assert (failed.stage, failed.error) == (Stage.FAILED, "no such image")
    gone, freed = lab.ledger.get(Machine, "m1"), lab.ledger.get(Volume, "v1")
    assert gone is not None
    assert (gone.state, gone.events[0].text) == (MachineState.DESTROYED, "no such image")
    assert freed is not None
    assert freed.free
    lab.wait(60)
    await lab.send("h1")
    assert len(lab.driver.calls) == 1
    assert (await lab.told("failed"))[0] == {"key": "create:m1", "text": "no such image"}
    await lab.ledger.close()


def refusing(asked: Operation) -> dict[str, Any]:
    raise PermanentError("no such image")


async def test_after_a_crash_the_same_key_is_sent_again(lab: Lab) -> None:
    """The first outbox is cut off between the call and its record; the next one finds the operation open."""
    stuck = asyncio.Event()

    async def never_back(asked: Operation) -> Operation:
        lab.driver.calls.append(asked)
        await stuck.wait()
        return asked

    dying = Outbox(lab.ledger, lab.driver, never_back, lab.clock, lab.tally)
    await lab.put(operation("k1"))
    dying.send_due(frozenset({"h1"}), "", NOON)
    await asyncio.sleep(0)
    await dying.close()
    again = Ledger(lab.journal)
    reborn = Outbox(again, lab.driver, as_written, lab.clock, lab.tally)
    reborn.send_due(frozenset({"h1"}), "", NOON)
    assert (await reborn.ended("k1", 5)).stage is Stage.DONE
    assert [call.key for call in lab.driver.calls] == ["k1", "k1"]
    await again.close()


async def test_a_freeze_holds_what_is_automatic_alone(lab: Lab) -> None:
    await lab.put(operation("auto"), operation("own", origin=Origin.OWNER), operation("op", origin=Origin.OPERATOR))
    await lab.send("h1", frozen="by anna: drill")
    assert sorted(call.key for call in lab.driver.calls) == ["op", "own"]
    assert stage(lab, "auto").open
    await lab.send("h1")
    assert stage(lab, "auto").stage is Stage.DONE


async def test_hosts_that_are_away_are_not_even_tried(lab: Lab) -> None:
    await lab.put(operation("k1", on="h1"), operation("nowhere", "provision", on="", args={"names": []}))
    await lab.send("h10")
    assert [call.key for call in lab.driver.calls] == ["nowhere"]
    assert (stage(lab).attempts, stage(lab).open) == (0, True)


async def test_who_waits_is_told_the_end(lab: Lab) -> None:
    await lab.put(operation("k1"))
    waiter = asyncio.create_task(lab.outbox.ended("k1", 5))
    await asyncio.sleep(0)
    await lab.send("h1")
    assert (await waiter).stage is Stage.DONE
    assert (await lab.outbox.ended("k1", 5)).stage is Stage.DONE


async def test_who_waits_too_long_is_told_that_it_goes_on(lab: Lab) -> None:
    await lab.put(operation("k1"))
    with pytest.raises(TransientError, match="accepted and under way"):
        await lab.outbox.ended("k1", 0.01)
    assert stage(lab).open


async def test_one_flight_at_a_time_for_each_key(lab: Lab) -> None:
    await lab.put(operation("k1"))
    for _ in range(3):
        lab.outbox.send_due(frozenset({"h1"}), "", NOON)
    await lab.flights()
    assert len(lab.driver.calls) == 1


@pytest.mark.parametrize("error", [TransientError("hung up"), PermanentError("unknown"), None])
async def test_a_wish_given_up_in_flight_and_written_anew_is_another_one(error: Exception | None) -> None:
    """Its first target died while the command was under way; what is heard of that says nothing of the second."""
    arrived, go_on = asyncio.Event(), asyncio.Event()
    lab = Lab()

    async def slow(asked: Operation) -> Operation:
        if asked.host == "h1":
            arrived.set()
            await go_on.wait()
            if error:
                raise error
        return asked

    outbox = Outbox(lab.ledger, lab.driver, slow, lab.clock, lab.tally)
    first = operation("recreate:m0", on="h1")
    second = replace(first, host="h2", written_at=NOON + SECOND)
    await lab.put(first)
    outbox.send_due(frozenset({"h1", "h2"}), "", NOON)
    await arrived.wait()
    await lab.put(second)
    go_on.set()
    await asyncio.gather(*outbox._flying.values())
    assert stage(lab, "recreate:m0") == second
    outbox.send_due(frozenset({"h1", "h2"}), "", NOON)
    await asyncio.gather(*outbox._flying.values())
    assert (stage(lab, "recreate:m0").stage, lab.driver.calls[-1].host) == (Stage.DONE, "h2")
    await lab.ledger.close()


@pytest.mark.parametrize("anew", [False, True])
async def test_what_is_given_up_while_it_is_prepared_is_not_sent(lab: Lab, *, anew: bool) -> None:
    """Unsealing takes time, in which a machine may be condemned."""
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def slow(asked: Operation) -> Operation:
        arrived.set()
        await go_on.wait()
        return asked

    outbox = Outbox(lab.ledger, lab.driver, slow, lab.clock, lab.tally)
    create = operation("create:m1", "create", machine="m1", args={"source": "m0", "epoch": 1})
    await lab.put(machine("m1", state=MachineState.CREATED), create)
    outbox.send_due(frozenset({"h1"}), "", NOON)
    await arrived.wait()
    async with lab.ledger.writing() as draft:
        condemn(draft, "m1", "no longer wanted", NOON)
    assert lab.ledger.get(Operation, "create:m1") is None
    if anew:
        await lab.put(replace(create, written_at=NOON + SECOND))
    go_on.set()
    await asyncio.gather(*outbox._flying.values())
    assert lab.driver.calls == []


async def test_a_condemned_machine_s_ended_create_is_history_and_stays(lab: Lab) -> None:
    done = operation("create:m1", "create", machine="m1", stage=Stage.DONE)
    await lab.put(machine("m1"), done, operation("create:m10", "create", machine="m10"))
    async with lab.ledger.writing() as draft:
        condemn(draft, "m1", "replaced", NOON)
    assert set(lab.ledger.all(Operation)) == {"create:m1", "create:m10"}


@pytest.mark.parametrize("refuses", [True, False])
async def test_no_config_stays_with_an_operation_that_has_ended(*, refuses: bool) -> None:
    lab = Lab(refusing if refuses else None)
    held = {"machine_id": "m1", "migration": "g1", "sealed_config": "box"}
    await lab.put(operation("g1:create", "create", machine="m1", args=held))
    await lab.send("h1")
    ended = stage(lab, "g1:create")
    assert ended.stage is (Stage.FAILED if refuses else Stage.DONE)
    assert ended.args == {"machine_id": "m1", "migration": "g1"}
    assert lab.driver.calls[0].args["sealed_config"] == "box"
    await lab.ledger.close()


async def test_the_second_does_not_wait_for_the_first_ones_time_out(lab: Lab) -> None:
    stuck = asyncio.Event()
    sent: list[str] = []

    async def slow(asked: Operation) -> Operation:
        sent.append(asked.host)
        if asked.host == "h1":
            await stuck.wait()
        return asked

    outbox = Outbox(lab.ledger, lab.driver, slow, lab.clock, lab.tally)
    await lab.put(operation("k1", on="h1"))
    outbox.send_due(frozenset({"h1", "h2"}), "", NOON)
    await asyncio.sleep(0)
    await lab.put(operation("k1", on="h2", written_at=NOON + SECOND))
    outbox.send_due(frozenset({"h1", "h2"}), "", NOON)
    assert (await outbox.ended("k1", 5)).stage is Stage.DONE
    assert sent == ["h1", "h2"]
    await outbox.close()


async def test_the_driver_is_called_with_the_same_arguments_again(lab: Lab) -> None:
    lab.driver.away.add("h1")
    await lab.put(operation("k1", args={"machine_id": "m1"}))
    for _ in range(3):
        await lab.send("h1")
        lab.wait(6)
    assert {str(call.args) for call in lab.driver.calls} == {"{'machine_id': 'm1'}"}
    assert len(lab.driver.calls) == 3
