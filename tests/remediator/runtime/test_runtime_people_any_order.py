"""Words in any order: each is refused and changes nothing, or is heard once however often it is said."""

import asyncio
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from remediator.engine.machines.refusals import Refused
from remediator.model.errors import BadInput
from remediator.model.host import Host, Life
from remediator.model.incident import Incident
from remediator.model.machine import Machine, Recovery
from remediator.model.people import Answer, Approval, OperatorHold, Scope
from remediator.model.request import Destroy, DestroyStage
from remediator.model.said import (
    Approve,
    Deny,
    EndMaintenance,
    Keep,
    LetGo,
    Maintain,
    Remove,
    Retire,
    Said,
    Undo,
    Unkeep,
    Unquarantine,
    Word,
)
from remediator.runtime.people.spoken import People
from tests.remediator.builders import NOON, dead, destroy, host, machine, playbook, remediation, volume
from tests.remediator.runtime.lab import Lab

HOUR = timedelta(hours=1)
HOSTS = st.sampled_from(["h1", "h2", "h3", "h4"])
SCOPES = st.sampled_from(list(Scope))
NAMES = st.sampled_from(["h1", "web", "m1", "host_dead", "r1", "arn", "", "nobody"])
WORDS: st.SearchStrategy[Word] = st.one_of(
    st.builds(Approve, st.sampled_from(["q1", "h1", "nobody"])),
    st.builds(Deny, st.sampled_from(["q1", "h1"])),
    st.builds(Keep, SCOPES, NAMES),
    st.builds(Unkeep, SCOPES, NAMES),
    st.builds(LetGo, st.tuples(HOSTS), st.sampled_from(["", "host_dead"]), st.sampled_from(["", "i1"])),
    st.builds(Maintain, st.tuples(HOSTS)),
    st.builds(EndMaintenance, st.tuples(HOSTS)),
    st.builds(Retire, HOSTS, st.sampled_from(["wiped", "destroyed"]), st.booleans()),
    st.builds(Remove, HOSTS, st.booleans()),
    st.builds(Undo, st.sampled_from(["host_dead", "nobody"]), HOSTS),
    st.builds(Unquarantine, st.sampled_from(["m1", "web", "nobody"])),
)
STEPS = st.lists(st.tuples(WORDS, st.sampled_from([0.0, 0.5, 4000.0])), min_size=1, max_size=8)


async def fleet_of() -> Lab:
    lab = Lab()
    asked = Approval("q1", "host_dead", "h1", "recreate", NOON, NOON + HOUR, "hold_and_page", "may I?")
    hosts = [dead("h1"), host("h2", "r2"), host("h3", "r3", joined=False), dead("h4", "r4")]
    placed = machine("m2", "h4", recovery=Recovery.PLACED, replaced_by="m3")
    rows = [machine("m1", "h2", quarantined="it kills"), placed, machine("m3", "h2", replaces="m2")]
    lost = [machine("m4"), machine("m5", "h4"), destroy("m5", "h4", stage=DestroyStage.BLOCKED), volume("v1")]
    incident = Incident("i1", "rack", "r1", NOON, ("h1", "h4"))
    await lab.put(asked, *hosts, *rows, *lost, incident, remediation("h4", "recreate"))
    return lab


async def said_twice(people: People, lab: Lab, word: Word) -> None:
    said = Said(word, "ada", "because", NOON + 3 * HOUR)
    before = lab.ledger.sequence
    try:
        first = await people.hear(said)
    except (BadInput, Refused):
        assert lab.ledger.sequence == before
        return
    assert (lab.ledger.sequence > before) == first.changed
    after = lab.ledger.sequence
    try:
        second = await people.hear(said)
    except Refused:
        # Such as a question that was asked by this very word's target, and is over.
        assert lab.ledger.sequence == after
    else:
        assert not second.changed


def sound(lab: Lab) -> None:
    for row in lab.ledger.all(Host).values():
        assert row.life is not Life.RETIRED or row.attested
        if row.attested in ("wiped", "destroyed"):
            open_ones = [each for each in lab.ledger.all(Destroy).values() if each.host == row.name and each.open]
            assert open_ones == []
        if row.life is Life.RETIRED:
            assert not [each for each in lab.ledger.all(Machine).values() if each.host == row.name and each.alive]
    assert all(hold.until > hold.since for hold in lab.ledger.all(OperatorHold).values())
    assert {each.answer for each in lab.ledger.all(Approval).values()} <= set(Answer)


async def played(steps: list[tuple[Word, float]]) -> None:
    lab = await fleet_of()
    people = People(lab.ledger, lab.watch, lambda: {"host_dead": playbook()}, lab.clock)
    for word, wait in steps:
        lab.wait(wait)
        await said_twice(people, lab, word)
        sound(lab)
        await lab.settle()
        sound(lab)
    await lab.outbox.close()
    await lab.ledger.close()


@settings(max_examples=40)
@given(STEPS)
def test_words_in_any_order_leave_the_fleet_sound(steps: list[tuple[Word, float]]) -> None:
    asyncio.run(played(steps))
