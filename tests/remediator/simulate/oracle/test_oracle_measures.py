"""Measures of hand-made truths, the arithmetic of spans, and what many runs add up to."""

from pathlib import Path

import pytest

import remediator.simulate.oracle
from remediator.simulate.oracle.findings import Sin
from remediator.simulate.oracle.plot import plotted
from remediator.simulate.oracle.spans import at_once, common, united, without
from remediator.simulate.oracle.tally import bound, percentile, tallied
from remediator.simulate.world.record import Held, Requested, Span, Stated
from tests.remediator.simulate.oracle.truths import act, cut_off, dead, host, judge, ran, truth


def test_detected_and_replaced() -> None:
    instances = (ran("m", "h1", 0.0, 100.0), ran("m+1", "h3", 107.5, line="m"), ran("v", "h1", 0.0, 100.0))
    what = truth(dead("h1", 100.0), ran=instances)
    one = judge(what, stated=(Stated(103.5, "h1", "dead", "unreachable"),)).measures
    assert (one.detect, one.undetected) == ((3.5,), 0)
    assert (one.replace, one.unreplaced) == ((7.5,), 1)
    assert one.machine_minutes_lost == pytest.approx((7.5 + 500.0) / 60)


def test_a_death_that_nobody_calls_one() -> None:
    assert judge(truth(dead("h1", 100.0))).measures.undetected == 1


def test_a_partition_is_no_death_and_a_short_one_is_not_worth_it() -> None:
    one = judge(truth(cut_off("h1", 100.0), dead("h2", 100.0, back=110.0))).measures
    assert (one.detect, one.undetected) == ((), 0)


def test_what_its_owner_ended_is_not_lost() -> None:
    what = truth(ran=(ran("m", "h1", 0.0, 100.0),))
    gone = Requested("destroy-1", "destroy", "m", "h1", 99.0, "accepted", 99.0, 100.0)
    assert judge(what, requests=(gone,)).measures.machine_minutes_lost == 0


def test_undead_counts_only_where_a_tenant_may_meet_it() -> None:
    what = truth(cut_off("h1", 100.0, back=500.0), ran=(ran("m-h1", "h1", 0.0, 502.0),))
    stated = (Stated(104.0, "h1", "dead", "unreachable"),)
    assert judge(what, acts=(act(230.0, "condemn", "h1"),), stated=stated).measures.undead == pytest.approx(2.0)


def test_double_run_is_counted_wherever_it_runs() -> None:
    what = truth(cut_off("h1", 100.0), ran=(ran("m", "h1", 0.0), ran("m+1", "h3", 110.0, 150.0, line="m")))
    assert judge(what).measures.double_run == pytest.approx(40.0)


def test_minutes_of_a_dead_host_by_the_hold_that_stood_on_it() -> None:
    held = Held("host_dead", "h1", "recreate", "hold", "Correlated", "", Span(90.0, 220.0))
    lost, replaced = ran("m", "h1", 0.0, 100.0), ran("m+1", "h3", 160.0, line="m")
    for instances, minutes in (((lost,), 2.0), ((lost, replaced), 1.0)):
        what = truth(dead("h1", 100.0), ran=instances)
        assert judge(what, held=(held,)).measures.blocked_minutes == {"Correlated": minutes}


def test_a_needless_replacement_tells_how_long_the_host_was_away() -> None:
    stated = (Stated(104.0, "h1", "dead", "unreachable"),)
    ran_, rebooted = cut_off("h1", 100.0, back=109.0), dead("h1", 100.0, back=160.0)
    acts = (act(104.5, "recreate", "h1", target="h3"),)
    (one,) = judge(truth(ran_), acts=acts, stated=stated).needless
    assert one.ran
    assert one.outage == pytest.approx(9.0)
    what = truth(rebooted, ran=(ran("m-h1", "h1", 0.0, 100.0),))
    (other,) = judge(what, acts=acts, stated=stated).needless
    assert not other.ran
    assert other.outage == pytest.approx(60.0)
    late = truth(host("h1", reached=(Span(0.0, 100.0), Span(300.0))))
    assert judge(late, acts=acts, stated=stated).needless == ()


def test_spans() -> None:
    one, other = [Span(0.0, 10.0), Span(20.0, 30.0)], [Span(5.0, 25.0)]
    assert common(one, other) == [Span(5.0, 10.0), Span(20.0, 25.0)]
    assert united([*one, *other]) == [Span(0.0, 30.0)]
    assert without(one, other) == [Span(0.0, 5.0), Span(25.0, 30.0)]
    assert at_once([*one, *other]) == [Span(5.0, 10.0), Span(20.0, 25.0)]


def test_a_tally_adds_up() -> None:
    sinful, clean = judge(truth(), acts=(act(50.0, "condemn", "h1"),)), judge(truth())
    tally = tallied([sinful, clean, clean])
    assert (tally.runs, tally.failed_runs, tally.sins[Sin.WRONG_KILL]) == (3, 1, 1)
    assert tally.as_json()["first_findings"]["wrong_kill"].startswith("seed 1: 50.00")


def test_percentiles_are_samples_and_the_bound_is_three_over_n() -> None:
    samples = [float(number) for number in range(1, 101)]
    assert (percentile(samples, 50), percentile(samples, 99), percentile([], 50)) == (50.0, 99.0, 0.0)
    assert bound(300) == pytest.approx(0.01)


def test_the_plot_has_a_point_for_each_judge() -> None:
    drawn = plotted({"ours": tallied([judge(truth())]), "<theirs>": tallied([])})
    assert drawn.count("<circle") == 2
    assert "&lt;theirs&gt;" in drawn


def test_the_oracle_knows_nothing_of_the_engine() -> None:
    folder = Path(remediator.simulate.oracle.__file__).parent
    text = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    assert not [name for name in ("remediator.engine", "remediator.actions", "world.score") if name in text]
