"""What a check says of one rule, and how it becomes a problem with its exact place."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import promql_parser as ql

from remediator.model.alert import Group, Rule
from remediator.model.errors import Problem
from remediator.policy.lint.catalogue import CHECKS
from remediator.policy.promql.expression import children, parse
from remediator.policy.promql.labels import ANYTHING, Labels, output_labels
from remediator.policy.promql.places import Places
from remediator.policy.yaml.places import Where
from remediator.policy.yaml.positions import Document
from remediator.policy.yaml.scalar_places import place_in


class Finding(NamedTuple):
    """``where`` is the path within the rule; ``offset`` the character of the text there, -1 for its beginning."""

    check: str
    where: Where
    message: str
    offset: int = -1
    at_key: bool = False
    severity: str = ""


class Part(NamedTuple):
    """One part of an expression and those that it stands in, the outermost first."""

    node: ql.Expr
    above: tuple[ql.Expr, ...]


@dataclass(eq=False)
class RuleView:
    """A rule with its expression parsed once; ``tree`` is None when it does not parse."""

    rule: Rule
    group: Group
    where: Where
    tree: ql.Expr | None
    parts: tuple[Part, ...] = ()
    labels: Labels = ANYTHING
    known: dict[int, Labels] = field(default_factory=dict)
    meaning: str = ""

    @cached_property
    def places(self) -> Places:
        """Worked out for the first finding only: most rules have none."""
        return Places(self.rule.expr, self.tree or parse("0"))

    def labels_of(self, node: ql.Expr) -> Labels:
        return output_labels(node, self.known)

    def at(self, check: str, node: ql.Expr, message: str) -> Finding:
        """A finding about that part of the expression."""
        return Finding(check, ("expr",), message, self.places.of(node))

    def at_offset(self, check: str, offset: int, message: str) -> Finding:
        return Finding(check, ("expr",), message, offset)


def view_of(rule: Rule, group: Group, where: Where, tree: ql.Expr | None) -> RuleView:
    if tree is None:
        return RuleView(rule, group, where, None)
    parts: list[Part] = []
    _collect(tree, (), parts)
    known: dict[int, Labels] = {}
    return RuleView(rule, group, where, tree, tuple(parts), output_labels(tree, known), known)


def told(document: Document, base: Where, finding: Finding) -> Problem:
    """The finding as a problem of its file."""
    where = (*base, *finding.where)
    severity = finding.severity or CHECKS[finding.check].severity
    problem = document.problem(where, finding.message, at_key=finding.at_key, severity=severity, check=finding.check)
    if finding.offset < 0 or where in document.names:
        return problem
    place = place_in(document, where, finding.offset)
    return Problem(problem.file, place.line, place.column, problem.message, severity, finding.check)


def _collect(node: ql.Expr, above: tuple[ql.Expr, ...], parts: list[Part]) -> None:
    parts.append(Part(node, above))
    inner = children(node)
    if inner:
        deeper = (*above, node)
        for part in inner:
            _collect(part, deeper, parts)
