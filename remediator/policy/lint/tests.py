"""Alerts without a test in which they fire and one in which they keep quiet, and playbooks without a scenario."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from remediator.model.errors import BadInput, Problem
from remediator.policy.files import is_folder
from remediator.policy.lint.everything import FileFacts
from remediator.policy.lint.findings import Finding, told
from remediator.policy.yaml.positions import Document, read_document


def lint_untested(folder: Path, files: Mapping[str, FileFacts], playbooks: Mapping[str, Document]) -> list[Problem]:
    """Nothing is said where there are no tests at all: then they are kept elsewhere, or by someone else."""
    problems: list[Problem] = []
    alerts, scenarios = folder / "tests" / "alerts", folder / "tests" / "playbooks"
    if is_folder(alerts):
        problems += _alerts(files, set(_cases(alerts)))
    if is_folder(scenarios):
        tested = {name for value in _values(scenarios) for name in _playbooks(value)}
        message = "has no scenario in rules/tests/playbooks: nobody knows what it would do"
        untested = (document for name, document in playbooks.items() if name not in tested)
        problems += [told(one, (), Finding("playbook/untested", ("playbook",), message)) for one in untested]
    return problems


def _alerts(files: Mapping[str, FileFacts], cases: set[tuple[str, bool]]) -> Iterator[Problem]:
    for facts in files.values():
        for view in facts.rules:
            name = view.rule.name
            lacking = [
                word for word, fires in (("fires", True), ("keeps quiet", False)) if (name, fires) not in cases
            ]
            if lacking and not view.rule.recording:
                message = f"has no test in which it {' and none in which it '.join(lacking)} (rules/tests/alerts)"
                yield told(facts.document, view.where, Finding("alerts/untested", ("alert",), message))


def _cases(folder: Path) -> Iterator[tuple[str, bool]]:
    """Each alert that a test of promtool's names, and whether it is to fire there."""
    tests = (test for value in _values(folder) for test in _list(value, "tests"))
    for case in (case for test in tests for case in _list(test, "alert_rule_test")):
        if isinstance(case, dict):
            yield str(case.get("alertname")), bool(case.get("exp_alerts"))


def _playbooks(value: Any) -> Iterator[str]:
    """The playbooks that a file of scenarios expects something of."""
    if not isinstance(value, dict):
        return
    if _list(value, "scenarios"):
        yield str(value.get("playbook"))
    for scenario in _list(value, "scenarios"):
        yield from (
            str(one["playbook"]) for one in _list(scenario, "expect") if isinstance(one, dict) and "playbook" in one
        )


def _values(folder: Path) -> Iterator[Any]:
    """The files that can be read; what is wrong with the others, ``fleetmend test`` says."""
    for path in sorted(folder.glob("*.y*ml")):
        try:
            yield read_document(path).value
        except BadInput:
            continue


def _list(value: Any, key: str) -> list[Any]:
    inner = value.get(key) if isinstance(value, dict) else None
    return inner if isinstance(inner, list) else []
