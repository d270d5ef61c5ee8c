"""Each sin committed once by hand, and found; and the same acts where they are none."""

import pytest

from remediator.simulate.oracle.findings import Sin
from remediator.simulate.world.record import Act, Happened, Requested, Routed, Sent, Span, Stated
from tests.remediator.simulate.oracle.truths import act, cut_off, dead, host, judge, power, ran, sins, truth

DEAD = Stated(104.0, "h1", "dead", "unreachable")
RECOVERY = (act(104.0, "mark_dead", "h1"), act(104.0, "recreate", "h1", target="h3"))
LOST_FOR_GOOD = truth(dead("h1", 100.0), faults=(power("h1", 100.0),), ran=(ran("m-h1", "h1", 0.0, 100.0),))


def test_a_clean_recovery_is_clean() -> None:
    acts = (*RECOVERY, act(224.0, "condemn", "h1"))
    judgement = judge(LOST_FOR_GOOD, acts=acts, stated=(DEAD,))
    assert judgement.findings == ()
    assert judgement.needless == ()


@pytest.mark.parametrize("kind", ["condemn", "destroy", "fence"])
def test_killing_what_runs_and_can_be_reached_is_wrong(kind: str) -> None:
    assert sins(truth(), acts=(act(50.0, kind, "h1"),)) == [Sin.WRONG_KILL]


def test_killing_what_is_back_within_patience_of_the_verdict_is_wrong() -> None:
    what = truth(cut_off("h1", 100.0, back=220.0))
    assert sins(what, acts=(act(150.0, "condemn", "h1"),), stated=(DEAD,)) == [Sin.WRONG_KILL]


def test_patience_waited_out_is_no_sin_though_it_comes_back_later() -> None:
    what = truth(cut_off("h1", 100.0, back=230.0))
    assert sins(what, acts=(act(224.0, "condemn", "h1"),), stated=(DEAD,)) == []


def test_a_word_on_the_fence_of_the_dead_does_not_begin_patience_anew() -> None:
    what = truth(cut_off("h1", 100.0, back=230.0))
    pending = Stated(224.0, "h1", "dead", "unreachable", "pending")
    assert sins(what, acts=(act(224.0, "condemn", "h1"),), stated=(DEAD, pending)) == []


def test_a_fence_cannot_point_to_the_absence_that_it_caused() -> None:
    spans = (Span(0.0, 100.0),)
    fenced = host("h1", kernel=(Span(0.0, 105.0),), agent=(Span(0.0, 105.0),), reached=spans)
    ran_until = (ran("m-h1", "h1", 0.0, 105.0),)
    cut = Sent("k", "power_off", "h1", "", "automatic", 105.0, 105.0, "done")
    for until, found in ((130.0, [Sin.WRONG_KILL]), (500.0, [])):
        link = power("h1", 100.0, until)
        link = type(link)("link", link.targets, link.span, link.hosts)
        what = truth(fenced, faults=(link,), ran=ran_until)
        assert sins(what, acts=(act(104.9, "fence", "h1"),), stated=(DEAD,), sent=(cut,)) == found


def test_a_host_of_like_name_is_another_host() -> None:
    what = truth(dead("h1", 100.0), ran=(ran("m-h1", "h1", 0.0, 100.0), ran("m-h2", "h2", 0.0)))
    assert sins(what, acts=(act(224.0, "condemn", "h1", machine="m-h2"),), stated=(DEAD,)) == []
    assert sins(what, acts=(act(224.0, "condemn", "h2"),), stated=(DEAD,)) == [Sin.WRONG_KILL]


def test_what_an_owner_asked_for_is_no_kill() -> None:
    assert sins(truth(), acts=(act(50.0, "condemn", "h1", origin="owner"), act(51.0, "destroy", "h1"))) == []


def test_carrying_out_a_condemn_is_not_a_second_kill() -> None:
    what = truth(cut_off("h1", 100.0, back=300.0))
    assert sins(what, acts=(act(230.0, "condemn", "h1"), act(301.0, "destroy", "h1")), stated=(DEAD,)) == []


def test_stuck_disks_run_nothing() -> None:
    assert sins(truth(host("h1", wedged=(Span(40.0),))), acts=(act(50.0, "fence", "h1"),)) == []


def test_two_routable_instances_of_a_line() -> None:
    routed = (Routed("m", "m", "h1", Span(0.0, 101.0)), Routed("m+1", "m", "h3", Span(100.0)))
    (found,) = judge(truth(), routed=routed).findings
    assert (found.sin, found.at, found.subject) == (Sin.DOUBLE_ROUTABLE, 100.0, "m")


def test_one_after_the_other_is_not_two_at_once() -> None:
    routed = (Routed("m", "m", "h1", Span(0.0, 100.0)), Routed("m+1", "m", "h3", Span(100.0)))
    assert sins(truth(), routed=routed) == []


def test_two_writers_of_a_volume_even_out_of_reach() -> None:
    ran_ = (ran("m", "h1", 0.0, volumes=("v",)), ran("m+1", "h3", 100.0, line="m", volumes=("v2",)))
    assert sins(truth(cut_off("h1", 90.0), ran=ran_)) == [Sin.DOUBLE_MOUNT]


def test_behind_a_closed_gate_proof_is_wanted() -> None:
    closed = (Span(0.0, 50.0), Span(400.0))
    down = truth(dead("h1", 100.0), gate_open=closed, ran=())
    acts = (act(224.0, "condemn", "h1"),)
    assert sins(down, acts=acts, stated=(DEAD,)) == [Sin.GATE]
    proved = truth(dead("h1", 100.0), gate_open=closed, ran=(), faults=(power("h1", 100.0),))
    assert sins(proved, acts=acts, stated=(DEAD,)) == []


def test_our_own_power_cycle_is_proof_as_a_fence_is() -> None:
    fell, late = dead("h1", 100.2), act(160.0, "condemn", "h1")
    ran_until = (ran("m-h1", "h1", 0.0, 100.2),)
    what = truth(fell, ran=ran_until, gate_open=(Span(0.0, 101.0),))
    cycled = act(100.0, "power_cycle", "h1", machine="", playbook="host_wedged")
    assert sins(what, acts=(cycled, late), stated=(DEAD,)) == []
    assert sins(what, acts=(late,), stated=(DEAD,)) == [Sin.GATE]


def test_a_power_off_of_a_kernel_that_stood_still_is_proof_as_any_other() -> None:
    stood = (Span(0.0, 30.0),)
    paused = host("h1", kernel=stood, agent=stood, reached=stood)
    what = truth(paused, ran=(ran("m-h1", "h1", 0.0, 160.1),), gate_open=(Span(0.0, 170.0),))
    fence, late = act(160.0, "fence", "h1"), act(200.0, "condemn", "h1")
    assert sins(what, acts=(fence, late), stated=(DEAD,)) == []
    assert sins(what, acts=(late,), stated=(DEAD,)) == [Sin.GATE]


def test_behind_a_closed_gate_one_at_a_time() -> None:
    what = truth(
        dead("h1", 100.0), dead("h2", 100.0), gate_open=(Span(0.0, 50.0),), ran=(),
        faults=(power("h1", 100.0), power("h2", 100.0)),
    )  # fmt: skip
    assert sins(what, acts=(act(224.0, "condemn", "h1"), act(224.0, "condemn", "h2"))) == [Sin.GATE]
    assert sins(what, acts=(act(224.0, "condemn", "h1"), act(226.0, "condemn", "h2"))) == []


def test_more_hosts_in_flight_than_the_playbook_allows() -> None:
    acts = (
        act(104.0, "mark_dead", "h1"),
        act(105.0, "mark_dead", "h2"),
        act(106.0, "recreate", "h1"),
        act(106.0, "recreate", "h2"),
    )
    assert sins(truth(), acts=(*acts[:2], act(300.0, "mark_dead", "h3"))).count(Sin.BUDGET) == 1  # its rate
    in_flight = [found for found in judge(truth(), acts=acts).findings if found.sin is Sin.BUDGET]
    assert ["in flight" in found.text for found in in_flight] == [True]


def test_too_many_newly_dead() -> None:
    stated = tuple(Stated(at, name, "dead", "unreachable") for at, name in ((1.0, "h1"), (2.0, "h2"), (3.0, "h3")))
    (found,) = judge(truth(), acts=(act(4.0, "mark_dead", "h1"),), stated=stated).findings
    assert (found.sin, "newly dead" in found.text) == (Sin.BUDGET, True)


def test_hosts_of_an_incident_are_out_of_other_budgets() -> None:
    stated = tuple(Stated(at, name, "dead", "unreachable") for at, name in ((1.0, "h1"), (2.0, "h2"), (3.0, "h3")))
    what = truth(dead("h1", 0.5), dead("h2", 0.5), dead("h3", 0.5))
    incident = {"hosts": ("h2", "h3"), "at": 3.5, "stage": "open"}
    acts = (act(4.0, "mark_dead", "h1"),)
    assert sins(what, acts=acts, stated=stated, incidents=(incident,)) == []


def test_an_agents_own_ceiling_over_automatic_destroys() -> None:
    many = tuple(ran(f"w{n}", "h1", 0.0, 100.0 + n) for n in range(12))
    sent = tuple(Sent(f"k{n}", "destroy", "h1", f"w{n}", "automatic", 99.9 + n, 100.0 + n, "done") for n in range(12))
    found = [each for each in judge(truth(ran=many), sent=sent).findings if each.sin is Sin.BUDGET]
    assert len(found) == 2  # the eleventh and the twelfth


def test_nothing_automatic_is_begun_while_frozen() -> None:
    what = truth(dead("h1", 100.0), frozen=(Span(100.0, 200.0),), ran=())
    assert sins(what, acts=(RECOVERY[1],)) == [Sin.FROZEN]


def asked(finished: float | None, told: float | None = None) -> Requested:
    return Requested("destroy-1", "destroy", "m-h1", "h1", 100.0, "accepted", 100.0, finished, told)


def test_an_accepted_request_that_never_was_carried_out_is_lost() -> None:
    assert sins(truth(), requests=(asked(None),)) == [Sin.LOST_REQUEST]


def test_a_request_whose_host_was_never_there_for_long_is_not_lost_yet() -> None:
    what = truth(dead("h1", 90.0, back=580.0))
    assert sins(what, requests=(asked(None),)) == []
    assert sins(truth(dead("h1", 90.0, back=300.0)), requests=(asked(None),)) == [Sin.LOST_REQUEST]


@pytest.mark.parametrize(("away", "found"), [(90.0, []), (120.0, [Sin.LOST_REQUEST])])
def test_what_only_a_lost_journal_knew_is_no_broken_promise(away: float, found: list[Sin]) -> None:
    older = Happened("restored_journal", (), Span(150.0, 160.0))
    what = truth(cut_off("h1", away, back=300.0), faults=(older,))
    assert sins(what, requests=(asked(None),)) == found


def test_told_destroyed_and_running() -> None:
    assert sins(truth(), requests=(asked(400.0, told=150.0),)) == [Sin.UNTRUE_END]


def test_an_act_on_an_unknown_host_is_nobodys_kill() -> None:
    assert sins(truth(), acts=(Act(1.0, "fence", "h9"),)) == []
