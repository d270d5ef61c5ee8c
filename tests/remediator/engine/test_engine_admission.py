"""A returned host: who stays, who goes, and when it may serve."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from remediator.actions.ceiling import Room
from remediator.engine.machines.admission import GATE_SHUT, Admission, admission, early, survivors, survivors_claim
from remediator.model.evidence import VerdictKind
from remediator.model.fleet import Fleet, routable
from remediator.model.host import Host
from remediator.model.machine import LOST_EVENT, Event, Machine, MachineState
from remediator.model.policy import Limits, Share
from remediator.model.request import DestroyStage, Origin
from tests.remediator.builders import CLOSED, NOON, SECOND, dead, destroy, fleet, host, machine, returning, sighting

BACK = returning(ago=SECOND)
HERE = sighting("h1", heart=0.1, connected=True)
LATE = returning(ago=10 * SECOND)
THERE = host("h2", "r2")
REPLACEMENT = machine("m2", on="h2", replaces="m1")


def original(**more: Any) -> Machine:
    return machine("m1", replaced_by="m2", **more)


def admitted(known: Fleet, on: Host = BACK) -> Admission | str:
    return admission(known, on, NOON)


def test_a_host_without_replaced_machines_is_admitted_at_once() -> None:
    assert admitted(fleet(BACK, HERE, machine())) == Admission("h1")


def test_by_default_the_original_stays_and_its_replacement_is_withdrawn() -> None:
    assert admitted(fleet(BACK, HERE, original(), REPLACEMENT)) == Admission("h1", withdraw=("m2",))


def test_behind_a_closed_or_unknown_gate_nobody_is_condemned_and_the_host_waits() -> None:
    on_return = {"web": "keep_replacement"}
    for gate in (CLOSED, None):
        known = fleet(BACK, HERE, THERE, original(), REPLACEMENT, machine("m5"), on_return=on_return, gate=gate)
        assert GATE_SHUT in str(admitted(known))
        assert early(known, BACK, NOON) == Admission("h1", machines=("m5",))


def test_behind_a_closed_gate_an_original_is_let_in_as_ever() -> None:
    known = fleet(BACK, HERE, original(), REPLACEMENT, gate=CLOSED)
    assert admitted(known) == Admission("h1", withdraw=("m2",))


@pytest.mark.parametrize("on_return", [{"web": "keep_replacement"}, {"": "keep_replacement"}])
def test_keep_replacement_condemns_the_original(on_return: dict[str, str]) -> None:
    known = fleet(BACK, HERE, THERE, original(), REPLACEMENT, on_return=on_return)
    assert admitted(known) == Admission("h1", condemn=("m1",))


@pytest.mark.parametrize("there", [None, dead("h2"), returning("h2")])
@pytest.mark.parametrize("state", [MachineState.STARTED, MachineState.FAILED])
def test_no_original_is_condemned_unless_another_serves_now(there: Host | None, state: MachineState) -> None:
    """The replacement is started on paper, on a host that nothing reaches."""
    known = fleet(HERE, *([there] if there else []), original(state=state), REPLACEMENT)
    waits = "neither original m1 nor its replacement runs yet"
    assert admitted(replace(known, on_return={"": "keep_replacement"}), LATE) == waits
    if state is MachineState.FAILED:
        assert admitted(known, LATE) == waits


def test_an_apps_own_word_goes_before_the_default() -> None:
    known = fleet(BACK, HERE, original(), REPLACEMENT, on_return={"": "keep_replacement", "web": "keep_original"})
    assert admitted(known) == Admission("h1", withdraw=("m2",))


@pytest.mark.parametrize("state", [MachineState.CREATED, MachineState.STARTING, MachineState.FAILED])
def test_an_original_that_does_not_run_yet_is_waited_for_and_then_given_up(state: MachineState) -> None:
    known = fleet(HERE, THERE, original(state=state), REPLACEMENT)
    assert admitted(known) == "original m1 does not run yet"
    assert admitted(known, LATE) == Admission("h1", condemn=("m1",))


FAILED = MachineState.FAILED
NOWHERE = Event(NOON - SECOND, LOST_EVENT, "failed", "agent", "its host no longer has it")


@pytest.mark.parametrize(
    ("events", "there", "on_return", "found"),
    [
        # Nothing of it is left: what serves, or does not, in its place is all there is.
        ((NOWHERE,), FAILED, "keep_original", Admission("h1", condemn=("m1",))),
        ((NOWHERE,), MachineState.STARTING, "keep_replacement", Admission("h1", condemn=("m1",))),
        # Neither will run by itself.
        ((), FAILED, "keep_original", Admission("h1", withdraw=("m2",))),
        ((), FAILED, "keep_replacement", "neither original m1 nor its replacement runs yet"),
        ((), MachineState.STARTING, "keep_original", "neither original m1 nor its replacement runs yet"),
        # It was missed before an earlier death of the host, and has come back since.
        (
            (replace(NOWHERE, at=NOON - 11 * SECOND),),
            MachineState.STARTING,
            "keep_original",
            "neither original m1 nor its replacement runs yet",
        ),
    ],
)
def test_two_that_failed_keep_nobody_of_their_host_away(
    events: tuple[Event, ...], there: MachineState, on_return: str, found: Admission | str
) -> None:
    pair = original(state=FAILED, events=events), replace(REPLACEMENT, state=there)
    assert admitted(fleet(HERE, THERE, *pair, on_return={"": on_return}), LATE) == found
    assert admitted(fleet(HERE, THERE, *pair, on_return={"": "keep_original"})) == "original m1 does not run yet"


def test_an_original_that_is_stopped_stays_after_the_grace() -> None:
    known = fleet(HERE, THERE, original(state=MachineState.STOPPED), REPLACEMENT)
    assert admitted(known) == "original m1 does not run yet"
    assert admitted(known, LATE) == Admission("h1", withdraw=("m2",))


def test_every_living_successor_is_withdrawn_along_the_whole_chain() -> None:
    """The replacement's host died too, so that a third machine serves for the first."""
    second, third = machine("m2", on="h2", replaces="m1", replaced_by="m3"), machine("m3", on="h3", replaces="m2")
    homes = dead("h2"), host("h3", "r3")
    assert admitted(fleet(HERE, *homes, original(), second, third)) == Admission("h1", withdraw=("m2", "m3"))
    gone = replace(second, state=MachineState.DESTROYED)
    assert admitted(fleet(HERE, *homes, original(), gone, third)) == Admission("h1", withdraw=("m3",))
    kept = fleet(HERE, *homes, original(), gone, third, on_return={"": "keep_replacement"})
    assert admitted(kept) == Admission("h1", condemn=("m1",))


def test_a_restored_volume_has_moved_on_without_its_original() -> None:
    assert admitted(fleet(HERE, THERE, original(volumes=("v1",)), REPLACEMENT)) == Admission("h1", condemn=("m1",))


def test_a_replacement_that_is_gone_leaves_the_original_alone() -> None:
    gone = machine("m2", on="h2", state=MachineState.DESTROYED)
    assert admitted(fleet(HERE, original(), gone)) == Admission("h1")
    assert admitted(fleet(HERE, original())) == Admission("h1")


def test_it_waits_until_every_condemned_machine_was_seen_absent() -> None:
    known = fleet(HERE, destroy("m1"), destroy("m3", stage=DestroyStage.SENT))
    assert admitted(known) == "2 condemned machines are not yet seen absent"
    done = fleet(HERE, destroy("m1", stage=DestroyStage.VERIFIED_ABSENT), destroy("m9", on="h10"))
    assert admitted(done) == Admission("h1")


def test_it_waits_for_its_agent_and_concerns_returning_hosts_alone() -> None:
    assert admitted(fleet(sighting("h1", connected=False))) == "its agent is not connected"
    assert admitted(fleet()) == "its agent is not connected"
    assert admission(fleet(HERE), host(), NOON) == "not returning"


PATIENCE = 120 * SECOND
DOOMED = destroy("m9", stage=DestroyStage.SENT, epoch=2)
CONDEMNED = machine("m9", app="cron", state=MachineState.DESTROYING, condemned_at=NOON)


def some(known: Fleet, on: Host = BACK) -> Admission:
    return early(known, on, NOON)


def test_others_of_a_host_are_admitted_while_one_must_still_go() -> None:
    known = fleet(BACK, HERE, CONDEMNED, replace(DOOMED, app="cron"), machine("m1"))
    assert admitted(known) == "1 condemned machines are not yet seen absent"
    assert some(known) == Admission("h1", machines=("m1",))


def test_none_that_shares_an_app_with_a_condemned_one() -> None:
    known = fleet(BACK, HERE, CONDEMNED, replace(DOOMED, app="cron"), machine("m1", app="cron"), machine("m2"))
    assert some(known).machines == ("m2",)


def test_none_that_shares_a_volume_with_a_condemned_one() -> None:
    doomed = replace(CONDEMNED, volumes=("v1", "v2"))
    known = fleet(
        BACK,
        HERE,
        doomed,
        replace(DOOMED, app="cron"),
        machine("m1", volumes=("v2",)),
        machine("m2", volumes=("v3",)),
    )
    assert some(known).machines == ("m2",)


def test_its_replacement_stops_in_the_same_instant() -> None:
    known = fleet(BACK, HERE, THERE, CONDEMNED, replace(DOOMED, app="cron"), original(), REPLACEMENT)
    assert some(known) == Admission("h1", withdraw=("m2",), machines=("m1",))
    kept = replace(known, on_return={"": "keep_replacement"})
    assert some(kept) == Admission("h1", condemn=("m1",))
    waits = replace(known, machines={**known.machines, "m1": original(state=MachineState.STOPPED)})
    assert some(waits) == Admission("h1")


def test_nobody_twice_nor_without_an_agent_nor_of_another_host() -> None:
    mine = machine("m1", admitted_epoch=2)
    elsewhere = machine("m3", on="h10")
    known = fleet(
        BACK, HERE, CONDEMNED, replace(DOOMED, app="cron"), mine, elsewhere, machine("m4", admitted_epoch=1)
    )
    assert some(known).machines == ("m4",)
    assert some(replace(known, sightings={})) == Admission("h1")
    assert some(known, host()) == Admission("h1")


def test_only_what_was_admitted_in_this_epoch_is_routable_on_a_returning_host() -> None:
    assert routable(machine(admitted_epoch=2), BACK)
    assert not routable(machine(admitted_epoch=1), BACK)
    assert not routable(machine(), BACK)
    assert not routable(machine(admitted_epoch=2, condemned_at=NOON), BACK)
    assert not routable(machine(admitted_epoch=2), dead(epoch=2))


@pytest.mark.parametrize(
    ("ago", "epoch", "asked", "stage", "survives"),
    [
        (60, 2, 100, DestroyStage.SENT, True),
        (60, 2, 100, DestroyStage.ACKED, True),
        (60, 2, 100, DestroyStage.BLOCKED, True),
        (59, 2, 100, DestroyStage.SENT, False),
        # Asked for after the return: it has its own minute.
        (600, 2, 59, DestroyStage.SENT, False),
        (600, 2, 60, DestroyStage.SENT, True),
        # Never told to this life of the host: the gate was closed, say.
        (600, 1, 700, DestroyStage.BLOCKED, False),
        (600, 2, 700, DestroyStage.VERIFIED_ABSENT, False),
    ],
)
def test_what_is_there_a_minute_after_its_cut_off_survives(
    ago: int, epoch: int, asked: int, stage: DestroyStage, *, survives: bool
) -> None:
    told = destroy("m9", stage=stage, epoch=epoch, asked_at=NOON - asked * SECOND, origin=Origin.OWNER)
    others = destroy("m8", on="h10", stage=stage, epoch=epoch, asked_at=NOON - asked * SECOND)
    back = returning(ago=ago * SECOND)
    assert survivors([told, others], back, PATIENCE, NOON) == (("m9",) if survives else ())
    assert survivors([told], replace(back, life=host().life), PATIENCE, NOON) == ()


@pytest.mark.parametrize(("ago", "survives"), [(179, False), (180, True)])
def test_what_was_condemned_automatically_is_spared_until_patience_is_over(ago: int, *, survives: bool) -> None:
    told = destroy("m9", stage=DestroyStage.SENT, epoch=2, asked_at=NOON - ago * SECOND)
    back = returning(ago=(ago - 5) * SECOND, died_at=NOON - ago * SECOND)
    assert survivors([told], back, PATIENCE, NOON) == (("m9",) if survives else ())


def test_survivors_make_their_host_wedged() -> None:
    assert survivors_claim((), NOON) == ()
    (claim,) = survivors_claim(("m8", "m9"), NOON)
    assert (claim.kind, claim.by) == (VerdictKind.WEDGED, "return")
    assert "m8, m9" in claim.text


def of_two(made: datetime = NOON - timedelta(hours=2), **more: Any) -> Fleet:
    """Two originals are back, both replaced on h2, where automatic decisions may destroy no more than one an hour."""
    rows = [machine(f"o{n}", app=f"a{n}", replaced_by=f"r{n}") for n in (1, 2)]
    rows += [machine(f"r{n}", app=f"a{n}", on="h2", replaces=f"o{n}", created_at=made) for n in (1, 2)]
    return fleet(BACK, HERE, THERE, *rows, limits=Limits(automatic_destroys=Share(0.0, 1)), **more)


def test_more_replacements_than_the_ceiling_allows_are_not_withdrawn_and_it_says_so() -> None:
    waits = admitted(of_two())
    assert isinstance(waits, str)
    assert waits.startswith("its admission would destroy more of h2 than automatic decisions may: 0% of its machines")
    some = early(of_two(), BACK, NOON)
    assert (some.withdraw, some.machines) == (("r1",), ("o1",))


def test_what_was_added_a_moment_ago_is_taken_back_whatever_the_ceiling() -> None:
    """To let a host in again is healing: no budget of what may be destroyed stands against it."""
    found = admitted(of_two(NOON - timedelta(minutes=5)))
    assert isinstance(found, Admission)
    assert found.withdraw == ("r1", "r2")


def test_originals_that_are_to_go_wait_for_the_ceiling_of_their_host() -> None:
    gone = early(of_two(on_return={"": "keep_replacement"}), BACK, NOON)
    assert gone.condemn == ("o1",)


def test_what_owners_asked_for_takes_no_room_from_an_admission() -> None:
    mine = destroy("m9", on="h2", origin=Origin.OWNER)
    assert early(of_two(destroys={"m9": mine}), BACK, NOON).withdraw == ("r1",)
    theirs = destroy("m9", on="h2", origin=Origin.AUTOMATIC)
    assert early(of_two(destroys={"m9": theirs}), BACK, NOON).withdraw == ()


def test_what_one_admission_takes_is_no_longer_there_for_the_next() -> None:
    room = Room(of_two(), NOON)
    assert room.take(["h2"]) == ""
    assert room.take(["h2"]) == "h2"
    assert early(of_two(), BACK, NOON, room).withdraw == ()
