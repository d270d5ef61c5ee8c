"""What only the whole folder shows: the same said twice, recordings out of order, what nobody asks for or tests."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import promql_parser as ql

from remediator.model.errors import Problem
from remediator.model.policy import Playbook
from remediator.policy.conflicts import lint_conflicts
from remediator.policy.lint.everything import FileFacts
from remediator.policy.lint.findings import Finding, RuleView, told
from remediator.policy.lint.playbooks import Site, lint_fleet, lint_unused
from remediator.policy.lint.tests import lint_untested
from remediator.policy.promql.expression import is_selector, metric_name, selector_of
from remediator.policy.yaml.positions import Document

Playbooks = Mapping[str, tuple[Playbook, Document]]


def lint_folder(
    files: Mapping[str, FileFacts],
    playbooks: Playbooks,
    *,
    always: str = "",
    folder: Path | None = None,
    fleet: Iterable[Site] = (),
) -> list[Problem]:
    """Warnings about files and playbooks that are each well-formed.

    ``always`` is the playbook that direct evidence asks for; ``folder`` holds the tests; ``fleet`` are the places of
    the expected hosts, where they are known.
    """
    sites = list(fleet)
    documents = {name: document for name, (_, document) in playbooks.items()}
    groups = tuple(group for facts in files.values() for group in facts.groups)
    problems = [*_duplicates(files), *_dependencies(files), *lint_unused(documents, groups, always)]
    problems += lint_conflicts(playbooks, [view for facts in files.values() for view in facts.rules])
    for playbook, document in playbooks.values() if sites else ():
        problems += lint_fleet(playbook, document, sites)
    return problems + (lint_untested(folder, files, documents) if folder else [])


def _duplicates(files: Mapping[str, FileFacts]) -> Iterator[Problem]:
    seen: dict[tuple[object, ...], RuleView] = {}
    for facts in files.values():
        for view in facts.rules:
            rule = view.rule
            if rule.recording:
                key: tuple[object, ...] = (rule.name, tuple(sorted(rule.labels.items())))
            else:
                key = (rule.name, rule.expr, tuple(sorted(rule.labels.items())))
            first = seen.setdefault(key, view)
            if first is not view:
                place = f"{first.rule.file}:{first.rule.line}"
                same = "records the same series" if rule.recording else "is the same alert"
                finding = Finding("rule/duplicate", ("record" if rule.recording else "alert",), f"{same} as {place}")
                yield told(facts.document, view.where, finding)


def _dependencies(files: Mapping[str, FileFacts]) -> Iterator[Problem]:
    """Recorded series that are read before they are made: the reader sees the value of the round before."""
    made = {view.rule.name: here for _, view, here in _placed(files) if view.rule.recording}
    for facts, view, here in _placed(files) if made else ():
        for name, node in _read(view):
            if name in made and (late := _late(made[name], here)):
                message = f"{name} is {late}: what is read here is up to an interval old"
                yield told(facts.document, view.where, view.at("rule/dependency", node, message))


def _placed(files: Mapping[str, FileFacts]) -> Iterator[tuple[FileFacts, RuleView, tuple[str, str, int]]]:
    """Every rule with its file, its group and its number in the file."""
    for facts in files.values():
        for number, view in enumerate(facts.rules):
            yield facts, view, (view.group.file, view.group.name, number)


def _read(view: RuleView) -> Iterator[tuple[str, ql.Expr]]:
    """The series that a rule reads, each with where it does."""
    return ((metric_name(selector_of(part.node)), part.node) for part in view.parts if is_selector(part.node))


def _late(maker: tuple[str, str, int], reader: tuple[str, str, int]) -> str:
    if maker[:2] != reader[:2]:
        return f"recorded in another group ({maker[1]})"
    return "recorded further down" if maker[2] >= reader[2] else ""
