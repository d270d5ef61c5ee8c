"""When a destroy is refused, due or blocked, and what a returning host must lose."""

from datetime import timedelta

import pytest

from remediator.engine.machines.destroys import blocked, condemned_on, due, refusal
from remediator.engine.machines.refusals import Refused
from remediator.model.evidence import Sighting
from remediator.model.host import Host, HostStatus, Life
from remediator.model.machine import MachineState
from remediator.model.request import DestroyStage
from tests.remediator.builders import NOON, SECOND, dead, destroy, fleet, host, machine, returning, sighting

LIMIT = timedelta(seconds=60)
D = DestroyStage
IN_TOUCH = sighting("h1", heart=0.5, connected=True)


def asked(on: Host | None, seen: Sighting | None, *, force: bool = True, state: str = "started") -> Refused | None:
    return refusal(machine(state=MachineState(state)), on, seen, force=force, now=NOON, limit=LIMIT)


def test_without_force_a_machine_must_be_at_rest() -> None:
    found = asked(host(), IN_TOUCH, force=False)
    assert found is not None
    assert (found.terms.status, found.terms.retry_after) == (412, 0)
    assert str(found) == (
        "failed_precondition: unable to destroy machine, not currently stopped, suspended, failed or created"
    )
    assert all(asked(host(), IN_TOUCH, force=False, state=rest) is None for rest in ("stopped", "created", "failed"))


@pytest.mark.parametrize(
    ("on", "heart"),
    [
        (host(life=Life.SUSPECT, since=NOON - SECOND), 0.5),
        (host(status=HostStatus.UNKNOWN, status_since=NOON - SECOND), 4),
        # Lost so lately that not even the status has changed.
        (host(), 2),
    ],
)
def test_a_loss_that_is_too_fresh_is_refused_with_when_to_try_again(on: Host, heart: float) -> None:
    found = asked(on, sighting("h1", heart=heart, connected=True))
    assert found is not None
    assert (found.terms.status, found.terms.retry_after) == (412, 5)
    assert "machine m1 was lost a moment ago" in str(found)


@pytest.mark.parametrize(
    ("on", "heart"),
    [
        (host(), 0.5),
        (dead(ago=SECOND), 5),
        (host(life=Life.RETIRED), None),
        (None, None),
        (returning(), 0.5),
        (host(life=Life.SUSPECT, since=NOON - LIMIT), 100),
        (host(status=HostStatus.UNKNOWN, status_since=NOON - LIMIT), 60),
        (host(), 60),
    ],
)
def test_in_touch_dead_or_lost_for_long_it_is_accepted(on: Host | None, heart: float | None) -> None:
    assert asked(on, sighting("h1", heart=heart, connected=True)) is None


@pytest.mark.parametrize(
    ("stage", "epoch", "is_due"),
    [
        (D.QUEUED, 0, True),
        (D.BLOCKED, 1, True),
        (D.SENT, 2, False),
        (D.ACKED, 2, False),
        (D.SENT, 1, True),
        (D.VERIFIED_ABSENT, 1, False),
    ],
)
def test_due_once_for_each_epoch_of_a_host_in_touch(stage: DestroyStage, epoch: int, *, is_due: bool) -> None:
    known = fleet(host(epoch=2), destroy(stage=stage, epoch=epoch), IN_TOUCH)
    assert bool(due(known)) is is_due


def test_hosts_that_are_lost_or_silent_are_not_asked() -> None:
    assert due(fleet(host(), destroy())) == []
    assert due(fleet(host(), destroy(), sighting("h1", connected=False))) == []
    assert due(fleet(dead(), destroy(), IN_TOUCH)) == []
    assert due(fleet(returning(), destroy(), IN_TOUCH)) == [destroy()]
    assert due(fleet(host("h10"), destroy(on="h1"), sighting("h10", connected=True))) == []


def test_blocked_are_those_of_lost_hosts_that_do_not_say_so_yet() -> None:
    assert blocked(fleet(dead(), destroy())) == [destroy()]
    assert blocked(fleet(dead(), destroy(stage=D.SENT))) == [destroy(stage=D.SENT)]
    assert blocked(fleet(dead(), destroy(stage=D.BLOCKED))) == []
    assert blocked(fleet(dead(), destroy(stage=D.VERIFIED_ABSENT))) == []
    assert blocked(fleet(host(), destroy())) == []


def test_a_returning_host_must_lose_every_open_one_of_its_own() -> None:
    mine = [destroy("m2"), destroy("m1", stage=D.SENT), destroy("m3", stage=D.VERIFIED_ABSENT)]
    assert condemned_on(fleet(*mine, destroy("m10", on="h10")), "h1") == ["m1", "m2"]
