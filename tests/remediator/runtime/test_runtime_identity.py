"""Another identity under a known name: turned away and remembered, until a person says what it is."""

from dataclasses import replace

import pytest

from remediator.engine.evidence.identity import CLAIMED, Word, answered
from remediator.engine.machines.refusals import Refused
from remediator.model.asks import JoinAsk
from remediator.model.enrolment import Enrolment, JoinToken
from remediator.model.errors import PermanentError
from remediator.model.evidence import Outcome
from remediator.model.host import Host, Identity, Life
from remediator.model.machine import Machine, MachineState
from remediator.model.request import Destroy, DestroyStage
from remediator.runtime.agents.enrol import Enrolments
from remediator.runtime.agents.enrol import Identity as OurIdentity
from remediator.runtime.effects.fencing import lift
from tests.remediator.builders import NOON, destroy, host, machine
from tests.remediator.runtime.lab import Lab, hello, record

OLD = Identity("u-old", "", "d-h1")
# What a hello of the lab tells.
OTHER = Identity("u-h1", "", "d-h1")


def h1(lab: Lab) -> Host:
    return lab.ledger.all(Host)["h1"]


@pytest.fixture
async def door(lab: Lab) -> Lab:
    """h1 is known and well; a server with another chassis has greeted under its name."""
    await lab.put(host(identity=OLD), machine(), destroy("m9"), machine("m9", state=MachineState.DESTROYING))
    lab.probes(h1=Outcome.OK)
    await lab.settle()
    with pytest.raises(PermanentError, match=r"another identity \(chassis\)"):
        await lab.agents.greeted("h1", hello("h1", record("m1"), boot="other"))
    return lab


async def test_it_is_cordoned_and_its_own_evidence_goes_on(door: Lab) -> None:
    assert (h1(door).identity, h1(door).identity_claim, h1(door).claimed_at) == (OLD, OTHER, NOON)
    assert (h1(door).cordoned, h1(door).takes_work, h1(door).life) == (CLAIMED, False, Life.HEALTHY)
    assert (h1(door).boot_id, h1(door).epoch) == ("boot-h1", 1)
    # The next tries write nothing more.
    before = door.ledger.sequence
    with pytest.raises(PermanentError):
        await door.agents.greeted("h1", hello("h1", boot="other"))
    assert door.ledger.sequence == before
    assert len(await door.told("claimed", "h1")) == 1


async def test_the_one_that_is_known_goes_on_talking(door: Lab) -> None:
    known = hello("h1", record("m1"), identity={"uuid": "u-old", "agent_key": "", "data_id": "d-h1"})
    assert (await door.agents.greeted("h1", known)).epoch == 1
    assert h1(door).cordoned == CLAIMED
    assert h1(door).identity_claim == OTHER


async def test_names_are_exact(door: Lab) -> None:
    await door.agents.greeted("h10", hello("h10"))
    assert door.ledger.all(Host)["h10"].identity_claim is None
    assert h1(door).identity_claim == OTHER


@pytest.mark.parametrize("word", list(Word))
async def test_after_a_persons_word_it_is_let_in_as_one_that_returns(door: Lab, word: Word) -> None:
    await door.put(answered(h1(door), word, "ada", NOON))
    welcome = await door.agents.greeted("h1", hello("h1", record("m1"), boot="other"))
    assert (h1(door).life, h1(door).epoch, welcome.epoch) == (Life.RETURNING, 2, 2)
    assert (h1(door).identity, h1(door).cordoned) == (OTHER, "")
    # What was queued ended: the one that is h1 now does not have it.
    assert door.ledger.all(Destroy)["m9"].stage is DestroyStage.VERIFIED_ABSENT
    with pytest.raises(PermanentError, match="another identity"):
        await door.agents.greeted("h1", hello("h1", identity={"uuid": "u-old", "agent_key": "", "data_id": "d-h1"}))


async def test_without_a_word_no_destroy_ends_by_another_identity(door: Lab) -> None:
    assert door.ledger.all(Destroy)["m9"].open
    assert door.ledger.all(Machine)["m1"].state is MachineState.STARTED


async def test_a_field_that_it_cannot_read_is_no_other_identity(lab: Lab) -> None:
    await lab.put(host(identity=OTHER))
    await lab.agents.greeted("h1", hello("h1", identity={"uuid": "", "agent_key": "", "data_id": ""}))
    assert (h1(lab).identity, h1(lab).identity_claim) == (OTHER, None)


async def test_a_retired_name_is_begun_anew_by_another_server(lab: Lab) -> None:
    await lab.put(host(identity=OLD, life=Life.RETIRED, epoch=4, cordoned="by hand"))
    assert (await lab.agents.greeted("h1", hello("h1"))).epoch == 5
    assert (h1(lab).life, h1(lab).identity, h1(lab).cordoned) == (Life.HEALTHY, OTHER, "")
    await lab.put(replace(h1(lab), life=Life.RETIRED))
    await lab.agents.greeted("h1", hello("h1"))
    assert h1(lab).life is Life.RETIRED


async def test_who_has_the_name_of_one_that_was_cut_off_is_let_go_before_it_takes_work(lab: Lab) -> None:
    await lab.put(host(identity=OLD, life=Life.RETIRED, epoch=4, cut_off_in=4))
    await lab.agents.greeted("h1", hello("h1"))
    assert (h1(lab).life, h1(lab).let_go_due, h1(lab).takes_work) == (Life.HEALTHY, True, False)
    async with lab.ledger.writing() as draft:
        lift(lab.watch.fleet(), draft, lab.clock.now())
    await lab.send()
    assert (h1(lab).cut_off_in, h1(lab).takes_work) == (0, True)


async def test_other_keys_may_join_once_a_person_has_said_replaced(lab: Lab) -> None:
    enrolments = Enrolments(lab.ledger, OurIdentity({"box_key": "ours"}, "", b"secret"), lab.clock)

    async def asking(keys: str) -> JoinAsk:
        token = await enrolments.mint("h1")
        return JoinAsk(token, "agent", "h1", "arn", "r1", f"verify{keys}", f"box{keys}", {"uuid": "u-2"})

    await enrolments.join(await asking(""))
    await lab.put(host(identity=Identity("u-1", "verify", "d-1")))
    newcomer = await asking("-2")
    with pytest.raises(Refused, match="replaced or retired"):
        await enrolments.join(newcomer)
    assert h1(lab).identity_claim == Identity("u-2", "verify-2", "")
    assert h1(lab).cordoned == CLAIMED
    assert len([token for token in lab.ledger.all(JoinToken).values() if not token.used_by]) == 1
    await lab.put(answered(h1(lab), Word.REPLACED, "ada", NOON))
    assert (await enrolments.join(newcomer))["box_key"] == "ours"
    assert lab.ledger.all(Enrolment)["agent/h1"].verify_key == "verify-2"
    # Nobody else is let in by that word.
    with pytest.raises(Refused):
        await enrolments.join(await asking("-3"))
