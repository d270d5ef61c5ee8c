"""Explanations: what is so, what was decided, what holds and what would change it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from remediator.api.explaining.explain import Explanation, Scene, decision_line, explain, explain_to_owner, span
from remediator.api.explaining.remedies import what_would_help
from remediator.api.fakes.control import FakeControl
from remediator.model.decision import Decision, DecisionOutcome
from remediator.model.machine import MachineState, Recovery

NOW = datetime(2026, 8, 10, 3, 12, 5, tzinfo=UTC)


@pytest.fixture
def scene(control: FakeControl) -> Scene:
    return Scene(control.fleet(), control.decisions(100), control.holds(), control.now())


def told(identifier: str, scene: Scene) -> Explanation:
    found = explain(identifier, scene)
    assert found is not None
    return found


def test_a_dead_host_tells_verdict_acts_holds_and_the_way_out(scene: Scene) -> None:
    found = told("h2", scene)
    assert found.now[0] == (
        "h2 (arn, rack r2) is dead since 03:10:30Z (1m 35s ago): 3 of 3 assigned vantages hear nothing"
    )
    assert any("verdict dead" in line and "3 of 3" in line for line in found.now)
    assert any(line.startswith("5 machines: 1 destroying, 1 replacement held") for line in found.now)
    assert [line.split("ago) ")[1].split()[0] for line in found.decided] == [
        "restore_volumes",
        "condemn",
        "recreate",
        "mark_host_dead",
    ]
    assert "SecondWitnessMissing" in found.held[0]
    assert found.would_change == (what_would_help("SecondWitnessMissing", ""),)


def test_a_healthy_host_has_nothing_to_change(scene: Scene) -> None:
    found = told("h1", scene)
    assert (found.decided, found.held, found.would_change) == ((), (), ())


def test_hosts_in_between_say_what_they_wait_for(scene: Scene) -> None:
    assert "condemned" in told("h5", scene).would_change[0]
    without_holds = replace(scene, holds=())
    assert "heartbeat" in told("h3", without_holds).would_change[0]
    assert "return" in told("h2", without_holds).would_change[0]


def test_a_machine_that_waits_names_its_volume(scene: Scene) -> None:
    machine = next(machine for machine in scene.fleet.machines.values() if machine.volumes)
    found = told(machine.id, scene)
    assert any("vol_jo4v4mv88keymd0n" in line for line in found.now)
    assert any("traffic does not reach it" in line for line in found.now)
    assert found.would_change


def test_a_missed_machine_says_that_nothing_runs_in_its_place_and_what_holds_its_host(scene: Scene) -> None:
    missed = next(each for each in scene.fleet.machines.values() if each.host == "h2" and each.alive)
    missed = replace(missed, recovery=Recovery.NONE, recovery_reason="", state=MachineState.STARTED)
    fleet = replace(scene.fleet, machines={**scene.fleet.machines, missed.id: missed})
    found = told(missed.id, replace(scene, fleet=fleet))
    assert any(line.startswith("nothing runs in its place") for line in found.now)
    assert "SecondWitnessMissing" in found.held[0]
    owned = explain_to_owner(missed, replace(scene, fleet=fleet))
    assert any(line.startswith("nothing runs in its place") for line in owned.now)
    assert owned.held == ()


def test_a_machine_is_found_in_the_effects_of_decisions(scene: Scene) -> None:
    effects = next(each for each in scene.decisions if each.action == "condemn").effects
    machine = effects[0].split(":")[1]
    assert any("condemn" in line for line in told(machine, scene).decided)


def test_a_condemned_machine_says_so(scene: Scene) -> None:
    machine = next(machine for machine in scene.fleet.machines.values() if machine.condemned)
    assert any(
        "condemned at" in line and "replaced while h5 was dead" in line for line in told(machine.id, scene).now
    )


def test_a_queued_destroy_is_told(scene: Scene) -> None:
    machine = next(iter(scene.fleet.destroys))
    assert any(line.startswith("destroy blocked, asked by owner") for line in told(machine, scene).now)


def test_a_standing_hold_tells_its_facts_and_remedy(scene: Scene) -> None:
    found = told("d9", scene)
    assert "host = h3" in found.now
    assert found.held == ("direct evidence says suspect, not dead",)
    assert found.would_change[0].startswith("direct evidence")


def test_a_hold_that_no_longer_stands_says_so(scene: Scene) -> None:
    found = told("d9", replace(scene, holds=()))
    assert found.now[0].startswith("this no longer stands")
    assert found.held == ()


def test_an_old_decision_may_be_given(scene: Scene) -> None:
    old = Decision("d0", NOW, "p", "h1", "cordon", DecisionOutcome.ASK, "NeedsApproval", "would do 1 effects")
    assert explain("d0", scene, old) is not None
    assert explain("d0", scene) is None
    assert "asks a person (NeedsApproval)" in decision_line(old, NOW + timedelta(seconds=5))


def test_unknown_reasons_are_told_in_their_own_words() -> None:
    assert what_would_help("Odd", "the moon is full") == "that this is no longer so: the moon is full"


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1, "0s"), (59.9, "59s"), (60, "1m 0s"), (3725, "1h 2m"), (90000, "1d 1h")]
)
def test_spans_are_for_people(seconds: float, text: str) -> None:
    assert span(seconds) == text
