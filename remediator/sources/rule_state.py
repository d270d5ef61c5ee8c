"""What is known of a rule after a slot, and the alerts that this amounts to. PURE."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from remediator.model.alert import Alert, Rule
from remediator.sources import lives
from remediator.sources.elements import Element, Identity
from remediator.sources.results import Series, Vector
from remediator.sources.shown import Annotations, Seen, may_be_acted_upon, shown
from remediator.templates.template import NOWHERE, Outside

_NO_RULE = Rule("", "", "")
_NOTHING = Vector()


class Outcome(StrEnum):
    """What came of the last evaluation: after ``ok`` alone can be said who is sick and who is healthy."""

    OK = "ok"
    NO_DATA = "no_data"
    ERROR = "error"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Slot:
    """The moment of an evaluation, and what is known of it: is the gate open, were slots before it missed?"""

    at: datetime
    gate_open: bool
    missed: int = 0
    outside: Outside = NOWHERE


@dataclass(frozen=True, slots=True, eq=False)
class RuleState:
    """A rule after a slot: its elements by fingerprint, and what the last good answer held.

    The same ``elements`` object stays for as long as nothing moves. ``chain_since`` is when the unbroken chain of
    good slots with an open gate began. Before ``due`` an answer with the same series moves nothing. ``texts`` are
    annotations that had to be filled in at once.
    """

    rule: Rule = _NO_RULE
    elements: Mapping[str, Element] = field(default_factory=dict)
    vector: Vector = _NOTHING
    known: Mapping[Series, Identity] = field(default_factory=dict)
    chain_since: datetime | None = None
    due: datetime | None = None
    outcome: Outcome = Outcome.UNKNOWN
    error: str = ""
    evaluated_at: datetime | None = None
    outside: Outside = NOWHERE
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """Made anew at each call; their annotations are filled in when they are read."""
        if not self.elements:
            return ()
        values = self.values()
        return tuple(self._alert(key, element, values.get(key)) for key, element in self.elements.items())

    def values(self) -> dict[str, float]:
        """The last good answer's values by fingerprint."""
        pairs = zip(self.vector.series, self.vector.values, strict=True)
        return {self.known[series].fingerprint: value for series, value in pairs}

    @property
    def recorded(self) -> Iterator[tuple[Mapping[str, str], float]]:
        """What a recording rule made of the last answer: labels with the name, and the value."""
        if self.outcome is Outcome.OK and self.rule.recording:
            for series, value in zip(self.vector.series, self.vector.values, strict=True):
                yield self.known[series].labels, value

    def _alert(self, key: str, element: Element, value: float | None) -> Alert:
        seen = Seen(*element.last) if value is None else self._seen(element, value)
        texts = self.texts.get(key) or Annotations(self.rule, element, seen.value, self.outside)
        return shown(self.rule, element, seen, texts)

    def _seen(self, element: Element, value: float) -> Seen:
        chain = self.chain_since if self.outcome is Outcome.OK else None
        at = self.vector.at
        return Seen(value, at, may_be_acted_upon(self.rule, element, value, chain, at))


def restored(rule: Rule, alerts: Iterable[Alert]) -> RuleState:
    """The state that shows these alerts; nothing of it is actionable before it was seen true again."""
    elements = {
        alert.fingerprint: Element(
            Identity(Series(alert.labels), alert.labels),
            alert.state,
            alert.active_at,
            alert.fired_at,
            alert.resolved_at,
            alert.keep_since,
            last=(alert.value, alert.last_seen),
        )
        for alert in alerts
    }
    return RuleState(rule, elements)


def stepped(state: RuleState, by: timedelta) -> RuleState:
    """The state on a clock that was stepped ``by`` so much: every age stays, and the chain begins anew."""
    elements = {key: lives.moved(element, by) for key, element in state.elements.items()}
    vector = Vector.of(state.vector.series, state.vector.values, state.vector.at + by)
    at = state.evaluated_at and state.evaluated_at + by
    return replace(state, elements=elements, vector=vector, chain_since=None, due=None, evaluated_at=at)
