"""A returned host let in bit by bit: who may serve at once, who must go first, and who cannot be killed."""

from dataclasses import replace

import pytest

from remediator.engine.machines.admission import GATE_SHUT, SURVIVORS
from remediator.engine.waits import waits
from remediator.model.errors import TransientError
from remediator.model.evidence import Outcome, VerdictKind
from remediator.model.fleet import Fleet, routable
from remediator.model.host import Host, HostStatus, Life
from remediator.model.machine import Machine, MachineState, Recovery
from remediator.model.request import DestroyStage, Origin
from remediator.wire.messages import Welcome
from tests.remediator.builders import CLOSED, NOON, OPEN, SECOND, dead, destroy, host, machine
from tests.remediator.runtime.lab import Lab, hello, record

DOOMED = machine("m9", app="cron", state=MachineState.DESTROYING, condemned_at=NOON - 60 * SECOND)
GOING = replace(destroy("m9", stage=DestroyStage.BLOCKED, origin=Origin.OWNER), app="cron")
ORIGINAL = machine("m1", replaced_by="m2", recovery=Recovery.SERVING)
REPLACEMENT = machine("m2", on="h2", replaces="m1")


def serving(known: Fleet) -> set[str]:
    return {each.id for each in known.machines.values() if routable(each, known.hosts.get(each.host))}


async def back(lab: Lab, *more: Machine) -> Fleet:
    """h1 returns with a condemned machine of app cron, an original of app web, and whatever else it had."""
    await lab.put(dead(), host("h2", "r2"), DOOMED, GOING, ORIGINAL, REPLACEMENT, *more)
    assert serving(await lab.settle()) == {"m2"}
    records = [record("m9", app="cron"), record("m1"), *(record(each.id, app=each.app) for each in more)]
    welcome = await lab.agents.greeted("h1", hello("h1", *records))
    assert welcome.condemned == ("m9",)
    return await lab.settle()


async def pass_by(lab: Lab, seconds: int) -> Fleet:
    known = lab.watch.fleet()
    for _ in range(seconds):
        lab.wait(1)
        lab.probes(h1=Outcome.OK, h2=Outcome.OK)
        known = await lab.settle()
    return known


async def test_whoever_has_nothing_to_do_with_the_condemned_serves_at_once(lab: Lab) -> None:
    known = await back(lab, machine("m4", app="cron"), machine("m5", app="db"))
    # The original and m5 serve, the replacement no more, and the cron machine waits for the one that must go.
    assert serving(known) == {"m1", "m5"}
    assert known.hosts["h1"].life is Life.RETURNING
    assert known.hosts["h1"].status is HostStatus.UNKNOWN
    assert (known.machines["m1"].recovery, known.machines["m1"].replaced_by) == (Recovery.NONE, "")
    assert known.destroys["m2"].reason.startswith("withdrawn")
    assert [set(each["machines"]) for each in await lab.told("admitted", "h1")] == [{"m1", "m5"}]
    await lab.agents.heard("h1", {"absent": ["m9"]})
    known = await lab.settle()
    assert serving(known) == {"m1", "m4", "m5"}
    assert (known.hosts["h1"].life, known.hosts["h1"].cordoned) == (Life.PROBATION, "")


async def test_what_was_admitted_is_lost_again_with_its_host(lab: Lab) -> None:
    await back(lab)
    await lab.put(lab.ledger.all(Host)["h1"].moved_to(Life.DEAD, now=lab.clock.now(), reason="lost again"))
    assert serving(lab.watch.fleet()) == set()
    # Next time it must be admitted anew: its destroy has not been seen to be done.
    await lab.agents.greeted("h1", hello("h1", record("m9", app="cron"), record("m1", "stopped"), boot="third"))
    assert lab.ledger.all(Host)["h1"].epoch == 3
    assert serving(lab.watch.fleet()) == set()


async def test_what_outlives_its_cut_off_by_a_minute_makes_its_host_wedged_and_cordoned(lab: Lab) -> None:
    await back(lab)
    known = await pass_by(lab, 59)
    assert (known.hosts["h1"].cordoned, known.verdicts["h1"].kind) == ("", VerdictKind.ALIVE)
    known = await pass_by(lab, 2)
    assert known.verdicts["h1"].kind is VerdictKind.WEDGED
    assert "m9" in known.verdicts["h1"].reason
    assert (known.hosts["h1"].cordoned, known.hosts["h1"].life) == (SURVIVORS, Life.RETURNING)
    assert serving(known) == {"m1"}
    # Gone after all: healing waits for nobody.
    await lab.agents.heard("h1", {"absent": ["m9"]})
    known = await pass_by(lab, 1)
    assert (known.hosts["h1"].cordoned, known.hosts["h1"].life) == ("", Life.PROBATION)
    assert known.verdicts["h1"].kind is VerdictKind.ALIVE


async def test_a_cordon_of_others_is_neither_taken_nor_lifted(lab: Lab) -> None:
    await back(lab)
    await lab.put(replace(lab.ledger.all(Host)["h1"], cordoned="by hand"))
    assert (await pass_by(lab, 62)).hosts["h1"].cordoned == "by hand"
    await lab.agents.heard("h1", {"absent": ["m9"]})
    assert (await pass_by(lab, 1)).hosts["h1"].cordoned == "by hand"


async def test_at_no_look_do_an_original_and_its_replacement_serve_together(lab: Lab) -> None:
    known = await back(lab)
    for _ in range(5):
        assert not {"m1", "m2"} <= serving(known)
        known = await pass_by(lab, 1)


async def test_nobody_is_condemned_at_the_door_while_we_doubt_ourselves(lab: Lab) -> None:
    """A pause of ours is over, and the gate is as it was before it."""
    lab.watch.doubts = lambda: {"LoopLag": "60.0 s between two looks"}
    db = machine("m1", app="db", volumes=("v1",), replaced_by="m2", recovery=Recovery.SERVING)
    await lab.put(dead(), host("h2", "r2"), db, machine("m2", on="h2", app="db", volumes=("v2",), replaces="m1"))
    welcome = await lab.agents.greeted("h1", hello("h1", record("m1", "stopped", app="db", volumes=["v1"])))
    assert (welcome.condemned, welcome.automatic) == (("m1",), ("m1",))
    assert welcome.frozen == "LoopLag: 60.0 s between two looks"
    assert (await lab.settle()).destroys == {}
    lab.watch.doubts = dict
    assert set((await lab.settle()).destroys) == {"m1"}


async def back_behind_a_shut_gate(lab: Lab) -> Welcome:
    """h1 returns with the machine of a volume that lives on in a copy, while the store is out."""
    lab.watch.gate = CLOSED
    db = machine("m1", app="db", volumes=("v1",), replaced_by="m2", recovery=Recovery.SERVING)
    await lab.put(dead(), host("h2", "r2"), db, machine("m2", on="h2", app="db", volumes=("v2",), replaces="m1"))
    return await lab.agents.greeted("h1", hello("h1", record("m1", "stopped", app="db", volumes=["v1"])))


async def test_whose_copy_lives_is_kept_from_starting_while_the_gate_is_closed_and_condemned_once_it_opens(
    lab: Lab,
) -> None:
    welcome = await back_behind_a_shut_gate(lab)
    assert (welcome.condemned, welcome.automatic, welcome.frozen) == (("m1",), ("m1",), GATE_SHUT)
    known = await lab.settle()
    assert (known.destroys, serving(known), lab.agents.undead["h1"]) == ({}, {"m2"}, {})
    assert [each.text for each in waits(known, lab.clock.now())] == [
        f"h1 is back: 1 machines that were replaced must go, which waits: {GATE_SHUT}"
    ]
    await lab.agents.heard("h1", {"state": "well"})
    lab.watch.gate = OPEN
    known = await lab.settle()
    assert (known.destroys["m1"].reason, serving(known)) == ("its replacement is kept", {"m2"})
    # That it was condemned sends nobody to the door again.
    await lab.agents.heard("h1", {"state": "well"})


async def test_who_was_kept_from_starting_may_start_when_its_copy_is_gone(lab: Lab) -> None:
    await back_behind_a_shut_gate(lab)
    await lab.put(replace(lab.ledger.all(Machine)["m2"], state=MachineState.DESTROYED))
    with pytest.raises(TransientError, match="greet anew"):
        await lab.agents.heard("h1", {"state": "well"})
    welcome = await lab.agents.greeted("h1", hello("h1", record("m1", "stopped", app="db", volumes=["v1"])))
    assert (welcome.condemned, welcome.frozen) == ((), "")
    await lab.agents.heard("h1", {"state": "well"})
