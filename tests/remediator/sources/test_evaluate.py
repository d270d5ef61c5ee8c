"""One rule over slots: Prometheus' semantics, and what may be acted upon."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from remediator.model.alert import AlertState, Group, Rule
from remediator.sources.evaluate import RuleState, Slot, advance
from remediator.sources.store import NoData, Result, Sample, StoreError, Vector

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

    def tell(self, result: Result, *, gate: bool = True, missed: int = 0) -> str:
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
