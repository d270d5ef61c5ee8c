"""rules/outcomes.yml: what follows for an alert when there is no data, or the store cannot answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from remediator.model.alert import Group, OnError, OnNoData, Outcomes, Rule
from remediator.model.errors import Problem
from remediator.policy.kept import Content
from remediator.policy.presence import presence
from remediator.policy.problems import did_you_mean, validate
from remediator.policy.promql.expression import BadExpression
from remediator.policy.schema import OutcomeFields, OutcomesFile
from remediator.policy.yaml.positions import Document

PROMETHEUS = Outcomes()


@dataclass(frozen=True, slots=True)
class OutcomeTable:
    """The policy of each alert that is named, and of all the others."""

    default: Outcomes = PROMETHEUS
    alerts: Mapping[str, Outcomes] = field(default_factory=dict)

    def of(self, rule: Rule) -> Outcomes:
        return PROMETHEUS if rule.recording else self.alerts.get(rule.name, self.default)


def read_outcomes(content: Content) -> tuple[OutcomeTable, tuple[Problem, ...]]:
    """The table of the file; Prometheus' own outcomes where it cannot be read."""
    if content.document is None:
        return OutcomeTable(), content.problems
    fields, problems = validate(OutcomesFile, content.document)
    told = (*content.problems, *problems)
    if fields is None:
        return OutcomeTable(), told
    default = _outcomes(fields.default, PROMETHEUS)
    return OutcomeTable(default, {str(name): _outcomes(one, default) for name, one in fields.alerts.items()}), told


def with_outcomes(groups: tuple[Group, ...], table: OutcomeTable) -> tuple[Group, ...]:
    """The groups with each rule's policy, and with what asks for its data where that matters."""
    return tuple(_group(group, table) for group in groups)


def unknown_alerts(document: Document, names: frozenset[str]) -> list[Problem]:
    """Alerts that the file names and no rule has."""
    named = document.value.get("alerts") if isinstance(document.value, dict) else None
    return [
        document.problem(
            ("alerts", name),
            f"no rule is called {name!r}{did_you_mean(name, names)}",
            at_key=True,
            check="outcomes/unknown_alert",
        )
        for name in (named if isinstance(named, dict) else ())
        if name not in names
    ]


def _outcomes(fields: OutcomeFields, default: Outcomes) -> Outcomes:
    no_data = default.no_data if fields.no_data is None else OnNoData(fields.no_data)
    return Outcomes(no_data, default.error if fields.error is None else OnError(fields.error))


def _group(group: Group, table: OutcomeTable) -> Group:
    if all(table.of(rule) == PROMETHEUS for rule in group.rules):
        return group
    return replace(group, rules=tuple(_rule(rule, table.of(rule)) for rule in group.rules))


def _rule(rule: Rule, outcomes: Outcomes) -> Rule:
    if outcomes == PROMETHEUS:
        return rule
    asks = outcomes.no_data is not OnNoData.RESOLVE
    return replace(rule, outcomes=outcomes, presence=_presence(rule.expr) if asks else "")


def _presence(expression: str) -> str:
    try:
        return presence(expression)
    except BadExpression:
        # Told as a mistake of the expression itself.
        return ""
