"""Runs of truth: the arithmetic gives what ``advance`` gives slot by slot, whatever the truth was."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from remediator.model.alert import AlertState, Group, Rule
from remediator.simulate.replay.runs import Span, Times, spans, spans_within, without
from remediator.sources.evaluate import RuleState, Slot, advance
from remediator.sources.store import NoData, Sample, Vector

START = datetime(2024, 8, 10, tzinfo=UTC)
STEP = timedelta(seconds=5)
truths = st.lists(st.lists(st.booleans(), min_size=24, max_size=24), min_size=1, max_size=4)
Life = tuple[int, str, bool]


def runs_of(truth: list[bool]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for slot, true in enumerate(truth):
        if true and found and found[-1][1] == slot - 1:
            found[-1] = (found[-1][0], slot)
        elif true:
            found.append((slot, slot))
    return found


def stepped(truth: list[list[bool]], rule: Rule, limit: int, gate: list[bool]) -> list[list[Life]]:
    """What ``advance`` shows of each element: slot, state, actionable; resolved ones left out."""
    group = Group("g", "g.yml", STEP, (rule,), limit)
    state, shown = RuleState(), [list[Life]() for _ in truth]
    for slot in range(len(truth[0])):
        at = START + slot * STEP
        samples = tuple(Sample({"host": f"h{n}"}, 1.0, at) for n, each in enumerate(truth) if each[slot])
        state = advance(rule, group, state, Vector(samples) if samples else NoData(), Slot(at, gate[slot]))
        for alert in state.alerts:
            if alert.state is not AlertState.RESOLVED:
                shown[int(alert.labels["host"][1:])].append((slot, alert.state.value, alert.actionable))
    return shown


def drawn(lives: list[Span], slots: int) -> list[Life]:
    """The same of spans."""
    shown: list[Life] = []
    for span in lives:
        for slot in range(span.born, min(span.ended, slots)):
            state = "pending" if span.fired is None or slot < span.fired else "firing"
            shown.append((slot, state, any(low <= slot < high for low, high in span.actionable)))
    return shown


@settings(max_examples=120, deadline=None)
@given(
    truths,
    st.integers(0, 17),
    st.integers(0, 22),
    st.integers(0, 3),
    st.lists(st.booleans(), min_size=24, max_size=24),
)
def test_runs_give_what_advance_gives(
    truth: list[list[bool]], hold: int, keep: int, limit: int, gate: list[bool]
) -> None:
    rule = Rule("g", "A", "x", timedelta(seconds=hold), timedelta(seconds=keep))
    times = Times(-(-hold // 5), -(-keep // 5))
    shut = runs_of([not is_open for is_open in gate])
    found = spans_within([runs_of(each) for each in truth], times, limit, shut)
    assert [drawn(each, 24) for each in found] == stepped(truth, rule, limit, gate)


def test_a_pending_alert_that_goes_in_time_never_fires() -> None:
    assert spans([(3, 5)], Times(hold=3, keep=0)) == [Span(3, None, 6)]


def test_what_is_true_for_long_enough_fires_and_is_actionable_while_it_is_true() -> None:
    assert spans([(3, 9)], Times(hold=3, keep=4)) == [Span(3, 6, 14, ((6, 10),))]


def test_a_closed_gate_makes_for_begin_anew() -> None:
    assert spans([(0, 9)], Times(hold=2, keep=0), shut=[(4, 5)]) == [Span(0, 2, 10, ((2, 4), (8, 10)))]


def test_two_weeks_of_truth_take_no_time() -> None:
    month = 10**6
    assert spans([(0, month)], Times(hold=2, keep=0)) == [Span(0, 2, month + 1, ((2, month + 1),))]
    assert spans_within([[(0, month)], [(5, month)]], Times(2, 0), 1)[0][0].ended == 5


def test_holes_are_cut_out_of_a_run() -> None:
    assert without((2, 9), [(0, 2), (4, 5), (9, 12)]) == [(3, 3), (6, 8)]
    assert without((2, 9), [(0, 20)]) == []
