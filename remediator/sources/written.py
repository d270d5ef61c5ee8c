"""What one rule writes back to the store: its alerts or its recorded series, and the end of what is no more."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from remediator.model.alert import AlertState
from remediator.sources.blocks import DOUBLE, STALE, head, tail
from remediator.sources.elements import Element, Identity
from remediator.sources.evaluate import Outcome, RuleState

_ONE = DOUBLE.pack(1.0)
_ACTIVE = (AlertState.PENDING, AlertState.FIRING)


@dataclass(frozen=True, slots=True)
class Block:
    """Encoded samples, and how many they are."""

    body: bytes
    count: int


NOTHING = Block(b"", 0)


class Written:
    """Remembers a rule's series from slot to slot; what has not changed is not encoded again."""

    def __init__(self) -> None:
        self._elements: Mapping[str, Element] = {}
        self._of_element: dict[str, tuple[Element, tuple[bytes, bytes]]] = {}
        # ALERTS and ALERTS_FOR_STATE in turn, each with its value: only a moment is to follow.
        self._heads: list[bytes] = []
        # Series of alerts that tell of the rule itself, written at slots that told nothing else.
        self._about: set[bytes] = set()
        self._recorded: dict[Identity, bytes] = {}

    def block(self, state: RuleState, at: datetime) -> Block:
        """The samples of this slot. After an error there are none, and nothing ends: it is not known."""
        if state.rule.recording:
            return self._record(state, at) if state.outcome is Outcome.OK else NOTHING
        if state.outcome is Outcome.OK:
            return self._alerts(state.elements, at)
        return self._about_rule(state.elements, at)

    def remember(self, state: RuleState) -> None:
        """An earlier process has written this."""
        if not state.rule.recording:
            self._elements, self._heads = state.elements, self._heads_of(state.elements)

    def ended(self, at: datetime) -> Block:
        """The end of every series that the rule has written: it is no more."""
        gone = {*_series(self._heads), *self._about, *self._recorded.values()}
        self._heads, self._elements, self._of_element, self._about, self._recorded = [], {}, {}, set(), {}
        return _joined([], gone, at)

    def _alerts(self, elements: Mapping[str, Element], at: datetime) -> Block:
        if elements is self._elements and not self._about:
            return _joined(self._heads, (), at)
        before, self._about = _series(self._heads) | self._about, set()
        self._elements, self._heads = elements, self._heads_of(elements)
        return _joined(self._heads, before - _series(self._heads), at)

    def _about_rule(self, elements: Mapping[str, Element], at: datetime) -> Block:
        about = [each for each in elements.values() if each.identity.about_rule and each.state in _ACTIVE]
        heads = [each for element in about for each in _two_heads(element)]
        gone, self._about = self._about - _series(heads), _series(heads)
        return _joined(heads, gone, at)

    def _heads_of(self, elements: Mapping[str, Element]) -> list[bytes]:
        known = self._of_element
        active = {key: element for key, element in elements.items() if element.state in _ACTIVE}
        self._of_element = {
            key: known[key] if key in known and known[key][0] is element else (element, _two_heads(element))
            for key, element in active.items()
        }
        return [each for _, both in self._of_element.values() for each in both]

    def _record(self, state: RuleState, at: datetime) -> Block:
        known = self._recorded
        identities = [state.known[series] for series in state.vector.series]
        self._recorded = {identity: known.get(identity) or head(identity.labels) for identity in identities}
        heads = self._recorded.values()
        gone = set(known.values()) - set(heads) if known.keys() != self._recorded.keys() else ()
        pairs = zip(heads, state.vector.values, strict=True)
        return _joined([each + DOUBLE.pack(value) for each, value in pairs], gone, at)


def _two_heads(element: Element) -> tuple[bytes, bytes]:
    labels = element.identity.labels
    alert = head({**labels, "__name__": "ALERTS", "alertstate": element.state.value})
    since = head({**labels, "__name__": "ALERTS_FOR_STATE"})
    return alert + _ONE, since + DOUBLE.pack(int(element.active_at.timestamp()))


def _series(heads: Iterable[bytes]) -> set[bytes]:
    return {each[: -DOUBLE.size] for each in heads}


def _joined(heads: list[bytes], gone: Iterable[bytes], at: datetime) -> Block:
    samples = [*heads, *(series + STALE for series in gone)]
    if not samples:
        return NOTHING
    end = tail(at)
    return Block(end.join(samples) + end, len(samples))
