"""A standby at work on rows: started, found serving, stopped when it is needed no more; whatever fails on the way."""

from dataclasses import replace
from typing import Any

import pytest

from remediator.actions.effects import StandIn
from remediator.engine.machines.refusals import Refused
from remediator.model.asks import LaunchAsk, VerbAsk
from remediator.model.errors import PermanentError
from remediator.model.fleet import routable
from remediator.model.host import Host, Life
from remediator.model.machine import Machine, MachineState, Recovery
from remediator.model.request import Operation, Origin
from remediator.runtime.effects import written
from tests.remediator.builders import dead, host, machine
from tests.remediator.runtime.lab import Lab, record
from tests.remediator.runtime.test_runtime_replacing import done

S = MachineState
CONFIG = {"guest": {"cpus": 1, "memory_mb": 256}, "standbys": ["m1"]}
LOST = machine("m1", recovery=Recovery.NONE, sealed=None)
IDLE = machine("s1", "h2", state=S.STOPPED, config=CONFIG)
BEGUN = StandIn("m1", "s1", 1)


class Agents:
    """Do what they are told; ``fails`` is raised instead."""

    fails: Exception | None = None

    def __call__(self, asked: Operation) -> dict[str, Any]:
        if self.fails is not None:
            raise self.fails
        if asked.verb == "destroy":
            return {"absent": True}
        state = "stopped" if asked.verb == "stop" or not asked.args.get("start", True) else "started"
        return {"record": record(asked.machine, state, scrubbed=CONFIG)}


async def begun(agents: Agents | None = None) -> Lab:
    lab = Lab(agents or Agents())
    await lab.enrol("h1", "h2", "h3")
    await lab.put(dead("h1"), host("h2", "r2"), host("h3", "r3"), LOST, IDLE)
    async with lab.ledger.writing() as draft:
        written.write(BEGUN, draft, "d1", lab.clock.now())
    return lab


def row(lab: Lab, name: str) -> Machine:
    found = lab.ledger.get(Machine, name)
    assert found is not None
    return found


def told(lab: Lab, name: str) -> tuple[str, str]:
    return row(lab, name).recovery.value, row(lab, name).recovery_reason


async def back(lab: Lab, state: MachineState = S.STARTED) -> None:
    """The original's host is let in again."""
    await lab.put(host("h1", life=Life.PROBATION), replace(row(lab, "m1"), state=state))
    await lab.settle()


async def test_it_is_started_serves_and_says_so_on_both() -> None:
    lab = await begun()
    assert told(lab, "m1") == ("placed", "its standby s1 on h2 is being started")
    await lab.send("h2")
    await lab.settle()
    assert told(lab, "m1") == ("serving", "its standby s1 on h2 stands in")
    mine = row(lab, "s1")
    assert (mine.state, mine.standing_for) == (S.STARTED, "m1")
    assert ("standby", "stands in for m1, whose host h1 is lost") in [(each.kind, each.text) for each in mine.events]
    assert routable(mine, lab.ledger.get(Host, "h2"))
    await lab.ledger.close()


async def test_it_has_no_traffic_from_the_instant_in_which_its_original_serves_and_is_stopped() -> None:
    lab = await begun()
    await lab.send("h2")
    await lab.settle()
    await back(lab, S.STARTING)
    assert row(lab, "s1").standing_for == "m1"
    await back(lab)
    mine, original = row(lab, "s1"), row(lab, "m1")
    assert (mine.standing_for, mine.stepping_down, routable(mine, lab.ledger.get(Host, "h2"))) == ("", True, False)
    assert routable(original, lab.ledger.get(Host, "h1"))
    # Whatever its agent tells until then.
    await lab.agents.heard("h2", {"machines": [record("s1", "started", scrubbed=CONFIG)]})
    assert not routable(row(lab, "s1"), lab.ledger.get(Host, "h2"))
    await lab.send("h1", "h2")
    assert (row(lab, "s1").state, row(lab, "s1").stepping_down) == (S.STOPPED, False)
    assert [(call.verb, call.origin) for call in lab.driver.calls] == [
        ("start", Origin.AUTOMATIC),
        ("stop", Origin.AUTOMATIC),
    ]
    await lab.ledger.close()


@pytest.mark.parametrize("why", ["refuses", "dies"])
async def test_one_that_does_not_start_leaves_its_original_to_another(why: str) -> None:
    agents = Agents()
    agents.fails = PermanentError("no such program")
    lab = await begun(agents)
    if why == "dies":
        await lab.put(dead("h2", "r2"))
        await lab.settle()
    else:
        await lab.send("h2")
    stage, reason = told(lab, "m1")
    assert stage == "none"
    assert ("s1 is lost too" if why == "dies" else "no such program") in reason
    assert (row(lab, "s1").standing_for, row(lab, "s1").stepping_down) == ("", True)
    waiting = [each.verb for each in lab.ledger.all(Operation).values() if each.open]
    assert waiting == ["stop"]
    await lab.ledger.close()


async def test_destroyed_while_it_stands_in_its_original_is_recovered_otherwise() -> None:
    lab = await begun()
    await lab.send("h2")
    await lab.settle()
    await lab.requests.destroy_machine("s1", force=True, origin=Origin.OWNER, who="anna")
    await lab.settle()
    assert (told(lab, "m1"), row(lab, "s1").standing_for) == (("none", "its standby was destroyed"), "")
    await lab.ledger.close()


async def test_its_original_destroyed_it_serves_on_and_what_its_owner_does_then_counts() -> None:
    lab = await begun()
    await lab.send("h2")
    await lab.requests.destroy_machine("m1", force=True, origin=Origin.OWNER, who="anna")
    await lab.settle()
    assert (row(lab, "s1").standing_for, row(lab, "s1").state) == ("m1", S.STARTED)
    await lab.put(replace(row(lab, "s1"), stepping_down=True))
    await done(lab, lab.life.run(VerbAsk("s1", "restart")))
    assert not row(lab, "s1").stepping_down
    await lab.ledger.close()


async def test_a_standby_is_made_away_from_whom_it_stands_by_for_or_says_so() -> None:
    lab = Lab(Agents())
    await lab.enrol("h1", "h2")
    await lab.put(host("h1"), host("h2", "r2"), machine("m1", "h1"), machine("m2", "h2"), machine("m3", "h2"))
    ask = LaunchAsk("web", CONFIG, region="arn", start=False)
    made = await done(lab, lab.requests.create_machine(ask))
    # More of its app are there, but not the one that it is for.
    assert (made.host, made.state, lab.driver.calls[0].args["start"]) == ("h2", S.STOPPED, False)
    both = {**CONFIG, "standbys": ["m1", "m2"]}
    beside = await done(lab, lab.requests.create_machine(replace(ask, config=both)))
    texts = [event.text for event in row(lab, beside.id).events]
    assert any("for which it stands by: no other has room" in text for text in texts)
    for unknown, app in (("m9", "web"), ("m1", "other")):
        with pytest.raises(Refused, match=f"{unknown}, which it is to stand by for, is not in app {app}"):
            await lab.requests.create_machine(replace(ask, app=app, config={**CONFIG, "standbys": [unknown]}))
    await lab.ledger.close()
