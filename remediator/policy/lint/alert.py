"""What is wrong with an alert as such: it always fires, says too little, or says what it cannot know."""

import re
from collections.abc import Iterator
from datetime import timedelta
from functools import lru_cache

import promql_parser as ql

from remediator.policy.lint.findings import Finding, Part, RuleView
from remediator.policy.promql.expression import nodes
from remediator.policy.promql.shape import conditional
from remediator.templates.check import Fault, check_template
from remediator.templates.template import compiled

_SAID = ("summary", "runbook_url")
_SECRET = re.compile(r"://[^/\s:@]+:([^/\s@]+)@")


def check_alert(view: RuleView) -> Iterator[Finding]:
    """Everything about one alert that its own file shows."""
    rule = view.rule
    if view.tree is not None:
        if not conditional(view.tree):
            message = "nothing in it can be false, so it always fires: compare with a threshold"
            yield view.at("alerts/comparison", _head(view.tree), message)
        yield from _interval(view)
    missing = [name for name in _SAID if not rule.annotations.get(name)]
    if missing:
        where = ("annotations",) if rule.annotations else ("alert",)
        yield Finding(
            "alerts/annotation", where, f"{' and '.join(missing)} missing: people are woken by this", at_key=True
        )
    yield from _texts(view)


def check_absent(view: RuleView, part: Part) -> Iterator[Finding]:
    if not isinstance(part.node, ql.Call) or part.node.func.name != "absent" or view.rule.recording:
        return
    if view.rule.hold_for < 2 * view.group.interval:
        least = _span(max(2 * view.group.interval, timedelta(seconds=2)))
        message = f"one late scrape fires it: write 'for' with at least {least}"
        yield view.at("alerts/absent", part.node, message)


def _head(tree: ql.Expr) -> ql.Expr:
    return next(iter(nodes(tree)))


def _interval(view: RuleView) -> Iterator[Finding]:
    hold, interval = view.rule.hold_for, view.group.interval
    if interval and timedelta() < hold < interval:
        message = f"{_span(hold)} is shorter than the group's interval: it takes {_span(interval)}"
        yield Finding("alerts/interval", ("for",), message)


def _texts(view: RuleView) -> Iterator[Finding]:
    texts = [("labels", *item) for item in view.rule.labels.items()]
    texts += [("annotations", *item) for item in view.rule.annotations.items()]
    for kind, name, text in texts:
        secret = _SECRET.search(text)
        if secret:
            message = "a password in it goes wherever the alert goes: take it out"
            yield Finding("rule/reject", (kind, name), message, secret.start(1))
        if "{{" in text:
            yield from _template(view, (kind, name), text)


def _template(view: RuleView, where: tuple[str, str], text: str) -> Iterator[Finding]:
    for fault in _faults(text):
        lines = text.split("\n")[: fault.line - 1]
        offset = sum(len(line) + 1 for line in lines) + fault.column - 1
        yield Finding("alerts/template", where, fault.message, offset)
    template = compiled(text)
    if where[0] == "labels" and template.uses_value:
        message = "a value in a label makes a new alert of every change: put it into an annotation"
        yield Finding("alerts/value_in_label", where, message, max(0, text.find("alue") - 2))
    for label in sorted(template.labels or ()):
        if not view.labels.may_have(label) and label != "__name__":
            given = (
                " (a rule's own labels are not among $labels)" if label in (*view.rule.labels, "alertname") else ""
            )
            message = f"the expression's result has no label {label!r}{given}"
            yield Finding("alerts/template_label", where, message, _used_at(text, label))


@lru_cache(maxsize=20_000)
def _faults(text: str) -> tuple[Fault, ...]:
    return check_template(text)


def _used_at(text: str, label: str) -> int:
    found = re.search(rf"\.{label}\b|\"{label}\"", text)
    return found.start() + 1 if found else 0


def _span(span: timedelta) -> str:
    return f"{span.total_seconds():g}s"
