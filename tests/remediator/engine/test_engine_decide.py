"""decide from end to end, in values alone: what is asked, held, done, and in which order."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from remediator.actions import ACTIONS
from remediator.actions.effects import Condemn, Effect, MarkDead, Recreate
from remediator.engine.decide import Verdicts, decide
from remediator.model.decision import Decision, DecisionOutcome
from remediator.model.evidence import VerdictKind
from remediator.model.fleet import Fleet
from remediator.model.host import Capacity
from remediator.model.machine import Recovery, Snapshot
from remediator.model.policy import Budget, EvidenceGuard, Mode, Policy, Share, Step
from remediator.model.request import DestroyStage, Origin
from tests.remediator.builders import (
    CLOSED,
    NOON,
    SECOND,
    alert,
    dead,
    destroy,
    fleet,
    host,
    machine,
    playbook,
    policy,
    proved,
    remediation,
    returning,
    verdict,
    volume,
)

POLICY = policy()
LATER = NOON + timedelta(minutes=5)
ROOMY = (host("h2", "r2"), host("h3", "r3"))


def told(known: Fleet, rules: Policy = POLICY, now: datetime = NOON) -> Verdicts:
    return decide(rules, ACTIONS, "host_dead", known, now)


def lines(found: Verdicts) -> list[tuple[str, str, str, str]]:
    return [(d.target, d.action, d.outcome.value, d.reason) for d, _ in found.decisions]


def effects(found: Verdicts) -> list[Effect]:
    return [effect for _, many in found.decisions for effect in many]


def replaced(identifier: str = "m1", on: str = "h1") -> list[object]:
    """An original that is served by its replacement on h2."""
    new = f"{identifier}-new"
    original = machine(identifier, on, recovery=Recovery.SERVING, replaced_by=new)
    return [original, machine(new, "h2", replaces=identifier)]


def test_a_dead_host_is_marked_and_its_machines_are_recreated_apart() -> None:
    known = fleet(dead(), *ROOMY, verdict(), machine("m1"), machine("m2"))
    found = told(known)
    acts = DecisionOutcome.ACT.value
    assert lines(found) == [("h1", "mark_host_dead", acts, "Acting"), ("h1", "recreate", acts, "Acting")]
    targets = {effect.machine: effect.target for effect in effects(found) if isinstance(effect, Recreate)}
    assert set(targets) == {"m1", "m2"}
    assert MarkDead("h1") in effects(found)
    (opened,) = found.remediations
    assert (opened.key, opened.opened_at, opened.steps["recreate"]) == ("host_dead/h1", NOON, NOON)


def test_the_facts_of_an_act_are_kept_with_it() -> None:
    (decision, _), *_ = told(fleet(dead(), *ROOMY, verdict(), machine())).decisions
    guards_read = decision.facts.pop("guards")
    assert guards_read["continuity"] == {"lasted": 8.0, "need": 2.0}
    assert guards_read["evidence"]["age"] == 0.5
    assert decision.facts == {
        "plan": {"effects": 1, "placed": 1}, "approved": (),
        "gate_open": True, "verdict": "dead", "silent": 3, "assigned": 3, "witnesses": ["direct"],
        "fence": "none", "epoch": 1, "life": "dead",
    }  # fmt: skip
    assert decision.effects == ("mark_host_dead:h1",)


def test_the_same_facts_decide_the_same_again() -> None:
    known = fleet(dead(), *ROOMY, verdict(), machine())
    assert told(known) == told(known)


def test_only_the_machines_of_that_very_host_are_touched() -> None:
    known = fleet(dead("h1"), host("h10"), *ROOMY, verdict(), machine("m1"), machine("m10", on="h10"))
    assert [e.machine for e in effects(told(known)) if isinstance(e, Recreate)] == ["m1"]


def test_an_alert_about_h10_is_no_witness_against_h1() -> None:
    known = fleet(dead("h1"), *ROOMY, verdict(), *replaced(), alerts=(alert("h10"),), gate=CLOSED)
    assert not effects(told(known, now=LATER))[1:]


def test_what_is_done_is_not_decided_again() -> None:
    begun = remediation("h1", "mark_host_dead", "recreate", "condemn")
    placed = machine("m1", recovery=Recovery.PLACED, replaced_by="m9")
    known = fleet(dead(), *ROOMY, verdict(), placed, machine("m9", on="h2"), begun)
    assert told(known) == Verdicts()


def test_condemning_waits_for_patience_and_two_witnesses() -> None:
    known = fleet(dead(), *ROOMY, verdict(newest=LATER), *replaced(), remediation("h1", "mark_host_dead"))
    assert not effects(told(known))
    held = told(known, now=LATER)
    assert lines(held) == [("h1", "condemn", "hold", "SecondWitnessMissing")]
    seen = told(replace(known, alerts=(alert("h1"),)), now=LATER)
    assert effects(seen) == [Condemn("m1", "replaced, and its host stayed away for 120 s")]


def test_proof_of_power_off_ends_patience_and_is_the_second_witness() -> None:
    known = fleet(proved(dead()), *ROOMY, verdict(), *replaced(), remediation("h1", "mark_host_dead"))
    assert effects(told(known)) == [Condemn("m1", "replaced; power-off proved by bmc")]


def test_no_more_are_condemned_than_the_ceiling_allows() -> None:
    one = replace(POLICY, limits=replace(POLICY.limits, automatic_destroys=Share(0.0, 1)))
    known = fleet(
        dead(), *ROOMY, verdict(newest=LATER), *replaced("m1"), *replaced("m2"), remediation("h1", "mark_host_dead"),
        alerts=(alert("h1"),),
    )  # fmt: skip
    assert [e.machine for e in effects(told(known, one, LATER)) if isinstance(e, Condemn)] == ["m1"]
    spent = replace(known, destroys={"m0": destroy("m0")})
    assert lines(told(spent, one, LATER)) == [("h1", "condemn", "hold", "DestroyCeiling")]
    by_people = replace(known, destroys={"m0": destroy("m0", origin=Origin.OWNER)})
    assert len(effects(told(by_people, one, LATER))) == 1
    off = replace(spent, hosts={**spent.hosts, "h1": proved(dead())})
    assert lines(told(off, one, LATER)) == [("h1", "condemn", "hold", "DestroyCeiling")], "proof or not"
    older = destroy(
        "m0",
        stage=DestroyStage.VERIFIED_ABSENT,
        asked_at=NOON - timedelta(hours=2),
        moved_at=NOON - timedelta(hours=1),
    )
    assert len(effects(told(replace(off, destroys={"m0": older}), one, LATER))) == 1


def test_nobody_is_condemned_who_is_not_served_by_another() -> None:
    waiting = machine("m2", recovery=Recovery.PLACED, replaced_by="m1-new")
    orphan = machine("m3", recovery=Recovery.SERVING, replaced_by="nobody")
    known = fleet(
        proved(dead()), *ROOMY, verdict(), *replaced(), waiting, orphan, remediation("h1", "mark_host_dead")
    )
    assert [e.machine for e in effects(told(known)) if isinstance(e, Condemn)] == ["m1"]


def test_a_closed_gate_holds_whatever_changes_the_fleet_but_not_the_mark() -> None:
    known = fleet(dead(), *ROOMY, verdict(), machine(), gate=CLOSED)
    assert lines(told(known)) == [
        ("h1", "mark_host_dead", "act", "Acting"),
        ("h1", "recreate", "ask", "GateClosed"),
    ]


def test_with_power_proof_a_closed_gate_lets_one_host_of_a_region_pass() -> None:
    wide = policy(playbook(correlated=None))
    known = fleet(
        proved(dead("h1")), proved(dead("h4", "r4")), *ROOMY, verdict("h1"), verdict("h4"),
        machine("m1", "h1"), machine("m4", "h4"), gate=CLOSED,
    )  # fmt: skip
    found = told(known, wide)
    assert [e.machine for e in effects(found) if isinstance(e, Recreate)] == ["m1"]
    assert ("h4", "recreate", "hold", "GateClosedOneAtATime") in lines(found)


def test_of_two_that_were_served_in_one_moment_a_closed_gate_lets_one_be_condemned_at_a_time() -> None:
    """Neither is busy any more, and neither is condemned yet: what this very decide let pass counts."""
    wide = policy(playbook(correlated=None, budgets=()))
    known = fleet(
        proved(dead("h1")), proved(dead("h4", "r4")), *ROOMY, verdict("h1"), verdict("h4"), *replaced("m1", "h1"),
        *replaced("m4", "h4"), remediation("h1", "mark_host_dead"), remediation("h4", "mark_host_dead"), gate=CLOSED,
    )  # fmt: skip
    found = told(known, wide)
    assert [e.machine for e in effects(found) if isinstance(e, Condemn)] == ["m1"]
    assert ("h4", "condemn", "hold", "GateClosedOneAtATime") in lines(found)
    elsewhere = replace(known, hosts={**known.hosts, "h4": proved(dead("h4", region="fra"))})
    assert {e.machine for e in effects(told(elsewhere, wide)) if isinstance(e, Condemn)} == {"m1", "m4"}


def test_whoever_is_looked_at_first_keeps_its_turn_at_a_closed_gate() -> None:
    """h4 died first, and is first in turn; by its name h1 is no earlier than it at the next look."""
    wide = policy(playbook(correlated=None, budgets=()))
    homes = proved(dead("h1")), proved(dead("h4", "r4", ago=timedelta(seconds=20))), *ROOMY
    seen = verdict("h1"), verdict("h4")
    known = fleet(*homes, *seen, machine("m1", "h1"), machine("m4", "h4"), gate=CLOSED)
    found = told(known, wide)
    assert [e.machine for e in effects(found) if isinstance(e, Recreate)] == ["m4"]
    begun = {each.key: each for each in found.remediations}
    placed = machine("m4", "h4", recovery=Recovery.PLACED, replaced_by="m9"), machine("m9", "h2", replaces="m4")
    after = fleet(*homes, *seen, machine("m1", "h1"), *placed, gate=CLOSED)
    assert effects(told(replace(after, remediations=begun), wide)) == []


def test_a_frozen_fleet_is_left_alone_and_says_who_froze_it() -> None:
    found = told(fleet(dead(), *ROOMY, verdict(), machine(), frozen="by anna: drill"))
    assert lines(found) == [("h1", "mark_host_dead", "hold", "Frozen")]
    assert found.decisions[0][0].text == "all acting is stopped: by anna: drill"
    assert found.remediations == ()


@pytest.mark.parametrize(
    ("mode", "outcome", "why"),
    [(Mode.SHADOW, "shadow", "ModeShadow"), (Mode.APPROVE, "ask", "NeedsApproval")],
)
def test_shadow_and_approve_say_and_do_nothing(mode: Mode, outcome: str, why: str) -> None:
    found = told(fleet(dead(), *ROOMY, verdict(), machine()), policy(playbook(mode=mode)))
    assert ("h1", "recreate", outcome, why) in lines(found)
    assert effects(found) == []
    assert found.remediations == ()


def test_a_disabled_playbook_says_nothing() -> None:
    assert told(fleet(dead(), *ROOMY, verdict(), machine()), policy(playbook(mode=Mode.DISABLED))) == Verdicts()


def test_three_of_a_rack_are_held_as_one_incident() -> None:
    homes = [dead(name, "r1") for name in ("h1", "h4", "h5")]
    known = fleet(*homes, *ROOMY, *(verdict(each.name) for each in homes), machine())
    assert {(line[2], line[3]) for line in lines(told(known))} == {("hold", "Correlated")}


def test_a_budget_counts_what_this_very_tick_has_taken() -> None:
    one = policy(playbook(budgets=(Budget("region", max_in_flight=Share(0.0, 1)),), correlated=None))
    first, second = dead("h1", ago=timedelta(seconds=9)), dead("h4", ago=timedelta(seconds=8))
    known = fleet(second, first, *ROOMY, verdict("h1"), verdict("h4"), machine("m1"))
    assert lines(told(known, one)) == [
        ("h1", "mark_host_dead", "act", "Acting"),
        ("h1", "recreate", "act", "Acting"),
        ("h4", "mark_host_dead", "hold", "BudgetInFlight"),
    ]


def test_room_that_one_decision_takes_is_gone_for_the_next_of_the_same_tick() -> None:
    """Two hosts died at once, and there is room for one machine."""
    free = policy(playbook(budgets=(), correlated=None))
    known = fleet(
        dead("h1"), dead("h4", "r4"), host("h2", "r2", capacity=Capacity(1, 256, 0)), verdict("h1"), verdict("h4"),
        machine("m1", "h1"), machine("m4", "h4"),
    )  # fmt: skip
    found = told(known, free)
    assert [effect.machine for effect in effects(found) if isinstance(effect, Recreate)] == ["m1"]
    assert ("h4", "recreate", "hold", "NoRoom") in lines(found)
    assert [wish.machine for wish in found.unplaced] == ["m4"]


def test_room_that_one_rung_takes_is_gone_for_the_next() -> None:
    steps = (Step("recreate"), Step("restore_volumes", {"max_data_loss": "1h"}))
    both = policy(playbook(steps=steps, budgets=(), correlated=None))
    mounted = machine("m4", app="db", volumes=("v1",))
    copy = Snapshot("vs_1", "v1", "db", NOON - SECOND, 5, "d")
    tight = host("h2", "r2", capacity=Capacity(1, 256, 100))
    known = fleet(proved(dead("h1")), tight, verdict("h1"), machine("m1"), mounted, volume(), copy)
    assert ("h1", "restore_volumes", "hold", "NoRoom") in lines(told(known, both))
    roomy = replace(known, hosts={**known.hosts, "h2": replace(tight, capacity=Capacity(2, 512, 100))})
    assert [effect.key for effect in effects(told(roomy, both))] == ["recreate:m1:I-m1:1", "restore:v1:vs_1"]


def test_no_room_is_a_hold_and_a_demand() -> None:
    known = fleet(dead(), host("h2", capacity=Capacity(1, 256, 0)), verdict(), machine("m1"), machine("m2"))
    found = told(known)
    assert [effect.machine for effect in found.unplaced if isinstance(effect, Recreate)] == ["m2"]
    full = told(replace(known, hosts={"h1": dead()}))
    assert ("h1", "recreate", "hold", "NoRoom") in lines(full)
    assert len(full.unplaced) == 2


def test_a_host_that_is_back_closes_its_remediation() -> None:
    known = fleet(returning(), remediation("h1", "mark_host_dead"), verdict(kind=VerdictKind.ALIVE))
    (closed,) = told(known).remediations
    assert (closed.closed_at, closed.outcome, closed.open) == (NOON, "the host is back", False)
    assert told(known).decisions == ()


def test_a_host_that_dies_again_is_a_new_case() -> None:
    old = replace(remediation("h1", "mark_host_dead", "recreate"), closed_at=NOON - SECOND)
    (opened, *_) = told(fleet(dead(), *ROOMY, verdict(), machine(), old)).remediations
    assert (opened.opened_at, opened.open) == (NOON, True)


DISK = playbook("host_disk_full", evidence=EvidenceGuard(), steps=(Step("cordon"), Step("migrate")), correlated=None)


def test_an_alert_asks_for_its_playbook_on_its_target() -> None:
    asking = alert("h1", "host_disk_full")
    known = fleet(host("h1"), host("h10"), *ROOMY, machine(), machine("m10", "h10"), alerts=(asking,))
    found = told(known, policy(DISK))
    assert [effect.key for effect in effects(found)] == ["cordon:h1", "migrate:m1:h1:0"]
    kept = replace(known, alerts=(replace(asking, actionable=False),))
    assert told(kept, policy(DISK)) == Verdicts()
    unnamed = replace(known, alerts=(replace(asking, labels={"playbook": "host_disk_full"}),))
    assert told(unnamed, policy(DISK)) == Verdicts()


def test_when_the_signal_clears_and_all_is_done_it_closes() -> None:
    begun = remediation("h1", "cordon", "migrate", playbook="host_disk_full")
    known = fleet(host("h1", cordoned="host_disk_full"), *ROOMY, begun)
    assert told(known, policy(DISK)).remediations[0].outcome == "the signal cleared"
    still = replace(known, alerts=(alert("h1", "host_disk_full"),))
    assert told(still, policy(DISK)) == Verdicts()


def test_an_unknown_playbook_is_nobodys_wish() -> None:
    assert told(fleet(host(), alerts=(alert("h1", "no_such"),))) == Verdicts()


def test_a_decision_is_the_same_one_told_again_when_only_its_moment_differs() -> None:
    first, second = (
        told(fleet(dead(), verdict(newest=now), machine(), frozen="x"), now=now).decisions[0][0]
        for now in (NOON, NOON + SECOND)
    )
    assert isinstance(first, Decision)
    assert first.sameness == second.sameness
    assert first.id != second.id
