"""A restored copy of the journal: nothing is sent or destroyed while agents are ahead, and what accepting does."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from nacl.signing import SigningKey

from remediator.actions.effects import Provision
from remediator.model.enrolment import Term
from remediator.model.errors import PermanentError
from remediator.model.fleet import routable
from remediator.model.host import Capacity, Host
from remediator.model.loan import Loan, LoanStage
from remediator.model.machine import Machine, MachineState, Recovery, Volume
from remediator.model.policy import Limits
from remediator.model.request import Destroy, DestroyStage, Migration, MigrationStage, Operation, Origin, Stage
from remediator.runtime.agents.sworn import Sworn
from remediator.runtime.effects.written import write
from remediator.runtime.leading.beginning import begin_term
from remediator.runtime.rewound import DOUBT, Rewound
from remediator.wire.statements import Ceilings, check_command, check_welcome, read_document, sign
from tests.remediator.builders import NOON, SECOND, dead, destroy, host, machine, operation, volume
from tests.remediator.runtime.lab import Lab, hello, record

KEY = SigningKey.generate()
AHEAD: dict[str, Any] = {"highest": ["2026-01-01T00:00:00+00:00-aa", 9, 4], "began": "today", "epoch": 4}


async def wired(lab: Lab) -> Rewound:
    """The parts as the composition root joins them; the journal holds term 5 of the agents' incarnation."""
    await lab.put(Term("2026-01-01T00:00:00+00:00-aa", 4, NOON))
    rewound = Rewound(lab.ledger, await begin_term(lab.ledger, lab.clock), lab.clock)
    await rewound.remember()
    lab.agents.renew(rewound.term)
    lab.agents.rewound, lab.watch.doubts = rewound, rewound.doubts
    lab.agents.sworn = Sworn(KEY, lab.ledger, Limits(), timedelta(seconds=30), lab.clock)
    rewound.renewed.append(lab.agents.renew)
    return rewound


async def test_an_agent_that_heard_more_stops_all_that_changes_anything(lab: Lab) -> None:
    rewound = await wired(lab)
    await lab.put(machine("m1"), host("h1", boot_id="boot-h1"), destroy("m1", origin=Origin.OWNER), operation("k1"))
    welcome = await lab.agents.greeted("h1", hello("h1", record("m1"), **AHEAD))
    assert rewound.reason == "agent h1 is ahead of our journal: it has heard term 9, ours is 5"
    assert (welcome.condemned, welcome.epoch) == ((), 4)
    for _ in range(3):
        await lab.tick()
    assert lab.driver.calls == []
    held = lab.ledger.all(Operation)["k1"]
    assert (held.stage, lab.watch.fleet().doubts[DOUBT]) == (Stage.WRITTEN, rewound.reason)


async def test_it_stays_so_across_starts_until_accepted(lab: Lab) -> None:
    rewound = await wired(lab)
    await lab.agents.greeted("h1", hello("h1", **AHEAD))
    again = Rewound(lab.ledger, await begin_term(lab.ledger, lab.clock), lab.clock)
    assert again.reason == rewound.reason
    assert again.told_people()[0].startswith("rewound: agent h1 is ahead")


async def test_the_gap_has_both_sides(lab: Lab) -> None:
    rewound = await wired(lab)
    await lab.put(host("h1"), host("h2"), host("h3"), machine("kept"), machine("gone"), machine("moved", on="h2"))
    told = [record("kept"), record("made"), record("moved")]
    volume = {"id": "v9", "app": "db", "name": "data", "size_mb": 64, "machine": "made", "used_bytes": 1}
    await lab.agents.greeted("h1", hello("h1", *told, volumes=[volume], **AHEAD))
    gap = rewound.gap()
    assert [each.id for each in gap.unknown] == ["made"]
    assert [(each.id, each.told, each.known) for each in gap.elsewhere] == [("moved", "h1", "h2")]
    assert [each.id for each in gap.missing] == ["gone"]
    assert [each.id for each in gap.volumes] == ["v9"]
    assert (gap.ahead[0].term, gap.silent) == (9, ("h2", "h3"))
    # Adopted and held: nothing of it is ours until somebody says so.
    assert lab.ledger.all(Machine)["made"].adopted
    assert lab.ledger.all(Machine)["gone"].state is MachineState.STARTED
    await lab.agents.heard("h1", {"machines": [record("later")], "absent": ["made"]})
    assert [each.id for each in rewound.gap().unknown] == ["later"]


async def test_accepting_takes_the_agents_word_and_begins_anew(lab: Lab) -> None:
    rewound = await wired(lab)
    hung_up: list[str] = []
    rewound.hang_up = lambda: hung_up.append("all")
    moving = Migration("g1", "kept", "web", "h1", "h2", NOON, "drain")
    await lab.put(host("h1"), host("h2"), machine("kept"), machine("gone"), machine("moved", on="h2"), moving)
    lab.wait(1)
    since = operation("asked-since", written_at=lab.clock.now())
    await lab.put(operation("k1", written_at=NOON - SECOND), since, destroy("kept", stage=DestroyStage.BLOCKED))
    volume = {"id": "v9", "app": "db", "name": "data", "size_mb": 64, "machine": "made"}
    told = hello("h1", record("kept"), record("made"), record("moved"), volumes=[volume], **AHEAD)
    await lab.agents.greeted("h1", told)
    with pytest.raises(PermanentError, match="1 hosts have not told what they hold: h2"):
        await rewound.accept("ada", "the disk failed")
    gap = await rewound.accept("ada", "the disk failed", silent=1)
    machines = lab.ledger.all(Machine)
    assert (gap.forgotten, gap.destroys) == (("k1",), ("kept",))
    assert (machines["made"].adopted, machines["moved"].host) == (False, "h1")
    assert machines["gone"].state is MachineState.FAILED
    assert lab.ledger.all(Volume)["v9"].host == "h1"
    stages = {key: each.stage for key, each in lab.ledger.all(Operation).items()}
    assert stages == {"k1": Stage.FAILED, "asked-since": Stage.WRITTEN}
    assert lab.ledger.all(Migration)["g1"].stage is MigrationStage.STUCK
    assert (rewound.reason, hung_up, rewound.term.number) == ("", ["all", "all"], 1)
    assert rewound.term.incarnation > "2026-01-01T00:00:00+00:00-aa"
    assert (await lab.told("people"))[-1]["by"] == "ada"
    # The agent takes the new incarnation for the younger one, and the destroy that stood is carried out.
    welcome = await lab.agents.greeted("h1", told)
    assert (welcome.incarnation, welcome.term, welcome.condemned) == (rewound.term.incarnation, 1, ("kept",))
    with pytest.raises(PermanentError, match="nothing to accept"):
        await rewound.accept("ada", "again", silent=9)


async def test_who_was_lent_is_not_asked_back_on_the_word_of_an_older_copy(lab: Lab) -> None:
    """One that the copy awaits may have joined since, and works; its name is never given to another."""
    rewound = await wired(lab)
    lent = Loan("arn-burst1-1", "arn", "b1", NOON)
    idle = replace(lent, host="h1", stage=LoanStage.JOINED, joined_at=NOON, idle_since=NOON)
    going = replace(idle, host="h2", stage=LoanStage.CLOSING, by="burst_over")
    await lab.put(host("h1"), host("h2", cordoned="burst_over"), lent, idle, going)
    await lab.agents.greeted("h1", hello("h1", **AHEAD))
    await rewound.accept("ada", "the disk failed", silent=1)
    loans = lab.ledger.all(Loan)
    assert set(loans) == {"h1", "h2"}
    assert loans["h1"].idle_since is None
    assert (loans["h2"].stage, loans["h2"].uncertain) == (LoanStage.STUCK, True)
    async with lab.ledger.writing() as draft:
        write(Provision("arn", 1, Capacity(1, 1, 1), (), 1), draft, "d1", NOON)
    (name,) = set(lab.ledger.all(Loan)) - {"h1", "h2"}
    assert name == f"arn-burst1-{rewound.term.incarnation.rpartition('-')[2]}-1"


async def test_who_greets_in_an_awaited_name_and_is_not_enrolled_is_noticed(lab: Lab) -> None:
    over = Loan("arn-burst2-1", "arn", "b2", NOON, LoanStage.RETURNED)
    await lab.put(Loan("arn-burst1-1", "arn", "b1", NOON), over)
    assert lab.agents.key_of("arn-burst1-1") is None
    assert lab.agents.key_of("arn-burst2-1") is None
    assert lab.agents.key_of("whoever") is None
    assert lab.watch.fleet().strangers == {"arn-burst1-1"}


async def test_what_is_taken_over_takes_the_place_of_the_lost_one_of_its_name(lab: Lab) -> None:
    rewound = await wired(lab)
    lost = machine("m1", name="w", volumes=("v1",))
    await lab.put(dead("h1"), host("h2"), host("h3"), lost, volume("v1"), machine("m2", on="h2", name="x"))
    copy = {"id": "v9", "app": "web", "name": "data", "size_mb": 64, "machine": "made"}
    made = {**record("made"), "name": "w", "volumes": ["v9"]}
    beside = {**record("beside"), "name": "x"}
    await lab.agents.greeted("h2", hello("h2", record("m2"), **AHEAD))
    await lab.agents.greeted(
        "h3", hello("h3", made, {**record("third"), "name": "w"}, beside, volumes=[copy], **AHEAD)
    )
    await rewound.accept("ada", "the disk failed", silent=1)
    machines = lab.ledger.all(Machine)
    assert (machines["made"].replaces, machines["made"].adopted) == ("m1", False)
    assert (machines["m1"].replaced_by, machines["m1"].recovery) == ("made", Recovery.SERVING)
    assert lab.ledger.all(Volume)["v1"].superseded_by == "v9"
    # Never two of one name: a third of it, and one beside a machine that stands, stay held.
    assert (machines["third"].adopted, machines["beside"].adopted) == (True, True)
    assert machines["beside"].events[0].text == "stays held: m2 on h2 has the same app and name, and stands"


@pytest.mark.parametrize(("state", "boot", "ours"), [("stopped", "new", True), ("stopped", "boot-h1", False),
                                                      ("started", "new", False)])  # fmt: skip
async def test_a_writer_that_waits_since_its_host_is_back_gives_way_to_the_copy_that_runs(
    lab: Lab, state: str, boot: str, ours: bool
) -> None:
    """Never two of them mounted: the one of two histories stays that is being written."""
    rewound = await wired(lab)
    original = machine("m1", name="w", volumes=("v1",))
    await lab.put(host("h1", boot_id="boot-h1"), host("h2"), original, volume("v1"))
    copy = {"id": "v9", "app": "db", "name": "data", "size_mb": 64, "machine": "made"}
    made = record("made", name="w", volumes=["v9"])
    await lab.agents.greeted("h2", hello("h2", made, volumes=[copy], **AHEAD))
    told = hello("h1", record("m1", state, name="w", volumes=["v1"]), boot=boot)
    assert not (await lab.agents.greeted("h1", told)).admit
    await rewound.accept("ada", "the disk failed")
    machines = lab.ledger.all(Machine)
    assert (machines["made"].adopted, machines["m1"].recovery is Recovery.SERVING) == (not ours, ours)
    again = await lab.agents.greeted("h1", told)
    assert (again.admit, again.condemned) == (True, ("m1",) if ours else ())


async def test_one_that_moved_and_was_replaced_is_held_beside_its_replacement(lab: Lab) -> None:
    rewound = await wired(lab)
    moved = machine("m1", name="w", recovery=Recovery.SERVING, replaced_by="m2")
    await lab.put(dead("h1"), host("h2"), host("h3"), moved, machine("m2", on="h2", name="w", replaces="m1"))
    await lab.agents.greeted("h2", hello("h2", {**record("m2"), "name": "w"}, **AHEAD))
    await lab.agents.greeted("h3", hello("h3", {**record("m1"), "name": "w"}, **AHEAD))
    await rewound.accept("ada", "the disk failed", silent=1)
    known = lab.watch.fleet()
    assert (known.machines["m1"].host, known.machines["m1"].adopted) == ("h3", True)
    assert [each.id for each in known.machines.values() if routable(each, known.hosts[each.host])] == ["m2"]


async def test_a_destroy_follows_its_machine_to_where_it_runs(lab: Lab) -> None:
    """Else it would wait for ever for a host that never had it."""
    rewound = await wired(lab)
    doomed = machine("m1", state=MachineState.DESTROYING, condemned_at=NOON)
    asked = destroy("m1", origin=Origin.OWNER, stage=DestroyStage.SENT, epoch=1)
    await lab.put(host("h1"), host("h2"), doomed, asked)
    for name, held in (("h1", ()), ("h2", (record("m1"),))):
        await lab.agents.greeted(name, hello(name, *held, **AHEAD))
    await rewound.accept("ada", "the disk failed")
    assert (await lab.agents.greeted("h1", hello("h1", **AHEAD))).condemned == ()
    assert (await lab.agents.greeted("h2", hello("h2", record("m1"), **AHEAD))).condemned == ("m1",)
    await lab.agents.heard("h2", {"absent": ["m1"]})
    assert lab.ledger.all(Destroy)["m1"].stage is DestroyStage.VERIFIED_ABSENT


async def test_a_claim_with_a_mark_that_we_never_made_is_not_believed(lab: Lab) -> None:
    rewound = await wired(lab)
    ours = await lab.agents.greeted("h1", hello("h1"))
    lie = {**AHEAD, "mark": ours.mark}
    await lab.agents.greeted("h2", hello("h2", **lie))
    assert rewound.reason == ""
    # One that we made ourselves, and have forgotten since, is.
    incarnation, term, _ = AHEAD["highest"]
    mark = sign("mark", [incarnation, term, AHEAD["began"]], KEY)
    await lab.agents.greeted("h2", hello("h2", **{**AHEAD, "mark": mark}))
    assert "agent h2 is ahead" in rewound.reason


async def test_agents_of_before_and_those_in_step_change_nothing(lab: Lab) -> None:
    rewound = await wired(lab)
    await lab.agents.greeted("h1", hello("h1"))
    await lab.agents.greeted("h2", hello("h2", highest=["2026-01-01T00:00:00+00:00-aa", 5, 3], began=""))
    assert rewound.reason == ""
    assert rewound.gap().unknown == ()


async def test_welcomes_and_commands_are_signed_and_name_whom_they_mean(lab: Lab) -> None:
    await wired(lab)
    await lab.enrol("h1", "h2")
    await lab.put(host("h2", "r2", agent_port=9080), machine("m1"), destroy("m1"))
    welcome = await lab.agents.greeted("h1", hello("h1", record("m1"), peers=["h2"]))
    check_welcome(welcome, "h1", KEY.verify_key)
    assert welcome.automatic == ("m1",)
    held = read_document("ceilings", welcome.ceilings, Ceilings, KEY.verify_key)
    assert held == Ceilings(120.0, 0.5, 10, 3600.0, NOON)
    assert [peer["name"] for peer in welcome.lease["peers"]] == ["h2"]
    assert lab.ledger.all(Host)["h1"].peers == ("h2",)
    command = replace(lab_command(), args={"machine_id": "m1"})
    signed = lab.agents.stamped("h1", command)
    assert (signed.host, signed.identity) == ("h1", "d-h1")
    check_command(signed, welcome.incarnation, KEY.verify_key)


def lab_command() -> Any:
    from remediator.wire.messages import Command

    return Command("k", "destroy", 5, 1, 1, Origin.AUTOMATIC)


async def test_refused_words_are_told(lab: Lab) -> None:
    await wired(lab)
    await lab.agents.greeted("h1", hello("h1"))
    await lab.agents.heard("h1", {"refused": 0})
    await lab.agents.heard("h1", {"refused": 2})
    await lab.agents.heard("h1", {"refused": 2})
    assert lab.agents.refusals == {"h1": 2}
    assert [each["text"][:34] for each in await lab.told("refused", "h1")] == ["its agent has refused 2 stale word"]
