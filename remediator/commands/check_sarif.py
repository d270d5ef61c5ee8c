"""Problems as SARIF 2.1.0 (OASIS), which code hosts and editors read."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote

from remediator.commands.check_formats import Texts, page
from remediator.model.errors import Problem
from remediator.policy.lint.catalogue import CHECKS
from remediator.version import VERSION

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}


def as_sarif(problems: Sequence[Problem], texts: Texts, docs: str = "") -> str:
    """One run; ``docs`` is where docs/ is published: without it no check has a link: SARIF wants whole ones."""
    names = sorted({problem.check for problem in problems if problem.check})
    seen: Counter[str] = Counter()
    run = {
        "tool": {
            "driver": {
                "name": "fleetmend",
                "semanticVersion": VERSION,
                "rules": [_rule(name, docs) for name in names],
            }
        },
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"ROOT": {"description": {"text": "where fleetmend check was started"}}},
        "results": [_result(problem, names, texts, seen) for problem in problems],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(name: str, docs: str) -> dict[str, Any]:
    rule: dict[str, Any] = {"id": name}
    known = CHECKS.get(name)
    if known is None:
        return rule
    rule["shortDescription"] = {"text": known.finds}
    rule["help"] = {
        "text": f"{known.advice} ({page(name)})",
        "markdown": f"{known.advice}\n\nSee `{page(name)}`.",
    }
    rule["defaultConfiguration"] = {"level": _LEVELS[known.severity]}
    if docs:
        rule["helpUri"] = f"{docs.rstrip('/')}/{page(name).removeprefix('docs/')}"
    return rule


def _result(problem: Problem, names: list[str], texts: Texts, seen: Counter[str]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "level": _LEVELS[problem.severity],
        "message": {"text": problem.message},
        "partialFingerprints": {"fleetmend/v1": _fingerprint(problem, texts, seen)},
    }
    if problem.check:
        result |= {"ruleId": problem.check, "ruleIndex": names.index(problem.check)}
    if problem.file:
        result["locations"] = [{"physicalLocation": _location(problem)}]
    return result


def _location(problem: Problem) -> dict[str, Any]:
    location: dict[str, Any] = {"artifactLocation": _artifact(problem.file)}
    if problem.line:
        location["region"] = {
            "startLine": problem.line,
            **({"startColumn": problem.column} if problem.column else {}),
        }
    return location


def _artifact(file: str) -> dict[str, str]:
    """Below the folder that the command was started in: relative to it, as code hosts want it."""
    path = PurePath(file)
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    if path.is_absolute():
        return {"uri": f"file://{quote(path.as_posix())}"}
    return {"uri": quote(path.as_posix()), "uriBaseId": "ROOT"}


def _fingerprint(problem: Problem, texts: Texts, seen: Counter[str]) -> str:
    """The same for the same finding wherever its line moves to; equal ones of one file are numbered."""
    stable = "\0".join((problem.check, _artifact(problem.file)["uri"], problem.message, texts.line(problem).strip()))
    digest = hashlib.sha256(stable.encode("utf-8", "backslashreplace")).hexdigest()[:32]
    seen[digest] += 1
    return f"{digest}:{seen[digest]}"
