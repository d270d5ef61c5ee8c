"""Elements as the alerts that everybody reads, made when they are read."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from remediator.model.alert import Alert, AlertState, Rule
from remediator.sources.elements import Element
from remediator.sources.templates import expand
from remediator.templates.template import Outside, compiled


class Annotations(Mapping[str, str]):
    """A rule's annotations for one element, filled in when somebody reads them."""

    __slots__ = ("_element", "_filled", "_outside", "_rule", "_value")

    def __init__(self, rule: Rule, element: Element, value: float, outside: Outside) -> None:
        self._rule = rule
        self._element = element
        self._value = value
        self._outside = outside
        self._filled: dict[str, str] | None = None

    def __getitem__(self, name: str) -> str:
        return self._texts()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts())

    def __len__(self) -> int:
        return len(self._texts())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mapping) and self._texts() == dict(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self._texts())

    def _texts(self) -> dict[str, str]:
        if self._filled is None:
            self._filled = filled(self._rule, self._element, self._value, self._outside)
        return self._filled


def filled(rule: Rule, element: Element, value: float, outside: Outside) -> dict[str, str]:
    """The texts; an alert about the rule itself has those without holes, and a summary of its own."""
    about = element.identity.about_rule
    if about:
        return {name: text for name, text in rule.annotations.items() if compiled(text).plain} | {"summary": about}
    labels = element.identity.series.named
    return {name: expand(text, labels, value, outside, rule.name) for name, text in rule.annotations.items()}


def asks_the_store(rule: Rule) -> bool:
    """Whether the annotations can be filled in at the time of the evaluation only."""
    return any(compiled(text).uses_query for text in rule.annotations.values())


@dataclass(frozen=True, slots=True)
class Seen:
    """An element's value, when it had it, and whether the alert may be acted upon."""

    value: float
    at: datetime | None
    acted_upon: bool = False


def shown(rule: Rule, element: Element, seen: Seen, annotations: Mapping[str, str]) -> Alert:
    """The element as an alert."""
    # By position: there may be tens of thousands of them.
    return Alert(
        element.identity.fingerprint,
        rule.name,
        element.identity.labels,
        element.state,
        element.active_at,
        seen.value,
        annotations,
        element.fired_at,
        element.resolved_at,
        element.keep_since,
        seen.at,
        seen.acted_upon,
    )


def may_be_acted_upon(rule: Rule, element: Element, value: float, chain_since: datetime | None, at: datetime) -> bool:
    """Whether it was true at every slot of its ``for``, up to this one, with the gate open."""
    if chain_since is None or element.present_since is None or element.state is not AlertState.FIRING:
        return False
    if element.identity.about_rule or math.isnan(value):
        return False
    return at - max(chain_since, element.present_since) >= rule.hold_for
