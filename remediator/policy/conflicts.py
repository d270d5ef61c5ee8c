"""Two playbooks that may act on one target at a time: in contrary ways, or twice the same."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, product

import promql_parser as ql

from remediator.model.errors import Problem
from remediator.model.policy import Mode, Playbook
from remediator.policy.lint.findings import Finding, RuleView, told
from remediator.policy.promql.expression import metric_name, selector_of
from remediator.policy.promql.regexp import matches
from remediator.policy.promql.shape import bare, is_filter, selectors
from remediator.policy.steps import flat
from remediator.policy.yaml.positions import Document

# What one action does, the other takes back. (Moving off a host and condemning what was there are not contrary: who
# condemns asks for evidence that the host is dead, and from a dead host nothing moves.)
CONTRARY = frozenset(
    {
        frozenset({"cordon", "uncordon"}),
        frozenset({"drain", "uncordon"}),
        frozenset({"migrate", "uncordon"}),
        frozenset({"mark_host_dead", "mark_host_alive"}),
    }
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A playbook with the alerts that ask for it."""

    playbook: Playbook
    document: Document
    alerts: tuple[RuleView, ...]


def lint_conflicts(playbooks: Mapping[str, tuple[Playbook, Document]], views: list[RuleView]) -> list[Problem]:
    """A warning for each pair that may meet on one target, told at the playbook that comes second."""
    by_name: dict[str, list[RuleView]] = {}
    for view in views:
        if not view.rule.recording:
            by_name.setdefault(view.rule.labels.get("playbook", ""), []).append(view)
    asked = [Asked(book, document, tuple(by_name.get(book.name, ()))) for book, document in playbooks.values()]
    able = [one for one in asked if one.playbook.mode in (Mode.APPROVE, Mode.AUTO) and one.alerts]
    found = []
    for first, second in combinations(able, 2):
        if first.playbook.target == second.playbook.target:
            found += [told(second.document, (), finding) for finding in _pair(first, second)]
    return found


def _pair(first: Asked, second: Asked) -> Iterator[Finding]:
    yield from _contrary(first, second)
    yield from _same(first, second)


def _contrary(first: Asked, second: Asked) -> Iterator[Finding]:
    for where, step in flat(second.playbook.steps):
        undone = [one.action for _, one in flat(first.playbook.steps) if {one.action, step.action} in CONTRARY]
        meeting = next(_meeting(first, second), None) if undone else None
        if meeting:
            alerts = " and ".join(view.rule.name for view in meeting)
            message = (
                f"{step.action} is contrary to {undone[0]} of playbook {first.playbook.name!r}, and {alerts} may "
                f"fire for one {second.playbook.target}: let one exclude the other (unless on (...) ALERTS)"
            )
            yield Finding("playbook/conflict", where, message)


def _meeting(first: Asked, second: Asked) -> Iterator[tuple[RuleView, RuleView]]:
    """Pairs of alerts of which neither takes out who has the other."""
    for one, other in product(first.alerts, second.alerts):
        if not (_excludes(one, other.rule.name) or _excludes(other, one.rule.name)):
            yield one, other


def _same(first: Asked, second: Asked) -> Iterator[Finding]:
    """Alerts of one meaning that ask for the same action twice: two budgets, two ladders, one target."""
    shared = sorted(_actions(first.playbook) & _actions(second.playbook))
    known = {meaning: view for view in first.alerts if (meaning := _meaning(view))} if shared else {}
    for other in second.alerts if shared else ():
        one = known.get(_meaning(other))
        if one:
            message = (
                f"{other.rule.name} says what {one.rule.name} says, which asks for {first.playbook.name!r}: both "
                f"{shared[0]} the same {second.playbook.target}, each within a budget of its own; join them"
            )
            yield Finding("playbook/conflict", ("playbook",), message)


def _actions(playbook: Playbook) -> set[str]:
    return {step.action for _, step in flat(playbook.steps)}


def _meaning(view: RuleView) -> str:
    """The expression without its last threshold; kept with the rule, for each pair of playbooks asks anew."""
    if view.tree is None:
        return ""
    if not view.meaning:
        tree = bare(view.tree)
        view.meaning = str(tree.lhs.prettify() if is_filter(tree) else tree.prettify())
    return view.meaning


def _excludes(view: RuleView, alert: str) -> bool:
    """Whether the expression takes out who has that other alert: ``unless on (host) ALERTS{alertname="..."}``."""
    taken_out = [
        selector_of(selector)
        for part in view.parts
        if isinstance(part.node, ql.BinaryExpr) and str(part.node.op) == "unless"
        for selector in selectors(part.node.rhs)
    ]
    return any(metric_name(selector) == "ALERTS" and _names(selector, alert) for selector in taken_out)


def _names(selector: ql.VectorSelector, alert: str) -> bool:
    return all(matches(matcher, alert) for matcher in selector.matchers.matchers if matcher.name == "alertname")
