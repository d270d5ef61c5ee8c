"""Questions, records and maintenances as the loop writes them: rows in its own transaction, entries for people."""

from dataclasses import replace
from datetime import timedelta

from remediator.actions.effects import MarkAlive, Quarantine
from remediator.engine.guards.effectiveness import noted
from remediator.model.evidence import Outcome
from remediator.model.host import Host
from remediator.model.machine import Machine, Recovery
from remediator.model.people import Answer, Approval
from remediator.model.policy import Effectiveness, Verify
from remediator.model.record import Record
from remediator.runtime.effects import written as effects
from tests.remediator.builders import CLOSED, NOON, OPEN, SECOND, host, machine, playbook, policy
from tests.remediator.runtime.lab import Lab

DEAD = {"h1": Outcome.SILENT, "h2": Outcome.OK, "h3": Outcome.OK}
KEY = "host_dead/h1/recreate"


async def story(lab: Lab, seconds: int, **outcomes: Outcome) -> None:
    """A tick a second, in which every vantage reports that of each host."""
    for _ in range(seconds):
        lab.wait(1)
        lab.probes(**outcomes)
        await lab.tick()


async def ground(lab: Lab) -> None:
    await lab.enrol("h1", "h2", "h3")
    await lab.put(host("h1"), host("h2", "r2"), host("h3", "r3"), machine("m1"))
    lab.dial.state = CLOSED
    await story(lab, 3, h1=Outcome.OK, h2=Outcome.OK, h3=Outcome.OK)
    await story(lab, 8, **DEAD)


async def asked(lab: Lab) -> list[str]:
    return [body["answer"] for body in await lab.told("question", "h1")]


async def test_a_question_is_a_row_and_an_entry_and_approved_it_is_acted_on_once(lab: Lab) -> None:
    await ground(lab)
    row = lab.ledger.get(Approval, KEY)
    assert row is not None
    assert (row.answer, row.verdict, row.effects) == (Answer.ASKED, "dead", ("recreate:m1:I-m1:1",))
    assert await asked(lab) == ["asked"]
    assert lab.driver.calls == []
    await lab.put(replace(row, answer=Answer.APPROVED, answered_at=lab.clock.now(), by="anna", why="it is gone"))
    await story(lab, 1, **DEAD)
    assert [call.verb for call in lab.driver.calls] == ["create"]
    await story(lab, 3, **DEAD)
    assert [call.verb for call in lab.driver.calls] == ["create"]


async def test_a_decision_is_kept_with_digests_of_its_rules_and_of_the_hosts(lab: Lab) -> None:
    await ground(lab)
    before = [(body["facts"]["policy"], body["facts"]["topology"]) for body in await lab.told("decision", "h1")]
    assert len(set(before)) == 1
    await lab.put(host("h4", "r4"))
    lab.dial.state = OPEN
    await story(lab, 1, **DEAD)
    last = (await lab.told("decision", "h1"))[-1]["facts"]
    assert (last["policy"], last["topology"] == before[0][1]) == (before[0][0], False)


async def test_an_answer_to_a_host_that_is_back_is_void(lab: Lab) -> None:
    await ground(lab)
    row = lab.ledger.get(Approval, KEY)
    assert row is not None
    await lab.put(replace(row, answer=Answer.APPROVED, answered_at=lab.clock.now(), by="anna"))
    await story(lab, 2, h1=Outcome.OK, h2=Outcome.OK, h3=Outcome.OK)
    void = lab.ledger.get(Approval, KEY)
    assert void is not None
    assert void.answer is Answer.VOID
    assert (await asked(lab))[-1] == "void"
    assert lab.driver.calls == []


async def test_a_playbook_that_falls_says_so_once() -> None:
    book = replace(playbook(), effectiveness=Effectiveness(last=2, at_least=0.9))
    book = replace(book, verify=Verify(timedelta(seconds=2), ("held",)))
    lab = Lab(rules=policy(book))
    await lab.put(noted(None, book, "h9", NOON, succeeded=False))
    await ground(lab)
    kept = lab.ledger.get(Record, "host_dead")
    assert kept is not None
    assert [(result.target, result.succeeded) for result in kept.results] == [("h1", False), ("h9", False)]
    told = "0 of its last 2 remediations helped, 90% must: it asks before each act"
    assert await lab.told("ineffective", "host_dead") == [{"text": told}]
    await story(lab, 3, **DEAD)
    assert len(await lab.told("ineffective")) == 1
    await lab.ledger.close()


async def test_a_maintenance_that_ended_is_taken_off_once_the_host_was_seen_healthy(lab: Lab) -> None:
    await lab.enrol("h1", "h2", "h3")
    until = NOON + 5 * SECOND
    await lab.put(host("h1", maintenance_until=until, maintenance_by="anna"), host("h2", "r2"), host("h3", "r3"))
    await story(lab, 4, h1=Outcome.OK, h2=Outcome.OK, h3=Outcome.OK)
    during = lab.ledger.get(Host, "h1")
    assert during is not None
    assert during.maintenance_until == until
    await story(lab, 2, h1=Outcome.OK, h2=Outcome.OK, h3=Outcome.OK)
    after = lab.ledger.get(Host, "h1")
    assert after is not None
    assert (after.maintenance_until, after.maintenance_by) == (None, "")
    assert len(await lab.told("maintenance", "h1")) == 1


async def test_quarantine_stands_on_the_machine_and_in_the_journal(lab: Lab) -> None:
    await lab.put(machine("m1"))
    async with lab.ledger.writing() as draft:
        effects.write(Quarantine("m1", "it kills"), draft, "d1", NOON)
        effects.write(MarkAlive("h1"), draft, "d2", NOON)
    kept = lab.ledger.get(Machine, "m1")
    assert kept is not None
    assert (kept.quarantined, kept.recovery, kept.events[0].kind) == ("it kills", Recovery.HELD, "quarantine")
    assert await lab.told("quarantine", "m1") == [{"why": "it kills", "decision": "d1"}]
    assert await lab.told("host_alive", "h1") == [{"decision": "d2"}]
