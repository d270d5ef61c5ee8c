"""Names are exact: whatever befalls h1, nothing of h10, h1-a or H1 is judged, admitted, or acted upon for it."""

from collections.abc import Iterable
from typing import Any

import hypothesis.strategies as st
from hypothesis import given, settings

from remediator.engine.decide import decide
from remediator.engine.evidence.claims import claims_of
from remediator.engine.evidence.vantages import Vantage, assigned
from remediator.engine.machines.admission import admission, early, survivors
from remediator.engine.machines.destroys import condemned_on
from remediator.model.evidence import VerdictKind
from remediator.model.fleet import Fleet
from remediator.model.host import Host, Life
from remediator.model.machine import MachineState
from tests.remediator.builders import (
    ACTIONS,
    NOON,
    SECOND,
    alert,
    dead,
    destroy,
    fleet,
    host,
    machine,
    policy,
    proved,
    returning,
    sealed,
    sighting,
    verdict,
)

ALIKE = ["h1", "h10", "h11", "h1-a", "H1", "h", "1", "h1 ", "h1/h10"]
NAMES = st.lists(st.sampled_from(ALIKE), min_size=2, max_size=6, unique=True)


def of(name: str) -> list[Any]:
    """Two machines of a host, whose ids begin alike too."""
    ids = f"m-{name}", f"m-{name}0"
    return [machine(each, on=name, app=f"app-{name}", sealed=sealed(each, f"I-{each}", name)) for each in ids]


def one_lost(names: Iterable[str], lost: Host) -> Fleet:
    others = [host(name, "r2") for name in names if name != lost.name]
    things = [each for name in names for each in of(name)]
    known = verdict(lost.name, VerdictKind.DEAD)
    return fleet(
        lost, *others, host("spare", "r3"), *things, known, alerts=(alert(lost.name),), term_began=NOON - 60 * SECOND
    )


@settings(max_examples=40)
@given(NAMES, st.booleans())
def test_what_is_decided_of_one_host_names_no_machine_of_another(names: list[str], off: bool) -> None:
    lost = names[0]
    gone = dead(lost, ago=200 * SECOND)
    known = one_lost(names, proved(gone) if off else gone)
    found = decide(policy(), ACTIONS, "host_dead", known, NOON)
    assert {decision.target for decision, _ in found.decisions} <= {lost}
    assert {each.target for each in found.remediations} <= {lost}
    touched = {getattr(effect, "machine", "") for _, effects in found.decisions for effect in effects} - {""}
    assert touched <= {f"m-{lost}", f"m-{lost}0"}
    assert touched


@settings(max_examples=40)
@given(NAMES)
def test_what_is_condemned_on_one_host_holds_up_no_other(names: list[str]) -> None:
    doomed, other = names[:2]
    going = destroy(f"m-{doomed}", on=doomed, epoch=2, asked_at=NOON - 600 * SECOND)
    backs = [returning(name, ago=300 * SECOND, died_at=NOON - 400 * SECOND) for name in (doomed, other)]
    gone = machine(f"m-{doomed}", on=doomed, state=MachineState.DESTROYING, condemned_at=NOON)
    seen = [sighting(name, heart=0.1, connected=True) for name in (doomed, other)]
    known = fleet(*backs, gone, *of(other), going, *seen)
    assert isinstance(admission(known, backs[0], NOON), str)
    assert not isinstance(admission(known, backs[1], NOON), str)
    assert set(early(known, backs[1], NOON).machines) == {f"m-{other}", f"m-{other}0"}
    assert survivors([going], backs[0], SECOND, NOON) == (f"m-{doomed}",)
    assert survivors([going], backs[1], SECOND, NOON) == ()
    assert condemned_on(known, other) == []


@settings(max_examples=40)
@given(NAMES)
def test_seats_and_claims_are_each_hosts_own(names: list[str]) -> None:
    vantages = [
        Vantage(name, "arn", rack, host=name) for name, rack in zip(names, ("r1", "r2", "r3") * 2, strict=False)
    ]
    seats = assigned([host(name) for name in names], vantages)
    assert all(each.host != name for name in names for each in seats[name])
    told = claims_of([alert(names[0], "host_wedged")])
    assert set(told) == {names[0]}


def test_the_fleet_of_this_test_is_acted_upon_at_all() -> None:
    assert one_lost(ALIKE, dead("h1")).hosts["h1"].life is Life.DEAD
