"""The loop: written down before anything is sent, holds told once, and a tick that fails is followed by the next."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from remediator.journal.memory import MemoryJournal
from remediator.journal.protocol import Entry, Journal, Row
from remediator.model.decision import DecisionOutcome
from remediator.model.errors import TransientError
from remediator.model.evidence import Outcome
from remediator.model.fleet import routable
from remediator.model.host import Capacity, HostStatus, Life
from remediator.model.machine import Machine, MachineState, Recovery
from remediator.model.policy import Limits, Mode
from remediator.model.request import Demand, Operation
from tests.remediator.builders import CLOSED, alert, host, machine, playbook, policy
from tests.remediator.runtime.lab import Lab, hello, record

DEAD = {"h1": Outcome.SILENT, "h2": Outcome.OK, "h3": Outcome.OK}


def looks_into(journal: Journal) -> tuple[Callable[[Operation], dict[str, Any]], list[str]]:
    """An agent that, before it does anything, looks whether it was written down."""
    seen: list[str] = []

    def answer(asked: Operation) -> dict[str, Any]:
        stored = journal.rows()["Operation"][asked.key].value
        decided = journal.entries("decision", 100, identifier=asked.decision)
        assert (stored.open, stored.host, stored.args) == (True, asked.host, asked.args)
        effect = f"recreate:{asked.args['source']}:I-m1:{asked.args['epoch']}"
        assert [entry.body["effects"] for entry in decided if effect in entry.body["effects"]]
        seen.append(asked.key)
        return {"record": record(asked.machine, instance_id=asked.args["instance_id"])}

    return answer, seen


async def story(lab: Lab, seconds: int, **outcomes: Outcome) -> None:
    """So many seconds of probes and ticks."""
    for _ in range(seconds):
        lab.wait(1)
        lab.probes(**outcomes)
        await lab.tick()


async def ground(lab: Lab, *more: Any) -> None:
    await lab.enrol("h1", "h2", "h3")
    await lab.put(host("h1"), host("h2", "r2"), host("h3", "r3"), machine("m1"), *more)


async def test_a_decision_is_in_the_journal_before_the_driver_is_called() -> None:
    journal = MemoryJournal()
    answer, seen = looks_into(journal)
    lab = Lab(answer, journal)
    await ground(lab)
    await story(lab, 8, **DEAD)
    known = lab.watch.fleet()
    assert seen == [f"create:{known.machines['m1'].replaced_by}"]
    assert known.hosts["h1"].life is Life.DEAD
    original = known.machines["m1"]
    new = known.machines[original.replaced_by]
    assert (original.recovery, new.state, new.replaces) == (Recovery.SERVING, MachineState.STARTED, "m1")
    assert [m.id for m in known.machines.values() if routable(m, known.hosts[m.host])] == [new.id]
    await lab.ledger.close()


async def test_a_dead_host_from_the_first_silence_to_the_last_condemned_and_back() -> None:
    journal = MemoryJournal()
    lab = Lab(lambda asked: {"record": record(asked.machine)} if asked.verb == "create" else {}, journal)
    lab.loop.rules = replace(lab.loop.rules, policy=policy(limits=Limits(patience=Limits().settle * 5)))
    lab.watch.alerts = lambda: (alert("h1"),) if lab.ledger.all(Machine)["m1"].replaced_by else ()
    await ground(lab)
    await story(lab, 30, **DEAD)
    known = lab.watch.fleet()
    assert (known.machines["m1"].condemned, known.destroys["m1"].stage.value) == (True, "blocked")
    welcome = await lab.agents.greeted("h1", hello("h1", record("m1")))
    assert welcome.condemned == ("m1",)
    await lab.agents.heard("h1", {"absent": ["m1"]})
    await story(lab, 1, h1=Outcome.OK, h2=Outcome.OK, h3=Outcome.OK)
    back = lab.watch.fleet()
    assert (back.hosts["h1"].life, back.hosts["h1"].status) == (Life.PROBATION, HostStatus.OK)
    assert (back.remediations["host_dead/h1"].outcome, back.destroys["m1"].open) == ("the host is back", False)
    await lab.ledger.close()


async def test_a_hold_is_recorded_once_and_shown_for_as_long_as_it_lasts(lab: Lab) -> None:
    await ground(lab)
    lab.dial.state = CLOSED
    await story(lab, 15, **DEAD)
    (hold,) = lab.loop.holds.values()
    assert (hold.action, hold.outcome, hold.reason) == ("recreate", DecisionOutcome.ASK, "GateClosed")
    written = [body for body in await lab.told("decision", "h1") if body["reason"] == "GateClosed"]
    assert [body["id"] for body in written] == [hold.id]
    assert lab.tally.decisions.count(("host_dead", "recreate", "ask")) == 1
    assert lab.driver.calls == []
    lab.dial.state = replace(CLOSED, open=True)
    await story(lab, 1, **DEAD)
    assert lab.loop.holds == {}
    assert [call.verb for call in lab.driver.calls] == ["create"]


async def test_no_gate_and_no_freeze_touches_a_status(lab: Lab) -> None:
    await ground(lab)
    lab.dial.state, lab.dial.stopped = CLOSED, "by anna: drill"
    await story(lab, 8, **DEAD)
    found = {name: each.status for name, each in lab.watch.fleet().hosts.items()}
    assert found == {"h1": HostStatus.UNREACHABLE, "h2": HostStatus.OK, "h3": HostStatus.OK}
    assert [hold.reason for hold in lab.loop.holds.values()] == ["Frozen"]
    assert lab.driver.calls == []


async def test_after_a_restart_nothing_is_done_twice() -> None:
    journal = MemoryJournal()
    lab = Lab(lambda asked: {"record": record(asked.machine)}, journal)
    await ground(lab)
    await story(lab, 8, **DEAD)
    reborn = Lab(lambda asked: {"record": record(asked.machine)}, journal)
    await reborn.loop.remember()
    assert [d.action for d in reborn.loop.recent] == [d.action for d in lab.loop.recent]
    reborn.clock.set(lab.clock.now())
    await story(reborn, 10, **DEAD)
    assert reborn.driver.calls == []
    assert len(reborn.watch.fleet().machines) == 2
    await lab.ledger.close()
    await reborn.ledger.close()


async def test_what_finds_no_room_becomes_a_demand() -> None:
    lab = Lab()
    await lab.put(
        host("h1"), host("h2", "r2", capacity=Capacity(8, 100, 0)), host("h3", cordoned="full"), machine("m1")
    )
    await story(lab, 8, **DEAD)
    (demand,) = lab.ledger.all(Demand).values()
    assert (demand.key, demand.region, demand.size) == ("web/m1", "arn", Capacity(1, 256, 0))
    assert [hold.reason for hold in lab.loop.holds.values()] == ["NoRoom"]
    # Its owner reads of it too, once.
    lost = lab.watch.fleet().machines["m1"]
    told = [event.text for event in lost.events if event.kind == "recovery"]
    assert told == ["no host in arn has room for it: it runs as soon as one has"]
    await lab.ledger.close()


async def test_in_shadow_nothing_is_sent_and_the_wish_is_recorded_once() -> None:
    lab = Lab(rules=policy(playbook(mode=Mode.SHADOW)))
    await ground(lab)
    await story(lab, 12, **DEAD)
    told = await lab.told("decision")
    assert {body["outcome"] for body in told} == {"shadow"}
    assert sorted(body["action"] for body in told) == ["mark_host_dead", "recreate"]
    assert lab.driver.calls == []
    assert lab.watch.fleet().operations == {}
    assert lab.watch.fleet().remediations == {}
    await lab.ledger.close()


class FullJournal(MemoryJournal):
    """A disk that is full for as long as a test says."""

    full = False

    def commit(self, rows: Sequence[Row], entries: Sequence[Entry]) -> None:
        if self.full:
            raise TransientError("journal: database or disk is full")
        super().commit(rows, entries)


async def test_what_cannot_be_written_is_not_sent_and_goes_on_when_there_is_room() -> None:
    journal = FullJournal()
    lab = Lab(lambda asked: {"record": record(asked.machine)}, journal)
    await ground(lab)
    lab.dial.state = CLOSED
    await story(lab, 5, **DEAD)
    journal.full = True
    lab.dial.state = replace(CLOSED, open=True)
    for _ in range(3):
        lab.wait(1)
        lab.probes(**DEAD)
        with pytest.raises(TransientError):
            await lab.tick()
    assert lab.driver.calls == []
    acts = [d for d in lab.loop.recent if d.action == "recreate" and d.outcome is DecisionOutcome.ACT]
    assert acts == []
    journal.full = False
    await story(lab, 1, **DEAD)
    assert len(lab.driver.calls) == 1
    acts = [d for d in lab.loop.recent if d.action == "recreate" and d.outcome is DecisionOutcome.ACT]
    assert [d.id for d in acts] == [e.id for e in journal.entries("decision", 9) if e.body["action"] == "recreate"][
        :1
    ]
    await lab.ledger.close()


async def test_a_hold_that_could_not_be_written_is_written_later() -> None:
    journal = FullJournal()
    lab = Lab(None, journal)
    await ground(lab)
    lab.dial.state = CLOSED
    for second in range(10):
        lab.wait(1)
        lab.probes(**DEAD)
        journal.full = second in (3, 4, 5, 6)
        if journal.full:
            with pytest.raises(TransientError):
                await lab.tick()
        else:
            await lab.tick()
    assert "GateClosed" in {body["reason"] for body in await lab.told("decision", "h1")}
    await lab.ledger.close()


async def test_a_tick_that_fails_is_told_and_followed_by_the_next() -> None:
    journal = FullJournal()
    lab = Lab(None, journal)
    await lab.put(host("h1"))
    journal.full = True
    lab.probes(h1=Outcome.SILENT)
    running = asyncio.create_task(lab.loop.run(lab.dial))
    async with asyncio.timeout(5):
        while not lab.loop.trouble:  # noqa: ASYNC110 - a plain attribute that readers poll too
            await asyncio.sleep(0.01)
        assert lab.loop.trouble == "journal: database or disk is full"
        journal.full = False
        lab.watch.wake()
        while lab.loop.trouble:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert lab.tally.ticks >= 2
    await lab.ledger.close()
