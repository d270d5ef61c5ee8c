"""Rules that take the place of others: which new rule goes on with which old one's alerts. PURE."""

from collections import deque
from collections.abc import Iterable
from dataclasses import replace

from remediator.model.alert import Group, Rule
from remediator.sources.rounds import RuleRun, begin


def succeed(group: Group, before: Iterable[RuleRun]) -> list[RuleRun]:
    """The group's rules, each with the state of the one before it: of the same name and labels, else of that name.

    Alerts are found again by their labels, so that only those end which the new rule does not have: an edit of an
    annotation, of ``for`` or of the expression resets nothing.
    """
    left = dict(enumerate(before))
    found: dict[int, RuleRun] = {}
    for name in (_name_and_labels, _name):
        named: dict[object, deque[int]] = {}
        for place, run in left.items():
            named.setdefault(name(run.rule), deque()).append(place)
        for index, rule in enumerate(group.rules):
            places = named.get(name(rule))
            if places and index not in found:
                found[index] = left.pop(places.popleft())
    return [_next(rule, found.get(index)) for index, rule in enumerate(group.rules)]


def _next(rule: Rule, before: RuleRun | None) -> RuleRun:
    if before is None:
        return begin(rule)
    # What another expression has seen gives no right to act.
    same = before.rule.expr == rule.expr
    state = before.state if same else replace(before.state, chain_since=None)
    return before if rule == before.rule else replace(before, rule=rule, state=state)


def _name(rule: Rule) -> object:
    return rule.recording, rule.name


def _name_and_labels(rule: Rule) -> object:
    return rule.recording, rule.name, tuple(sorted(rule.labels.items()))
