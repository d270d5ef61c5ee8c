"""Undo by a person: what a playbook did is taken back as far as it can be, and the target is held."""

import pytest

from remediator.engine.machines.refusals import Refused
from remediator.engine.people import undone
from remediator.engine.people.lifted import lifted
from remediator.engine.people.spoken import Ground
from remediator.model.host import Host
from remediator.model.machine import Event, MachineState, Recovery
from remediator.model.policy import Step
from remediator.model.request import DestroyStage, Migration, Operation, Origin
from remediator.model.said import (
    Undo,
    Unquarantine,
)
from tests.remediator.builders import (
    NOON,
    dead,
    destroy,
    fleet,
    host,
    machine,
    playbook,
    remediation,
    returning,
)
from tests.remediator.engine.words import HOUR, ground, said


def test_an_undo_takes_back_the_cordon_the_move_and_holds_the_target() -> None:
    moving = Migration("mig1", "m1", "web", "h1", "h2", NOON, "host_disk_full")
    on = fleet(host(cordoned="host_disk_full"), host("h2"), machine(), moving, remediation(playbook="host_disk_full"))
    word = Undo("host_disk_full", "h1")
    change = undone.undone(word, said(word), ground(on))
    named = {type(row).__name__: row for row in change.puts}
    assert named["Host"].cordoned == ""
    assert not named["Migration"].open
    assert named["Remediation"].outcome == "undone by ada (operator token): new psu"
    assert (named["OperatorHold"].key, named["OperatorHold"].until) == ("host/h1", NOON + HOUR)


def test_an_undo_cancels_destroys_that_were_not_sent_and_no_others() -> None:
    started = (Event(NOON, "destroy", "destroying", "fleetmend"), Event(NOON, "stopped", "stopped", "agent"))
    doomed = machine("m1", state=MachineState.DESTROYING, condemned_at=NOON, condemned_why="replaced", events=started)
    sent = machine("m2", state=MachineState.DESTROYING, condemned_at=NOON)
    on = fleet(
        dead(),
        doomed,
        sent,
        destroy("m1", stage=DestroyStage.BLOCKED),
        destroy("m2", stage=DestroyStage.SENT, epoch=2),
        remediation("h1", "condemn"),
    )
    change = undone.undone(Undo("host_dead", "h1"), said(Undo("host_dead", "h1")), ground(on))
    (row,) = [row for row in change.puts if hasattr(row, "condemned_at")]
    assert (row.id, row.state, row.condemned) == ("m1", MachineState.STOPPED, False)
    assert [each.machine for each in change.drops] == ["m1"]
    assert "the destroy of m2 was sent already" in change.text


@pytest.mark.parametrize(("back", "told"), [(returning(), True), (host(), True), (dead(), False)])
def test_who_was_told_that_it_is_condemned_is_told_that_it_is_not(back: Host, told: bool) -> None:
    """Under a freeze a returned host knows them and ends them once it is over."""
    doomed = machine("m1", state=MachineState.DESTROYING, condemned_at=NOON, condemned_why="replaced")
    on = fleet(back, doomed, destroy("m1", stage=DestroyStage.BLOCKED), remediation("h1", "condemn"))
    change = undone.undone(Undo("host_dead", "h1"), said(Undo("host_dead", "h1")), ground(on))
    starts = [row for row in change.puts if isinstance(row, Operation)]
    assert [(each.verb, each.host, each.machine, each.origin) for each in starts] == [
        ("start", "h1", "m1", Origin.OPERATOR)
    ] * told


def test_an_undo_withdraws_replacements_only_before_they_serve() -> None:
    placed, serves = (
        machine("m1", recovery=Recovery.PLACED, replaced_by="n1"),
        machine("m2", recovery=Recovery.PLACED, replaced_by="n2"),
    )
    young = machine("n1", "h2", state=MachineState.CREATED, replaces="m1")
    on = fleet(
        dead(), host("h2"), placed, serves, young, machine("n2", "h2", replaces="m2"), remediation("h1", "recreate")
    )
    change = undone.undone(Undo("host_dead", "h1"), said(Undo("host_dead", "h1")), ground(on))
    assert change.condemns == ("n1",)
    assert "n2 serves for m2 and stays" in change.text


def test_an_undo_of_what_was_never_done_names_what_was() -> None:
    on = fleet(dead("h1"), remediation("h1"))
    with pytest.raises(Refused, match=r"host_dead has done nothing to 'h11' \(did you mean 'h1'\?\)"):
        undone.undone(Undo("host_dead", "h11"), said(Undo("host_dead", "h11")), ground(on))


def test_a_quarantined_machine_is_let_out_by_a_word_or_by_an_undo_and_not_laid_in_again() -> None:
    held = machine("m1", quarantined="its last two hosts died", recovery=Recovery.HELD)
    on = fleet(dead(), held, machine("m2"))
    word = Unquarantine("web")
    (row,) = lifted(word, said(word), ground(on)).puts
    assert (row.quarantined, row.quarantine_lifted_at, row.recovery) == ("", NOON, Recovery.NONE)
    assert lifted(word, said(word), ground(fleet(host(), row))).puts == ()
    with pytest.raises(Refused, match=r"no machine or app is called 'wep' \(did you mean 'web'\?\)"):
        lifted(Unquarantine("wep"), said(word), ground(on))
    books = {"machine_poison": playbook("machine_poison", target="app", steps=(Step("quarantine"),))}
    done = fleet(dead(), held, remediation("web", "quarantine", playbook="machine_poison"))
    change = undone.undone(Undo("machine_poison", "web"), said(word), Ground(done, books, NOON))
    named = {type(row).__name__: row for row in change.puts}
    assert (named["Machine"].quarantined, named["OperatorHold"].key) == ("", "app/web")
