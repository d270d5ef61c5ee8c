"""One rule over slots: Prometheus' semantics, and what may be acted upon."""

import math
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from remediator.model.alert import AlertState, Group, OnError, OnNoData, Outcomes, Rule
from remediator.sources.evaluate import RuleState, Slot, advance
from remediator.sources.results import Absent, NoData, Result, Sample, Series, StoreError, Vector

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
RULE = Rule("g", "HostDead", "x", hold_for=3 * SECOND, labels={"playbook": "host_dead"})


def vector(*hosts: str, value: float = 1.0) -> Vector:
    return Vector(tuple(Sample({"host": host}, value, NOON) for host in hosts))


@dataclass
class Story:
    """A rule that is told one result after the other, a second apart."""

    rule: Rule = RULE
    limit: int = 0
    state: RuleState = field(default_factory=RuleState)
    second: int = -1

    def tell(self, result: Result | Absent, *, gate: bool = True, missed: int = 0) -> str:
        self.second += 1 + missed
        slot = Slot(NOON + self.second * SECOND, gate, missed)
        group = Group("g", "f", SECOND, (self.rule,), self.limit)
        self.state = advance(self.rule, group, self.state, result, slot)
        return self.shown()

    def shown(self) -> str:
        """The only alert's state, with ``!`` when it may be acted upon."""
        words = [f"{alert.state}{'!' if alert.actionable else ''}" for alert in self.state.alerts]
        return ",".join(words)


def test_pending_then_firing_when_for_has_passed_then_resolved() -> None:
    story = Story()
    assert [story.tell(vector("h1")) for _ in range(4)] == ["pending", "pending", "pending", "firing!"]
    assert story.tell(NoData()) == "resolved"


def test_without_for_it_fires_at_once() -> None:
    assert Story(Rule("g", "A", "x")).tell(vector("h1")) == "firing!"


def test_pending_that_goes_missing_is_dropped_and_starts_anew() -> None:
    story = Story()
    story.tell(vector("h1"))
    story.tell(vector("h1"))
    assert story.tell(NoData()) == ""
    assert [story.tell(vector("h1")) for _ in range(4)][-2:] == ["pending", "firing!"]


def test_keep_firing_for_bridges_a_gap_and_is_not_actionable_in_it() -> None:
    story = Story(Rule("g", "A", "x", keep_firing_for=2 * SECOND))
    assert story.tell(vector("h1")) == "firing!"
    assert [story.tell(NoData()) for _ in range(3)] == ["firing", "firing", "resolved"]
    assert story.tell(vector("h1")) == "firing!"
    assert story.state.alerts[0].active_at == NOON + 4 * SECOND


def test_a_resolved_alert_is_told_for_fifteen_minutes() -> None:
    story = Story(Rule("g", "A", "x"))
    story.tell(vector("h1"))
    assert story.tell(NoData()) == "resolved"
    story.second += 15 * 60 - 1
    assert story.tell(NoData()) == "resolved"
    assert story.tell(NoData()) == ""


def test_an_error_keeps_the_state_and_nothing_is_actionable() -> None:
    story = Story()
    for _ in range(4):
        story.tell(vector("h1"))
    assert story.tell(StoreError("gone")) == "firing"
    assert story.state.error == "gone"
    # The chain was broken: it must be seen true through a whole for again.
    assert [story.tell(vector("h1")) for _ in range(4)] == ["firing", "firing", "firing", "firing!"]


def test_a_closed_gate_at_one_slot_breaks_the_chain() -> None:
    story = Story()
    story.tell(vector("h1"))
    story.tell(vector("h1"), gate=False)
    shown = [story.tell(vector("h1")) for _ in range(5)]
    assert shown == ["pending", "firing", "firing", "firing!", "firing!"]


def test_a_missed_slot_breaks_the_chain() -> None:
    story = Story()
    story.tell(vector("h1"))
    assert story.tell(vector("h1"), missed=3) == "firing"
    assert [story.tell(vector("h1")) for _ in range(3)] == ["firing", "firing", "firing!"]


def test_over_the_limit_is_an_error_that_clears_the_rule() -> None:
    story = Story(limit=2)
    story.tell(vector("h1", "h2"))
    assert story.tell(vector("h1", "h2", "h3")) == ""
    assert "more than the group's limit of 2" in story.state.error


def test_two_elements_with_the_same_labels_are_an_error_that_changes_nothing() -> None:
    story = Story()
    story.tell(vector("h1"))
    assert story.tell(vector("h1", "h1")) == "pending"
    assert "same labels" in story.state.error


def test_labels_and_annotations() -> None:
    rule = Rule(
        "g",
        "A",
        "x",
        labels={"severity": "x", "host": "", "who": "{{ $labels.host }}"},
        annotations={"v": "{{ $value }}"},
    )
    story = Story(rule)
    story.tell(vector("h1", value=0.5))
    alert = story.state.alerts[0]
    assert alert.labels == {"alertname": "A", "severity": "x", "who": "h1"}
    assert alert.annotations == {"v": "0.5"}
    story.tell(vector("h1", value=2))
    assert (story.state.alerts[0].annotations, story.state.alerts[0].active_at) == ({"v": "2"}, NOON)


@given(st.lists(st.tuples(st.sampled_from(["true", "empty", "error"]), st.booleans()), max_size=30))
def test_actionable_only_after_a_whole_for_seen_true_through_an_open_gate(story: list[tuple[str, bool]]) -> None:
    results: dict[str, Result] = {"true": vector("h1"), "empty": NoData(), "error": StoreError("e")}
    told, chain = Story(), 0
    for what, gate in story:
        shown = told.tell(results[what], gate=gate)
        chain = chain + 1 if what == "true" and gate else 0
        assert ("!" in shown) == (chain >= 4)
        assert all(a.state is AlertState.FIRING for a in told.state.alerts if a.actionable)


def test_no_data_tells_people_after_the_rules_own_for_and_asks_for_nothing() -> None:
    rule = Rule("g", "Sick", "x", SECOND, labels=RULE.labels | {"severity": "page"}, annotations={"runbook_url": "r"})
    story = Story(replace(rule, outcomes=Outcomes(no_data=OnNoData.ALERT)))
    story.tell(vector("h1"))
    assert story.tell(vector("h1")) == "firing!"
    assert [story.tell(Absent()) for _ in range(2)] == ["firing,pending", "firing,firing"]
    told = story.state.alerts[1]
    assert told.labels == {"alertname": "Sick", "outcome": "no_data", "severity": "page"}
    assert told.annotations == {
        "runbook_url": "r",
        "summary": "Sick: none of the series that its rule reads is in the store",
    }
    # Data again, and nobody sick: both are over.
    assert story.tell(NoData()) == "resolved,resolved"


def test_an_error_that_tells_people_leaves_the_others_as_they_are() -> None:
    story = Story(Rule("g", "Sick", "x", outcomes=Outcomes(error=OnError.ALERT)))
    story.tell(vector("h1"))
    assert story.tell(StoreError("gone")) == "firing,firing"
    assert story.state.alerts[1].annotations["summary"] == "Sick cannot be evaluated: gone"
    assert story.tell(vector("h1")) == "firing!,resolved"


def test_absence_resolves_where_nothing_else_was_asked_for() -> None:
    story = Story(Rule("g", "Sick", "x"))
    story.tell(vector("h1"))
    assert story.tell(Absent()) == "resolved"


def test_what_is_no_number_is_shown_and_not_acted_upon() -> None:
    story = Story(Rule("g", "Sick", "x", hold_for=SECOND))
    assert [story.tell(vector("h1", value=math.nan)) for _ in range(2)] == ["pending", "firing"]
    assert [story.tell(vector("h1")) for _ in range(2)] == ["firing", "firing!"]


def test_a_label_that_holds_the_value_makes_another_alert_of_each_value() -> None:
    story = Story(Rule("g", "Sick", "x", labels={"v": "{{ $value }}"}))
    story.tell(vector("h1", value=1))
    story.tell(vector("h1", value=2))
    assert [(a.labels["v"], a.state) for a in story.state.alerts] == [("1", "resolved"), ("2", "firing")]


def test_nothing_is_made_anew_while_nothing_moves() -> None:
    story, series = Story(), (Series({"host": "h1"}), Series({"host": "h2"}))
    for _ in range(4):
        story.tell(Vector.of(series, (1.0, 2.0), NOON))
    before = story.state
    story.tell(Vector.of(series, (3.0, 4.0), NOON))
    assert story.state.elements is before.elements
    assert [alert.value for alert in story.state.alerts] == [3.0, 4.0]
    assert all(alert.last_seen == NOON + 4 * SECOND and alert.actionable for alert in story.state.alerts)


STEPS = st.lists(
    st.tuples(
        st.one_of(
            st.just("error"),
            st.just("absent"),
            st.lists(st.sampled_from(["h1", "h2", "h3"]), unique=True, max_size=3),
        ),
        st.sampled_from([1.0, 2.0, math.nan]),
        st.booleans(),
        st.sampled_from([0, 0, 0, 1]),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(
    STEPS,
    st.integers(0, 3),
    st.integers(0, 3),
    st.sampled_from(OnNoData),
    st.sampled_from(OnError),
)
def test_known_series_change_nothing_but_the_time_it_takes(
    steps: list[tuple[str | list[str], float, bool, int]], hold: int, keep: int, no_data: OnNoData, error: OnError
) -> None:
    rule = Rule("g", "A", "x", hold * SECOND, keep * SECOND, outcomes=Outcomes(no_data, error))
    known, anew = Story(rule), Story(rule)
    series = {host: Series({"host": host}) for host in ("h1", "h2", "h3")}
    tuples: dict[tuple[str, ...], tuple[Series, ...]] = {}
    for what, value, gate, missed in steps:
        results: list[Result | Absent] = [StoreError("e") if what == "error" else Absent()] * 2
        if isinstance(what, list):
            same = tuples.setdefault(tuple(what), tuple(series[host] for host in what))
            results = [Vector.of(same, (value,) * len(what), NOON), vector(*what, value=value)]
        shown = [s.tell(r, gate=gate, missed=missed) for s, r in zip((known, anew), results, strict=True)]
        assert shown[0] == shown[1]
        alerts = [[replace(a, value=str(a.value)) for a in story.state.alerts] for story in (known, anew)]  # type: ignore[arg-type]
        assert alerts[0] == alerts[1]
