"""What is wrong with rules although each file is well-formed: by file first, then against the rest of the folder."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import promql_parser as ql

from remediator.model.alert import Group
from remediator.model.errors import Problem
from remediator.model.policy import Playbook
from remediator.policy.lint.findings import Finding, RuleView, told
from remediator.policy.lint.playbooks import destructive
from remediator.policy.lint.rules import LONGEST_INTERVAL, examine_rule
from remediator.policy.metric_names import KnownMetrics
from remediator.policy.problems import did_you_mean
from remediator.policy.promql.expression import Selector, is_selector, metric_name, selector_of
from remediator.policy.promql.labels import loser
from remediator.policy.promql.shape import selectors
from remediator.policy.steps import Actions, flat
from remediator.policy.yaml.places import Where
from remediator.policy.yaml.positions import Document

NO_PLAYBOOK = "none"


@dataclass(frozen=True, slots=True)
class Known:
    """What a rule is checked against; ``names`` also holds playbooks whose files are broken."""

    playbooks: Mapping[str, Playbook]
    names: frozenset[str]
    actions: Actions
    metrics: KnownMetrics = field(default_factory=KnownMetrics)


@dataclass(frozen=True, eq=False, slots=True)
class FileFacts:
    """One file of rules, parsed and walked once; ``problems`` are what it shows by itself."""

    document: Document
    groups: tuple[Group, ...]
    rules: tuple[RuleView, ...]
    problems: tuple[Problem, ...]

    @property
    def recorded(self) -> frozenset[str]:
        return frozenset(view.rule.name for view in self.rules if view.rule.recording)


def examine_file(groups: tuple[Group, ...], document: Document) -> FileFacts:
    """Everything that depends on this one file only."""
    problems = [told(document, where, finding) for where, finding in _groups(groups)]
    views: list[RuleView] = []
    for index, group in enumerate(groups):
        for number, rule in enumerate(group.rules):
            view, found = examine_rule(rule, group, ("groups", index, "rules", number))
            views.append(view)
            problems += [told(document, view.where, finding) for finding in found]
    return FileFacts(document, groups, tuple(views), tuple(problems))


def lint_file(facts: FileFacts, known: Known) -> list[Problem]:
    """The file's own problems, and those that playbooks and the other files' recordings bring about."""
    return [*facts.problems, *lint_metrics(facts, known.metrics), *lint_asking(facts, known)]


def lint_metrics(facts: FileFacts, metrics: KnownMetrics) -> list[Problem]:
    """What the rules read and nothing has."""
    return [told(facts.document, view.where, finding) for view in facts.rules for finding in _metrics(view, metrics)]


def lint_asking(facts: FileFacts, known: Known) -> list[Problem]:
    """What is wrong between the rules and the playbooks that they ask for."""
    alerts = (view for view in facts.rules if not view.rule.recording)
    return [told(facts.document, view.where, finding) for view in alerts for finding in _playbook(view, known)]


def lint_shape(raw: Any, document: Document, base: Where) -> list[Problem]:
    """A rule is an alert or a recording, and a recording has no alert's fields."""
    if bool(raw.get("alert")) == bool(raw.get("record")):
        return [told(document, base, Finding("rule/field", (), "a rule has either 'alert' or 'record'"))]
    wrong = [name for name in ("for", "keep_firing_for", "annotations") if raw.get("record") and name in raw]
    message = "a recording rule has no such field"
    return [told(document, base, Finding("rule/field", (name,), message, at_key=True)) for name in wrong]


def _groups(groups: tuple[Group, ...]) -> Iterator[tuple[Where, Finding]]:
    counts = Counter(group.name for group in groups)
    for index, group in enumerate(groups):
        base: Where = ("groups", index)
        if counts[group.name] > 1:
            yield base, Finding("group/duplicate", ("name",), f"group {group.name!r} is given more than once")
        if not group.interval:
            yield base, Finding("group/interval", ("interval",), "must be longer than 0", severity="error")
        elif group.interval > LONGEST_INTERVAL:
            message = "results live for 5 minutes: with a longer interval they have gaps; evaluate at least every 5m"
            yield base, Finding("group/interval", ("interval",), message)


def _metrics(view: RuleView, metrics: KnownMetrics) -> Iterator[Finding]:
    for part in view.parts:
        if is_selector(part.node):
            yield from _selector(view, part.node, metrics)
        elif isinstance(part.node, ql.AggregateExpr) and part.node.modifier:
            yield from _listed(view, part.node, metrics)


def _selector(view: RuleView, node: Selector, metrics: KnownMetrics) -> Iterator[Finding]:
    selector = selector_of(node)
    name = metric_name(selector)
    if name and not metrics.has(name):
        check = "rule/dependency" if ":" in name else "promql/metric"
        message = "no rule records" if ":" in name else "no page of ours has, and foreign_metrics.yml does not name,"
        yield view.at(check, node, f"{message} {name}{metrics.meant(name)}")
    for matcher in selector.matchers.matchers:
        if metrics.lacks_label(name, matcher.name):
            message = f"{name} has no label {matcher.name!r}{_near(name, matcher.name, metrics)}"
            yield view.at_offset("promql/label", view.places.matcher(node, matcher.name), message)
    if isinstance(node, ql.MatrixSelector) and node.range < 2 * metrics.scrape_interval:
        least = f"{2 * metrics.scrape_interval.total_seconds():g}s"
        message = f"too short for two samples: at least {least}, twice the scrape interval"
        yield view.at_offset("promql/rate", view.places.window(node), message)


def _listed(view: RuleView, node: ql.AggregateExpr, metrics: KnownMetrics) -> Iterator[Finding]:
    """Labels in a ``by`` or ``without`` that nothing beneath has."""
    given = view.labels_of(node.expr)
    for label in node.modifier.labels if node.modifier and not given.exact else ():
        names = [metric_name(selector_of(one)) for one in selectors(node.expr)]
        if names and label not in given.names and all(metrics.lacks_label(name, label) for name in names):
            message = f"{names[0]} has no label {label!r}{_near(names[0], label, metrics)}"
            yield view.at_offset("promql/label", view.places.listed(node, label), message)


def _near(name: str, label: str, metrics: KnownMetrics) -> str:
    return did_you_mean(label, metrics.labels_of(name), 0.5)


def _playbook(view: RuleView, known: Known) -> Iterator[Finding]:
    name = view.rule.labels.get("playbook", "")
    if not name:
        where = ("labels",) if view.rule.labels else ("alert",)
        message = "playbook is missing; write 'playbook: none' for an alert that only people act on"
        yield Finding("playbook/unnamed", where, message, at_key=True)
    elif name != NO_PLAYBOOK and name not in known.names:
        message = f"unknown playbook {name!r}{did_you_mean(name, known.names)}"
        yield Finding("playbook/unknown", ("labels", "playbook"), message)
    elif name in known.playbooks:
        yield from _fits(view, known.playbooks[name], known.actions)


def _fits(view: RuleView, playbook: Playbook, actions: Actions) -> Iterator[Finding]:
    steps = [step for _, step in flat(playbook.steps)]
    labels = view.labels.plus(frozenset(view.rule.labels))
    needed = {playbook.target} | {actions[step.action].needs_label for step in steps} - {""}
    for label in sorted(needed):
        if view.tree is not None and not labels.may_have(label):
            message = f"its result has no label {label!r}, which playbook {playbook.name!r} acts on"
            yield view.at("playbook/label", loser(view.tree, label), message)
            break
    if not view.rule.hold_for and destructive(playbook.steps, actions):
        message = f"for is missing: playbook {playbook.name!r} destroys, so one sample must not be enough"
        yield Finding("alerts/for", ("alert",), message, at_key=True)


def recordings(files: Iterable[FileFacts]) -> frozenset[str]:
    """Every series that the rules record."""
    return frozenset().union(*(facts.recorded for facts in files))
