"""From everything that was found to what is told: each mistake once, no flood, and what comments disable left out."""

from collections.abc import Iterable, Mapping
from operator import attrgetter

from remediator.model.errors import Problem
from remediator.policy.disable import Comment, comment_problems, without_disabled
from remediator.policy.lint.catalogue import CHECKS

# So many problems of one file are told; nobody reads more.
MOST_TOLD = 1000
_ORDER = attrgetter("file", "line", "column", "message", "severity", "check")


def honoured(problems: list[Problem], comments: Mapping[str, tuple[Comment, ...]]) -> list[Problem]:
    """Without what comments disable, and with what is wrong with the comments; they go by their file's name."""
    wrong: list[Problem] = []
    for file, found in comments.items():
        if found:
            own = [problem for problem in problems if problem.file == file]
            wrong += comment_problems(file, found, own, CHECKS)
    return [*without_disabled(problems, comments), *wrong] if any(comments.values()) else problems


def once(problems: Iterable[Problem]) -> list[Problem]:
    """In order, and without what is only said because the YAML at that very place is wrong."""
    told = sorted(set(problems), key=_ORDER)
    spoiled = {(one.file, one.line, one.column) for one in told if one.check.startswith("yaml/")}
    return [one for one in told if one.check.startswith("yaml/") or (one.file, one.line, one.column) not in spoiled]


def bounded(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """In order, of each file the first ones, errors before the others."""
    by_file: dict[str, list[Problem]] = {}
    for problem in problems:
        by_file.setdefault(problem.file, []).append(problem)
    told: list[Problem] = []
    for file, found in by_file.items():
        if len(found) > MOST_TOLD:
            found.sort(key=lambda one: (one.severity != "error", one.line))
            more = f"{len(found) - MOST_TOLD} more problems of this file are not told"
            found = [*found[:MOST_TOLD], Problem(file, 0, 0, more, found[MOST_TOLD].severity, found[MOST_TOLD].check)]
        told += found
    return tuple(sorted(told, key=_ORDER))
