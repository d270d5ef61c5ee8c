"""One file under rules/alerts/ as groups of rules, as far as it can be read."""

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from remediator.model.alert import Group
from remediator.model.errors import Problem
from remediator.policy.build import build_groups
from remediator.policy.kept import Content
from remediator.policy.lint.everything import FileFacts, examine_file, lint_shape
from remediator.policy.problems import validate
from remediator.policy.schema import AlertFile, RuleFields
from remediator.policy.yaml.positions import Document, Where

# Stands where a rule could not be read, so that the others keep their places and are checked all the same.
_STAND_IN = {"alert": "Unreadable", "expr": "vector(0)"}
# With more of them the file is something else, and nothing is said of the rest.
MOST_STAND_INS = 100
MOST_RULES = 20_000


@dataclass(frozen=True, eq=False, slots=True)
class AlertPart:
    """What one file gives; ``unread`` are the lines (first, last) of rules that could not be read."""

    document: Document
    facts: FileFacts
    problems: tuple[Problem, ...]
    unread: tuple[tuple[int, int], ...] = ()

    @property
    def groups(self) -> tuple[Group, ...]:
        return self.facts.groups

    def reliable(self, problem: Problem) -> bool:
        """Whether a finding is about something that could be read."""
        return not any(first <= problem.line <= last for first, last in self.unread)


def read_alert_file(content: Content, file: str) -> AlertPart | None:
    """The file's groups; None where nothing in it can be relied on, and its problems say why."""
    document = content.document
    if document is None:
        return None
    fields, problems = validate(AlertFile, document)
    spoiled: list[Where] = []
    if fields is None:
        mended, spoiled = _mended(document.value)
        fields = validate(AlertFile, document, (), mended)[0] if 0 < len(spoiled) <= MOST_STAND_INS else None
    told = [*content.problems, *problems]
    rules = sum(len(group.rules) for group in fields.groups) if fields else 0
    if rules > MOST_RULES:
        message = f"holds {rules} rules, and at most {MOST_RULES} are read from one file; split it"
        told.append(document.problem(("groups",), message, check="yaml/size"))
    if fields is None or rules > MOST_RULES:
        return AlertPart(document, examine_file((), document), tuple(told))
    for index, group in enumerate(document.value["groups"]):
        for number, raw in enumerate(group.get("rules") or ()):
            where = ("groups", index, "rules", number)
            if where not in spoiled:
                told += lint_shape(raw, document, where)
    facts = examine_file(build_groups(fields, document, file), document)
    return AlertPart(document, facts, tuple(told), tuple(document.span(where) for where in spoiled))


def _mended(value: Any) -> tuple[Any, list[Where]]:
    """The file with stand-ins for rules that cannot be read, and where those are."""
    if not isinstance(value, dict) or not isinstance(value.get("groups"), list):
        return value, []
    spoiled: list[Where] = []
    groups = [_mended_group(group, ("groups", index), spoiled) for index, group in enumerate(value["groups"])]
    return {**value, "groups": groups}, spoiled


def _mended_group(group: Any, where: Where, spoiled: list[Where]) -> Any:
    if not isinstance(group, dict) or not isinstance(group.get("rules"), list):
        return group
    rules = []
    for number, raw in enumerate(group["rules"]):
        whole = _whole(raw)
        rules.append(raw if whole else _STAND_IN)
        if not whole:
            spoiled.append((*where, "rules", number))
    return {**group, "rules": rules}


def _whole(raw: Any) -> bool:
    try:
        RuleFields.model_validate(raw)
    except ValidationError:
        return False
    return True
