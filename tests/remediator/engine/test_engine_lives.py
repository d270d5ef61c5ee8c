"""What verdicts make of a host: its life, its status, its fence; no gate or budget is read."""

from dataclasses import replace

import pytest

from remediator.engine.evidence.lives import LifeTimes, next_host
from remediator.model.evidence import VerdictKind
from remediator.model.host import Fence, Host, HostStatus, Life
from tests.remediator.builders import NOON, SECOND, dead, host, proved, returning, sighting, verdict

TIMES = LifeTimes()
V = VerdictKind


def after(known: Host, kind: VerdictKind, heart: float | None = 1, **seen: object) -> Host:
    return next_host(known, verdict(known.name, kind), sighting(known.name, heart=heart, **seen), TIMES, NOON)


@pytest.mark.parametrize(
    ("was", "kind", "becomes"),
    [
        (Life.HEALTHY, V.DEAD, Life.DEAD),
        (Life.SUSPECT, V.DEAD, Life.DEAD),
        (Life.PROBATION, V.DEAD, Life.DEAD),
        (Life.RETURNING, V.DEAD, Life.DEAD),
        (Life.HEALTHY, V.SUSPECT, Life.SUSPECT),
        (Life.PROBATION, V.SUSPECT, Life.SUSPECT),
        (Life.SUSPECT, V.ALIVE, Life.HEALTHY),
        (Life.SUSPECT, V.AGENT_GONE, Life.HEALTHY),
        (Life.SUSPECT, V.PARTITIONED, Life.SUSPECT),
        (Life.SUSPECT, V.NO_EVIDENCE, Life.SUSPECT),
        (Life.HEALTHY, V.PARTITIONED, Life.HEALTHY),
        (Life.HEALTHY, V.NO_EVIDENCE, Life.HEALTHY),
        (Life.HEALTHY, V.AGENT_GONE, Life.HEALTHY),
        # Only a hello brings a host back from the dead; only admission brings it further.
        (Life.DEAD, V.ALIVE, Life.DEAD),
        (Life.RETURNING, V.ALIVE, Life.RETURNING),
        (Life.RETIRED, V.ALIVE, Life.RETIRED),
        (Life.RETIRED, V.DEAD, Life.RETIRED),
    ],
)
def test_the_verdict_moves_the_life(was: Life, kind: VerdictKind, becomes: Life) -> None:
    moved = after(host(life=was, since=NOON - SECOND), kind)
    assert moved.life is becomes
    assert (moved.reason == "told") is (was is not becomes)


def test_probation_ends_when_its_time_is_over_and_the_host_answers() -> None:
    fresh = host(life=Life.PROBATION, since=NOON - 29 * SECOND)
    assert after(fresh, V.ALIVE).life is Life.PROBATION
    old = replace(fresh, since=NOON - 30 * SECOND)
    assert after(old, V.ALIVE).life is Life.HEALTHY
    assert after(old, V.AGENT_GONE).life is Life.PROBATION


def test_nothing_new_is_the_very_same_value() -> None:
    known = host()
    assert after(known, V.ALIVE) is known


def test_dead_is_unreachable_before_anything_else_is_asked() -> None:
    lost = after(host(), V.DEAD, heart=1)
    assert (lost.status, lost.status_since, lost.died_at) == (HostStatus.UNREACHABLE, NOON, NOON)


def test_returned_and_not_admitted_is_unknown_even_with_heartbeats() -> None:
    assert after(returning(status=HostStatus.UNREACHABLE), V.ALIVE, heart=0.1).status is HostStatus.UNKNOWN


@pytest.mark.parametrize(("heart", "status"), [(2.9, HostStatus.OK), (3.0, HostStatus.UNKNOWN)])
def test_three_missed_heartbeats_are_unknown(heart: float, status: HostStatus) -> None:
    assert after(host(), V.ALIVE, heart=heart).status is status


@pytest.mark.parametrize("heart", [None, 0.1, 60])
def test_an_agent_that_is_gone_for_three_seconds_makes_its_host_unknown_heard_of_or_not(heart: float | None) -> None:
    def after_gone(seconds: float, known: Host) -> Host:
        gone = verdict("h1", V.AGENT_GONE, since=NOON - seconds * SECOND)
        return next_host(known, gone, sighting("h1", heart=heart), TIMES, NOON)

    assert after_gone(3, host()).status is HostStatus.UNKNOWN
    assert after_gone(3, host()).life is Life.HEALTHY
    assert after_gone(3, dead()).status is HostStatus.UNREACHABLE
    # It rebooted without ever being dead: what it was before says nothing of it now.
    assert after_gone(3, returning(status=HostStatus.OK)).status is HostStatus.UNKNOWN
    if heart is None:
        assert after_gone(2.9, host()).status is HostStatus.OK


@pytest.mark.parametrize("status", list(HostStatus))
def test_with_nothing_heard_the_journalled_status_stands(status: HostStatus) -> None:
    known = host(status=status)
    assert after(known, V.NO_EVIDENCE, heart=None).status is status


def test_power_off_read_after_the_last_contact_is_proof() -> None:
    fenced = after(dead(), V.DEAD, heart=10, power="off", power_at=NOON - 9 * SECOND)
    assert (fenced.fence, fenced.fence_by, fenced.fence_at) == (Fence.PROVED, "bmc", NOON)
    never_heard = after(dead(), V.DEAD, heart=None, power="off", power_at=NOON)
    assert never_heard.fence is Fence.PROVED


@pytest.mark.parametrize(("power", "ago"), [("off", 10), ("off", 11), ("on", 1), ("unknown", 1), ("", 1)])
def test_anything_less_is_no_proof(power: str, ago: int) -> None:
    seen = after(dead(), V.DEAD, heart=10, power=power, power_at=NOON - ago * SECOND)
    assert seen.fence is Fence.NONE


def test_only_the_dead_are_fenced() -> None:
    held = after(host(life=Life.SUSPECT), V.SUSPECT, heart=10, power="off", power_at=NOON)
    assert held.fence is Fence.NONE


def test_a_proof_stands_while_the_host_is_dead() -> None:
    known = proved(dead())
    assert after(known, V.DEAD, heart=10, power="unknown", power_at=NOON) is known


def test_a_proof_is_withdrawn_once_the_power_is_read_as_on_again() -> None:
    known = replace(proved(dead()), fence_at=NOON - 5 * SECOND)
    again = after(known, V.DEAD, heart=10, power="on", power_at=NOON - SECOND)
    assert (again.fence, again.fence_by, again.fence_at) == (Fence.NONE, "", None)
    assert after(known, V.DEAD, heart=10, power="on", power_at=NOON - 6 * SECOND) is known
    assert after(known, V.DEAD, heart=10, power="off", power_at=NOON) is known
    # Whom an orchestrator has cut off may well have power: that proof is the orchestrator's to end.
    cut_off = replace(known, fence_by="orchestrator")
    assert after(cut_off, V.DEAD, heart=10, power="on", power_at=NOON - SECOND) is cut_off
    # What a person has said to be wiped may be installed anew meanwhile.
    wiped = replace(known, fence_by="ada: wiped", attested="wiped")
    assert after(wiped, V.DEAD, heart=10, power="on", power_at=NOON - SECOND) is wiped
