"""fence and power_cycle: when power is read, when it is taken, and what a lapsed lease proves for whom."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from remediator.actions import ACTIONS
from remediator.actions.effects import Condemn, Fence, PowerCycle
from remediator.actions.proof import proved_by, under_lease
from remediator.actions.spec import Planned
from remediator.model.decision import Hold
from remediator.model.errors import ForbiddenEdge
from remediator.model.evidence import Claim, Sighting, Verdict, VerdictKind
from remediator.model.fleet import Fleet
from remediator.model.host import Fence as Axis
from remediator.model.host import Host, Identity, Life
from remediator.model.machine import Machine, Recovery
from remediator.model.policy import Step
from remediator.model.request import Migration, MigrationStage, Operation, Stage
from tests.remediator.builders import (
    NOON,
    SECOND,
    case,
    dead,
    fleet,
    host,
    machine,
    operation,
    playbook,
    proved,
    sighting,
    verdict,
)

MINUTE = timedelta(minutes=1)
CHASSIS: dict[str, Any] = {"identity": Identity(uuid="u1"), "bmc_uuid": "u1", "bmc_at": NOON - timedelta(days=6)}
NAMED: dict[str, Any] = {"orchestrator_uuid": "u1", "orchestrator_at": NOON - timedelta(days=6)}
LONG = dead(ago=timedelta(minutes=3), **CHASSIS)
DB = machine("db1", volumes=("v1",))
STUCK = Claim(VerdictKind.WEDGED, "agent", NOON, "a child cannot fsync 4 kB in 2 s")


def planned(action: str, known: Fleet, **params: Any) -> Planned:
    found = ACTIONS[action].plan(case(known), ACTIONS[action].params.model_validate(params))
    assert not isinstance(found, Hold)
    return found


def tried(verb: str = "power_off", ago: timedelta = SECOND, **more: Any) -> Operation:
    args = {"host": "h1", "epoch": more.pop("epoch", 1)}
    return operation(f"{verb}:{ago}", verb, "", args=args, written_at=NOON - ago, **more)


def test_power_is_taken_after_patience_where_a_volume_waits_for_proof() -> None:
    assert planned("fence", fleet(LONG, DB)).effects == (Fence("h1", 1, "bmc", "u1", 0),)
    early = planned("fence", fleet(replace(LONG, died_at=NOON - MINUTE), DB))
    assert early == Planned(waiting="no proof yet: patience, 60 s left")


@pytest.mark.parametrize(
    "left",
    [
        machine("m1"),
        replace(DB, recovery=Recovery.SERVING),
        replace(DB, sealed=None),
        replace(DB, adopted=True),
        replace(DB, host="h10"),
    ],
)
def test_nobody_loses_power_for_what_needs_no_proof(left: Machine) -> None:
    assert planned("fence", fleet(LONG, left)).waiting == (
        "no proof yet: its power is read, and nothing on it needs more"
    )
    assert planned("fence", fleet(LONG, left), when="always").effects
    assert planned("fence", fleet(LONG, DB), when="never").waiting == "no proof yet: its power is read, never taken"


def test_what_a_person_has_said_to_be_gone_is_not_cut_off() -> None:
    assert planned("fence", fleet(replace(LONG, attested="wiped"), DB)) == Planned()
    assert planned("fence", fleet(replace(LONG, attested="removed"), DB)).effects


def test_patience_is_earned_in_our_own_term() -> None:
    known = fleet(LONG, DB, term_began=NOON - 30 * SECOND)
    assert planned("fence", known).waiting == "no proof yet: patience, 90 s left"


@pytest.mark.parametrize(
    "unknown",
    [
        {"bmc_at": NOON - timedelta(days=8)},
        {"bmc_uuid": "u2"},
        {"bmc_uuid": "", "bmc_at": None},
        {"identity": Identity()},
    ],
)
def test_a_bmc_that_was_not_seen_to_be_its_own_may_not_fence(unknown: dict[str, Any]) -> None:
    found = planned("fence", fleet(replace(LONG, **unknown), DB))
    assert "none was seen to be its own" in found.waiting
    assert found.effects == ()


def test_one_try_at_a_time_and_the_next_after_a_while() -> None:
    under_way = planned("fence", fleet(LONG, DB, tried(error="no answer")))
    assert under_way.waiting.startswith("no proof yet: bmc: under way (no answer); orchestrator: none named")
    failed = tried(stage=Stage.FAILED, error="refused", ago=MINUTE)
    assert "bmc: refused, again in 240 s" in planned("fence", fleet(LONG, DB, failed)).waiting
    old = tried(stage=Stage.FAILED, error="refused", ago=6 * MINUTE)
    assert planned("fence", fleet(LONG, DB, old)).effects == (Fence("h1", 1, "bmc", "u1", 1),)
    earlier_life = tried(stage=Stage.FAILED, epoch=0)
    assert planned("fence", fleet(LONG, DB, earlier_life)).effects == (Fence("h1", 1, "bmc", "u1", 0),)


BOTH = replace(LONG, **NAMED)


def test_ways_go_on_in_their_order() -> None:
    failed = tried(stage=Stage.FAILED, error="refused")
    found = planned("fence", fleet(BOTH, DB, failed), via=["bmc", "lease", "orchestrator"])
    assert found.effects == (Fence("h1", 1, "orchestrator", "u1", 0),)
    assert planned("fence", fleet(BOTH, DB)).effects == (Fence("h1", 1, "bmc", "u1", 0),)
    assert planned("fence", fleet(proved(LONG), DB)) == Planned()


@pytest.mark.parametrize("other", ["power_off", "fence_host"])
def test_no_two_ways_are_gone_at_once(other: str) -> None:
    """A host is not cut off twice because the first way needs a moment: somebody would have to let it go."""
    way = "orchestrator" if other == "power_off" else "bmc"
    found = planned("fence", fleet(BOTH, DB, tried(other)), via=[way])
    assert found.waiting == f"no proof yet: {way}: not before another way has ended"


@pytest.mark.parametrize(
    "unknown",
    [
        {"orchestrator_at": NOON - timedelta(days=8)},
        {"orchestrator_uuid": "u2"},
        {"orchestrator_uuid": "", "orchestrator_at": None},
        {"identity": Identity()},
    ],
)
def test_an_orchestrator_that_did_not_name_its_chassis_may_not_fence(unknown: dict[str, Any]) -> None:
    found = planned("fence", fleet(replace(BOTH, **unknown), DB), via=["orchestrator"])
    assert found == Planned(waiting="no proof yet: orchestrator: none named its chassis within 7 days before it died")


LEASED = replace(DB, config={"metadata": {"lease": "true"}})


def test_a_lapsed_lease_proves_for_those_that_agreed_to_it_alone() -> None:
    lapsed = replace(LONG, lease_lapsed_at=NOON)
    assert (under_lease(LEASED), under_lease(DB), under_lease(replace(LEASED, volumes=()))) == (True, False, False)
    assert (proved_by(lapsed, LEASED), proved_by(lapsed, DB), proved_by(LONG, LEASED)) == ("lease", "", "")
    assert proved_by(proved(LONG), DB) == "bmc"
    assert "nothing on it needs more" in planned("fence", fleet(lapsed, LEASED)).waiting
    assert planned("fence", fleet(lapsed, LEASED, replace(DB, id="db2"))).effects


def test_what_a_lapsed_lease_has_stopped_is_condemned_at_once() -> None:
    lapsed = dead(lease_lapsed_at=NOON)
    stopped = replace(LEASED, recovery=Recovery.SERVING, replaced_by="n1")
    held = stopped, replace(DB, id="db2", recovery=Recovery.SERVING, replaced_by="n2")
    serving = machine("n1", "h2"), machine("n2", "h2")
    found = planned("condemn", fleet(lapsed, host("h2", "r2"), *held, *serving))
    assert found.effects == (Condemn("db1", "replaced; its lease there has run out"),)


def test_the_axis_has_a_table_of_edges() -> None:
    pending = LONG.fenced(Axis.PENDING, by="bmc", now=NOON)
    assert (pending.fence, pending.fence_by, pending.fence_at) == (Axis.PENDING, "bmc", NOON)
    assert pending.fenced(Axis.PROVED, by="bmc", now=NOON).fence is Axis.PROVED
    with pytest.raises(ForbiddenEdge):
        proved(LONG).fenced(Axis.FAILED, by="bmc", now=NOON)
    back = replace(pending, lease_lapsed_at=NOON).moved_to(Life.RETURNING, now=NOON, reason="back")
    assert (back.fence, back.lease_lapsed_at) == (Axis.NONE, None)


def stuck(*claims: Claim, kind: VerdictKind = VerdictKind.WEDGED) -> tuple[Host, Verdict, Sighting]:
    """A host with a BMC of its own, its verdict, and what is claimed of it."""
    return host(**CHASSIS), verdict("h1", kind), sighting("h1", claims=claims)


HUNG = stuck(STUCK)


def test_a_wedged_host_is_cycled_once_its_machines_have_left() -> None:
    assert planned("power_cycle", fleet(*HUNG)).effects == (PowerCycle("h1", 1, "u1", "boot-h1", 0),)
    leaving = Migration("g1", "m1", "web", "h1", "h2", NOON, "wedged")
    assert planned("power_cycle", fleet(*HUNG, leaving)).waiting == "1 machines are still leaving it"
    assert planned("power_cycle", fleet(*HUNG, leaving), after="0s").effects


def test_its_power_waits_for_the_turn_of_each_machine_that_the_playbook_moves() -> None:
    book = playbook("host_wedged", steps=(Step("cordon"), Step("migrate"), Step("power_cycle")))
    params = ACTIONS["power_cycle"].params()

    def waiting(*things: object) -> str:
        found = ACTIONS["power_cycle"].plan(case(fleet(*HUNG, *things), "h1", book), params)
        assert isinstance(found, Planned)
        return found.waiting if not found.effects else "cycled"

    tried = Migration("g1", "m1", "web", "h1", "h2", NOON, "wedged", stage=MigrationStage.ROLLED_BACK)
    assert waiting(machine("m1"), machine("m2")) == "2 machines are still leaving it"
    assert waiting(machine("m1"), machine("m2"), tried) == "1 machines are still leaving it"
    assert waiting(machine("m1"), tried) == waiting(machine("m9", adopted=True)) == "cycled"


@pytest.mark.parametrize("kind", [kind for kind in VerdictKind if kind is not VerdictKind.WEDGED])
def test_nobody_is_cycled_whom_direct_evidence_does_not_call_wedged(kind: VerdictKind) -> None:
    assert planned("power_cycle", fleet(*stuck(STUCK, kind=kind))) == Planned()
    assert planned("power_cycle", fleet(host(**CHASSIS))) == Planned()


def test_the_rule_alone_takes_nobodys_power() -> None:
    """A verdict that only repeats what a rule says is no second witness."""
    assert planned("power_cycle", fleet(*stuck(replace(STUCK, by="store")))) == Planned()
    assert planned("power_cycle", fleet(*stuck(replace(STUCK, kind=VerdictKind.UNSCRAPED)))) == Planned()
    assert planned("power_cycle", fleet(*stuck(STUCK, replace(STUCK, by="store")))).effects


def test_a_cycle_is_done_once_in_a_life() -> None:
    assert planned("power_cycle", fleet(*HUNG, tried("power_cycle", stage=Stage.DONE))) == Planned()
    assert planned("power_cycle", fleet(*HUNG, tried("power_cycle"))).waiting == "under way"
    failed = tried("power_cycle", stage=Stage.FAILED, error="refused")
    assert planned("power_cycle", fleet(*HUNG, failed)).waiting == "failed: refused"
    old = replace(failed, written_at=NOON - 6 * MINUTE)
    assert planned("power_cycle", fleet(*HUNG, old)).effects
    assert "a person must" in planned("power_cycle", fleet(host(), *HUNG[1:])).waiting
    assert "it is gone" in planned("power_cycle", fleet(LONG, *HUNG[1:])).waiting
