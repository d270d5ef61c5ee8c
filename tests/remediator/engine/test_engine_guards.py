"""Each guard holds where it must and lets pass where it may; one that errs blocks."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from remediator.actions.spec import Case
from remediator.engine.guards import table as guards
from remediator.engine.guards.guard import AnyGuard, name_of
from remediator.model.decision import Hold
from remediator.model.evidence import VerdictKind
from remediator.model.host import Life
from remediator.model.machine import MachineState, Recovery
from remediator.model.people import Release
from remediator.model.policy import Backlog, Budget, Correlated, EvidenceGuard, Mode, Share
from tests.remediator.builders import (
    CLOSED,
    NOON,
    SECOND,
    alert,
    case,
    dead,
    fleet,
    host,
    machine,
    playbook,
    proved,
    remediation,
    verdict,
)

NO_EVIDENCE_ASKED = playbook("host_disk_full", evidence=EvidenceGuard())


def reason(hold: Hold | None) -> str:
    return hold.reason if hold else ""


@pytest.mark.parametrize(
    "error", [KeyError("x"), TypeError("x"), ZeroDivisionError(), AttributeError("x"), ValueError()]
)
def test_a_guard_that_raises_blocks(error: Exception) -> None:
    def bad(_: Case) -> Hold | None:
        raise error

    hold = guards.checked(bad, case(fleet(dead())))
    assert hold is not None
    assert hold.reason == "GuardFailed"
    assert hold.text == f"guard bad failed and therefore blocks: {type(error).__name__}"


def test_the_first_that_holds_is_told() -> None:
    seen: list[str] = []

    def says(name: str, hold: Hold | None) -> AnyGuard:
        def guard(_: Case) -> Hold | None:
            seen.append(name)
            return hold

        return guard

    held = Hold("Second", "text")
    assert guards.first_hold([says("1", None), says("2", held), says("3", held)], case(fleet())) is held
    assert seen == ["1", "2"]
    assert guards.first_hold([says("1", None)], case(fleet())) is None


def test_frozen() -> None:
    assert reason(guards.frozen(case(fleet(frozen="by anna: drill")))) == "Frozen"
    assert guards.frozen(case(fleet())) is None


def test_after_its_maintenance_a_host_is_to_be_seen_healthy_or_a_person_is_asked() -> None:
    until = dead(maintenance_until=NOON + SECOND)
    assert reason(guards.maintenance(case(fleet(until)))) == "Maintenance"
    over = guards.maintenance(case(fleet(replace(until, maintenance_until=NOON))))
    assert over is not None
    assert (over.reason, over.asks) == ("MaintenanceOver", True)
    assert guards.maintenance(case(fleet(dead()))) is None


@pytest.mark.parametrize(
    ("change", "holds"),
    [
        ({}, ""),
        ({"kind": VerdictKind.PARTITIONED}, "EvidenceDisagrees"),
        ({"kind": VerdictKind.SUSPECT}, "EvidenceDisagrees"),
        ({"newest": NOON - 4 * SECOND}, "EvidenceStale"),
        ({"newest": None}, "EvidenceStale"),
        ({"outside_rack": 1}, "QuorumTooSmall"),
        # Few vantages are no excuse: what is asked for is not lowered by how many there are.
        ({"outside_rack": 1, "assigned": 1}, "QuorumTooSmall"),
        ({"outside_rack": 1, "assigned": 2}, "QuorumTooSmall"),
    ],
)
def test_evidence_must_agree_be_fresh_and_come_from_outside(change: dict[str, object], holds: str) -> None:
    asked = case(fleet(dead(), replace(verdict(), **change)))  # type: ignore[arg-type]
    assert reason(guards.evidence(asked)) == holds


VOTES = {"verdict": "dead", "silent": 3, "assigned": 3}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"kind": VerdictKind.PARTITIONED},
            Hold(
                "EvidenceDisagrees",
                "direct evidence says partitioned, not dead",
                {**VOTES, "verdict": "partitioned"},
            ),
        ),
        ({"newest": None}, Hold("EvidenceStale", "no probe result is fresh enough", VOTES)),
        (
            {"outside_rack": 1},
            Hold("QuorumTooSmall", "only 1 vantages outside its rack agree, 2 must", VOTES),
        ),
    ],
)
def test_what_evidence_lacks_is_told_with_the_votes(change: dict[str, Any], told: Hold) -> None:
    assert guards.evidence(case(fleet(dead(), replace(verdict(), **change)))) == told


def test_evidence_as_old_as_it_may_be_is_fresh() -> None:
    oldest = NOON - playbook().evidence.max_age
    assert guards.evidence(case(fleet(dead(), verdict(newest=oldest)))) is None
    assert reason(guards.evidence(case(fleet(dead(), verdict(newest=oldest - SECOND / 1000))))) == "EvidenceStale"


@pytest.mark.parametrize(
    ("mode", "told"),
    [
        (Mode.AUTO, None),
        (Mode.SHADOW, Hold("ModeShadow", "mode is shadow")),
        (Mode.APPROVE, Hold("NeedsApproval", "mode is approve", asks=True)),
    ],
)
def test_who_only_watches_does_nothing_and_who_needs_approval_asks(mode: Mode, told: Hold | None) -> None:
    assert guards.mode(case(fleet(dead()), book=playbook(mode=mode))) == told


def test_a_guard_that_is_left_out_is_out_of_what_heals_too() -> None:
    left = guards.ALL.without("evidence")
    assert [name_of(each) for each in left.healing] == ["frozen", "operator_hold", "maintenance", "continuity"]
    assert "evidence" not in [name_of(each) for each in left.before]


def test_no_evidence_at_all_disagrees_and_none_may_be_asked_for() -> None:
    hold = guards.evidence(case(fleet(dead())))
    assert hold is not None
    assert hold.text == "direct evidence says no evidence, not dead"
    assert guards.evidence(case(fleet(dead()), book=NO_EVIDENCE_ASKED)) is None


def test_what_speaks_against_a_rule_is_told() -> None:
    told = "direct evidence does not agree: the host is back"
    assert guards.evidence.judge({"contrary": "the host is back"}) == Hold("EvidenceDisagrees", told)


def test_evidence_about_h10_says_nothing_about_h1() -> None:
    assert reason(guards.evidence(case(fleet(dead("h1"), verdict("h10"))))) == "EvidenceDisagrees"


def test_continuity_runs_from_the_first_missed_probe_within_our_own_term() -> None:
    told = verdict(suspect_since=NOON - 2 * SECOND)
    assert guards.continuity(case(fleet(dead(), told))) is None
    assert reason(guards.continuity(case(fleet(dead(), replace(told, suspect_since=NOON - SECOND))))) == "Settling"
    fresh_term = fleet(dead(), told, term_began=NOON - SECOND)
    assert reason(guards.continuity(case(fresh_term))) == "Settling"
    settling = playbook(settle=timedelta(seconds=3))
    held = guards.continuity(case(fleet(dead(), told), book=settling))
    assert held == Hold("Settling", "unbroken for 2.0 s of 3 s")


@pytest.mark.parametrize(
    ("things", "names"),
    [
        ((dead(),), []),
        ((dead(), verdict()), ["direct"]),
        ((dead(), verdict(kind=VerdictKind.PARTITIONED)), []),
        ((proved(dead()), verdict()), ["direct", "power"]),
    ],
)
def test_witnesses_speak_each_for_itself(things: tuple[object, ...], names: list[str]) -> None:
    assert guards.witnesses_of(case(fleet(*things))) == names


@pytest.mark.parametrize(
    ("asking", "counts"),
    [
        (alert("h1"), True),
        (alert("h10"), False),
        (alert("h1", "host_wedged"), False),
        (alert("h1", actionable=False), False),
        (alert("h1", labels={"playbook": "host_dead"}), False),
    ],
)
def test_the_store_is_a_witness_for_the_very_host_and_playbook(asking: object, *, counts: bool) -> None:
    known = fleet(dead(), alerts=(asking,))
    assert ("store" in guards.witnesses_of(case(known))) is counts
    assert "store" not in guards.witnesses_of(case(replace(known, gate=CLOSED)))


@pytest.mark.parametrize(
    ("seen", "counts"), [(NOON - SECOND, False), (None, False), (NOON, True), (NOON + SECOND, True)]
)
def test_the_store_is_a_witness_for_what_was_seen_in_our_own_term_alone(
    seen: datetime | None, *, counts: bool
) -> None:
    """After a pause of ours an alert from before it says nothing of now."""
    asking = alert("h1", active_at=NOON - 60 * SECOND, last_seen=seen)
    known = fleet(dead(), alerts=(asking,), term_began=NOON)
    assert ("store" in guards.witnesses_of(case(known))) is counts


def test_the_gate_lets_additive_acts_pass_while_open() -> None:
    assert guards.gate(case(fleet(dead(), verdict()))) is None


@pytest.mark.parametrize("state", [CLOSED, None])
def test_closed_or_unknown_holds_what_has_one_witness(state: object) -> None:
    assert reason(guards.gate(case(fleet(dead(), verdict(), gate=state)))) == "GateClosed"
    full = case(fleet(proved(host()), verdict(), gate=state), book=NO_EVIDENCE_ASKED)
    assert reason(guards.gate(full)) == "GateClosed"


def test_two_witnesses_pass_a_closed_gate_one_host_of_a_region_at_a_time() -> None:
    alone = fleet(proved(dead()), verdict(), machine("m2", on="h2"), gate=CLOSED)
    assert guards.gate(case(alone)) is None
    second = replace(
        alone, hosts={**alone.hosts, "h2": dead("h2")}, remediations={"x": remediation("h2", "recreate")}
    )
    assert reason(guards.gate(case(second))) == "GateClosedOneAtATime"
    elsewhere = replace(second, hosts={**alone.hosts, "h2": dead("h2", region="fra")})
    assert guards.gate(case(elsewhere)) is None
    other_playbook = replace(second, remediations={"x": remediation("h2", "cordon", playbook="host_wedged")})
    assert guards.gate(case(other_playbook)) is None


def test_of_two_that_began_while_the_gate_was_open_the_older_goes_on() -> None:
    """Otherwise each waits for the other until one of them comes back by itself."""
    older, younger = remediation("h1", "recreate", ago=60), remediation("h2", "recreate", ago=30)
    homes = proved(dead("h1")), proved(dead("h2")), machine("m1"), machine("m2", on="h2")
    both = fleet(*homes, verdict("h1"), verdict("h2"), older, younger, gate=CLOSED)
    assert guards.gate(case(both, "h1")) is None
    assert reason(guards.gate(case(both, "h2"))) == "GateClosedOneAtATime"


def test_killing_wants_two_witnesses_gate_open_or_not() -> None:
    one = fleet(dead(), verdict())
    hold = guards.destructive_witnesses(case(one))
    assert hold is not None
    assert (hold.reason, hold.text) == ("SecondWitnessMissing", "only direct says so; two of three must")
    assert guards.destructive_witnesses(case(replace(one, alerts=(alert(),)))) is None
    assert guards.destructive_witnesses(case(fleet(proved(dead()), verdict(), gate=CLOSED))) is None
    closed = replace(one, alerts=(alert(),), gate=CLOSED)
    assert reason(guards.destructive_witnesses(case(closed))) == "SecondWitnessMissing"


def test_killing_where_no_evidence_is_asked_for_wants_the_gate() -> None:
    assert guards.destructive_witnesses(case(fleet(host()), book=NO_EVIDENCE_ASKED)) is None
    shut = case(fleet(host(), gate=CLOSED), book=NO_EVIDENCE_ASKED)
    assert reason(guards.destructive_witnesses(shut)) == "GateClosed"


def three(rack: Callable[[int], str] = lambda _: "r1", **change: Any) -> list[object]:
    return [dead(f"h{n}", rack(n), **change) for n in (1, 2, 3)]


def test_three_of_one_rack_are_one_incident() -> None:
    hold = guards.correlated(case(fleet(*three())))
    assert hold is not None
    assert (hold.reason, hold.facts) == ("Correlated", {"label": "rack", "value": "r1", "hosts": ["h1", "h2", "h3"]})


def test_two_are_not_nor_three_that_have_nothing_in_common() -> None:
    assert guards.correlated(case(fleet(*three()[:2]))) is None
    by_rack = playbook(correlated=Correlated(by=("rack",)))
    assert guards.correlated(case(fleet(*three(lambda n: f"r{n}")), book=by_rack)) is None
    assert guards.correlated(case(fleet(*three()), book=playbook(correlated=None))) is None


def test_suspects_count_and_those_who_fell_long_ago_do_not() -> None:
    two = three()[:2]
    assert guards.correlated(case(fleet(*two, host("h3", life=Life.SUSPECT, since=NOON)))) is not None
    short = playbook(correlated=Correlated(within=(timedelta(seconds=30),)))
    assert guards.correlated(case(fleet(*two, dead("h3", ago=timedelta(seconds=40))), book=short)) is None


def test_labels_of_the_host_and_its_agents_version_correlate_too() -> None:
    by = playbook(correlated=Correlated(by=("kernel", "agent_version")))
    others = [host(f"x{n}", f"q{n}") for n in range(4)]
    assert guards.correlated(case(fleet(*three(labels={"kernel": "6.1"}), *others), book=by)) is not None
    assert guards.correlated(case(fleet(*three(version="0.2"), *others), book=by)) is not None
    # A label that nobody has is no common cause, nor is one that most hosts have.
    assert guards.correlated(case(fleet(*three(), *others), book=by)) is None
    assert guards.correlated(case(fleet(*three(version="0.2"), *others[:2]), book=by)) is None


def test_an_incident_found_later_does_not_stop_what_has_begun() -> None:
    assert guards.correlated(case(fleet(*three()), remediation=remediation("h1", "recreate"))) is None


IN_FLIGHT = Budget("region", max_in_flight=Share(0.0, 1))
RATE = Budget("fleet", rate=Share(0.0, 1), per=timedelta(hours=1))
NEWLY = Budget("region", newly_unhealthy=Share(0.0, 1), within=timedelta(hours=1))
RACK = Budget("rack", max_in_flight=Share(0.0, 1))


def held_by(budget: Budget, *things: object, target: str = "h1") -> str:
    return reason(guards.budgets(case(fleet(*things), target, playbook(budgets=(budget,)))))


def test_hosts_that_rules_alone_accuse_together_are_one_incident_although_they_live() -> None:
    wedged = replace(NO_EVIDENCE_ASKED, correlated=Correlated(by=("rack",)))
    accused = [host(f"h{n}") for n in (1, 2, 3)]
    alerts = tuple(alert(f"h{n}", "host_disk_full") for n in (1, 2, 3))
    assert reason(guards.correlated(case(fleet(*accused, alerts=alerts), book=wedged))) == "Correlated"
    assert guards.correlated(case(fleet(*accused, alerts=alerts[:2]), book=wedged)) is None
    later = replace(alerts[2], active_at=NOON + timedelta(minutes=5))
    assert guards.correlated(case(fleet(*accused, alerts=(*alerts[:2], later)), book=wedged)) is None
    dying = replace(wedged, evidence=EvidenceGuard(verdict="dead"))
    assert guards.correlated(case(fleet(*accused, alerts=alerts), book=dying)) is None


def test_in_flight_counts_other_open_targets_of_this_playbook_in_scope() -> None:
    homes = dead("h1"), dead("h2"), dead("h10"), machine("m2", on="h2")
    assert held_by(IN_FLIGHT, *homes, remediation("h2", "recreate")) == "BudgetInFlight"
    assert held_by(IN_FLIGHT, *homes) == ""
    assert held_by(IN_FLIGHT, *homes, remediation("h2")) == ""
    assert held_by(IN_FLIGHT, *homes, remediation("h2", "cordon", playbook="host_wedged")) == ""
    closed = replace(remediation("h2", "recreate"), closed_at=NOON)
    assert held_by(IN_FLIGHT, *homes, closed) == ""
    elsewhere = dead("h1"), dead("h2", region="fra"), machine("m2", on="h2")
    assert held_by(IN_FLIGHT, *elsewhere, remediation("h2", "recreate")) == ""


@pytest.mark.parametrize(
    ("left", "holds"),
    [
        ({}, True),
        ({"recovery": Recovery.PLACED}, True),
        ({"recovery": Recovery.SERVING}, False),
        ({"recovery": Recovery.HELD}, False),
        ({"recovery": Recovery.WAITING}, False),
        ({"state": MachineState.STOPPED}, False),
        ({"state": MachineState.DESTROYING, "recovery": Recovery.PLACED}, False),
    ],
)
def test_a_dead_host_holds_its_slot_only_while_a_serving_machine_of_it_is_under_way(
    left: dict[str, Any], *, holds: bool
) -> None:
    """Else hosts that wait out their patience, or for a person, keep all others from being remedied."""
    homes = dead("h1"), dead("h2"), machine("m1"), remediation("h2", "recreate")
    assert held_by(IN_FLIGHT, *homes, machine("m2", on="h2", **left)) == ("BudgetInFlight" if holds else "")


def test_a_host_that_lives_holds_its_slot_for_as_long_as_its_remediation_is_open() -> None:
    assert held_by(IN_FLIGHT, dead("h1"), host("h2"), remediation("h2", "cordon")) == "BudgetInFlight"


def test_a_rack_is_a_scope() -> None:
    mine = remediation("h2", "recreate")
    lost = machine("m2", on="h2")
    assert held_by(RACK, dead("h1", "r1"), dead("h2", "r1"), lost, mine) == "BudgetInFlight"
    assert held_by(RACK, dead("h1", "r1"), dead("h2", "r2"), lost, mine) == ""


def test_the_rate_counts_what_began_within_the_hour_closed_or_not() -> None:
    homes = dead("h1"), dead("h2", region="fra")
    closed = replace(remediation("h2", "recreate"), closed_at=NOON)
    assert held_by(RATE, *homes, closed) == "BudgetRate"
    assert held_by(RATE, *homes, remediation("h2", "recreate", ago=3601)) == ""


def test_newly_unhealthy_counts_deaths_of_others_also_of_those_that_are_back() -> None:
    assert held_by(NEWLY, dead("h1")) == ""
    assert held_by(NEWLY, dead("h1"), host("h2", died_at=NOON - SECOND)) == "BudgetNewlyUnhealthy"
    assert held_by(NEWLY, dead("h1"), dead("h2", ago=timedelta(minutes=61))) == ""


def test_shares_grow_with_the_scope_and_are_rounded_down() -> None:
    tenth = Budget("region", max_in_flight=Share(0.1, 1))
    mine = remediation("h2", "recreate")
    nineteen = [host(f"h{n}") for n in range(1, 20)]
    assert held_by(tenth, *nineteen, mine) == "BudgetInFlight"
    assert held_by(tenth, *nineteen, host("h20"), mine) == ""


def test_a_budget_binds_the_first_act_on_a_target_only() -> None:
    begun = case(
        fleet(dead("h1"), dead("h2"), machine("m2", on="h2"), remediation("h2", "recreate")),
        book=playbook(budgets=(IN_FLIGHT,)),
        remediation=remediation("h1", "mark_host_dead"),
    )
    assert guards.budgets(begun) is None


def test_the_facts_say_how_much_was_used() -> None:
    known = fleet(dead("h1"), dead("h2"), machine("m2", on="h2"), remediation("h2", "x"))
    hold = guards.budgets(case(known, book=playbook(budgets=(IN_FLIGHT,))))
    assert hold is not None
    assert hold.facts == {"scope": "region", "used": 1, "allowed": 1}


TEN_MINUTES = playbook(backlog=Backlog(approve_above=2, hold_for=timedelta(minutes=10)))


def waiting(*lost: str, since: datetime | None = NOON - SECOND, also: tuple[Any, ...] = (), **more: Any) -> Case:
    """The case of h1, of a playbook whose backlog window began ``since``."""
    begun = {"host_dead": since} if since else {}
    return case(fleet(*(dead(name) for name in lost), *also, backlog_since=begun, **more), book=TEN_MINUTES)


def test_many_that_ask_at_once_after_a_change_of_rules_wait() -> None:
    hold = guards.backlog(waiting("h1", "h2", "h3"))
    assert hold is not None
    assert (hold.reason, hold.facts) == ("Backlog", {"asking": 3, "allowed": 2})
    many = "3 ask at once just after a start or a change of rules"
    assert hold.text == f"{many}, 2 may, until 2026-08-01T12:09:59+00:00"


@pytest.mark.parametrize(
    ("change", "passes"),
    [
        ({}, True),
        ({"playbook": "host_dead"}, True),
        ({"hosts": ("h2",)}, False),
        ({"playbook": "host_disk_full"}, False),
        ({"at": NOON - 2 * SECOND, "until": NOON - SECOND}, False),
    ],
)
def test_whom_a_person_has_named_is_no_backlog(change: dict[str, Any], passes: bool) -> None:
    said = {"hosts": ("h1",), "by": "ada", "why": "known", "at": NOON, "until": NOON + SECOND, **change}
    asked = waiting("h1", "h2", "h3", also=(Release("r1", **said),))
    assert (guards.backlog(asked) is None) == passes


@pytest.mark.parametrize(
    ("begun", "fell", "passes"), [(1, 55, False), (59, 55, False), (70, 55, True), (1, 45, True)]
)
def test_many_that_fell_while_we_were_away_ask_at_once(begun: float, fell: float, *, passes: bool) -> None:
    """We started a minute ago; who was heard for more than ten seconds since fell by itself."""
    silent = replace(verdict("h1"), suspect_since=NOON - fell * SECOND)
    two = [remediation(name, "mark_host_dead", ago=begun) for name in ("h2", "h3")]
    asked = waiting("h1", "h2", "h3", since=NOON - 60 * SECOND, also=(*two, silent))
    assert (guards.backlog(asked) is None) == passes


def test_few_pass_and_so_do_many_when_the_window_is_over_or_never_began() -> None:
    assert guards.backlog(waiting("h1", "h2")) is None
    assert guards.backlog(waiting("h1", "h2", "h3", since=NOON - timedelta(minutes=10))) is None
    assert guards.backlog(waiting("h1", "h2", "h3", since=None)) is None


def test_what_has_begun_is_no_backlog_and_goes_on() -> None:
    begun = remediation("h3", "mark_host_dead")
    assert guards.backlog(waiting("h1", "h2", "h3", also=(begun,))) is None
    going_on = waiting("h1", "h2", "h3", "h4", also=(remediation("h1", "mark_host_dead"),))
    assert guards.backlog(going_on) is None


def test_alerts_that_may_be_acted_on_are_counted_with_the_dead() -> None:
    asked = (alert("h4"), alert("h5"))
    assert reason(guards.backlog(waiting("h1", alerts=asked))) == "Backlog"
    assert guards.backlog(waiting("h1", alerts=(replace(asked[0], actionable=False), asked[1]))) is None
