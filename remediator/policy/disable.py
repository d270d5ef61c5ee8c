"""Comments that disable a warning: ``# fleetmend disable CHECK(reason)``, above or within what it is about.

In a file of alerts it holds for the rule, or the head of the group, that it stands above or within; in other files
for the top-level key. Errors cannot be disabled: they say that the policy cannot be used.
"""

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from remediator.model.errors import Problem
from remediator.policy.problems import did_you_mean
from remediator.policy.yaml.positions import Document
from remediator.policy.yaml.values import lines_of

# Only `check --online` makes these, so a comment may well find nothing to disable without it.
ONLINE = "online/"
_MARK = "fleetmend disable"
_COMMENT = re.compile(r"#\s*fleetmend disable\s+(.*)")
_ONE = re.compile(r"([a-z_]+/[a-z0-9_]+)(?:\(([^)]*)\))?")
_WORD = re.compile(r"([^\s,()]+)(?:\(([^)]*)\))?")


@dataclass(frozen=True, slots=True)
class Comment:
    """One check that a comment disables, where it says so, and the lines it is about."""

    line: int
    column: int
    check: str
    reason: str
    first: int
    last: int

    def covers(self, problem: Problem) -> bool:
        return problem.check == self.check and self.first <= problem.line <= self.last


def read_comments(document: Document) -> tuple[Comment, ...]:
    """Every comment of the file that disables something."""
    if _MARK not in document.text:
        return ()
    lines = lines_of(document.text)
    units = _units(document)
    found: list[Comment] = []
    for number, line in enumerate(lines, 1):
        comment = _COMMENT.search(line)
        if comment:
            at = number if line[: comment.start()].strip() else _next_line(lines, number)
            first, last = _span(units, at, len(lines))
            found += [
                Comment(number, comment.start(1) + one.start() + 1, one[1], (one[2] or "").strip(), first, last)
                for one in _named(comment[1])
            ]
    return tuple(found)


def _named(text: str) -> list[re.Match[str]]:
    """The checks that are named, each with its reason; the first word where none is, for it has to be told."""
    found = list(_ONE.finditer(text))
    word = _WORD.search(text)
    return found or ([word] if word else [])


def without_disabled(problems: Iterable[Problem], comments: Mapping[str, tuple[Comment, ...]]) -> list[Problem]:
    """The problems that no comment disables; comments go by the name that problems give their file."""
    return [
        problem
        for problem in problems
        if problem.severity == "error"
        or not problem.check
        or not any(comment.covers(problem) for comment in comments.get(problem.file, ()))
    ]


def comment_problems(
    file: str, comments: Iterable[Comment], problems: Collection[Problem], known: Collection[str]
) -> list[Problem]:
    """What is wrong with the comments themselves."""
    found = []
    for one in comments:
        message, check = _wrong(one, [each for each in problems if one.covers(each)], known)
        if check:
            found.append(Problem(file, one.line, one.column, message, "warning", check))
        if not one.reason and check not in ("disable/unknown", "disable/useless"):
            message = f"say why: fleetmend disable {one.check}(reason)"
            found.append(Problem(file, one.line, one.column, message, "warning", "disable/reason"))
    return found


def _wrong(comment: Comment, covered: list[Problem], known: Collection[str]) -> tuple[str, str]:
    if comment.check not in known:
        return f"there is no check {comment.check!r}{did_you_mean(comment.check, known)}", "disable/unknown"
    if any(problem.severity == "error" for problem in covered):
        return f"{comment.check} found an error here, and errors cannot be disabled: mend it", "disable/error"
    if not covered and not comment.check.startswith(ONLINE):
        return f"{comment.check} finds nothing here: remove the comment", "disable/useless"
    return "", ""


def _units(document: Document) -> list[int]:
    """The lines on which the parts begin that a comment can be about."""
    value = document.value
    if not isinstance(value, dict):
        return [1]
    starts = [document.key_place((key,)).line for key in value]
    groups = value.get("groups")
    for index in range(len(groups) if isinstance(groups, list) else 0):
        starts += [document.place(("groups", index)).line, *document.lines(("groups", index, "rules"))]
    return sorted(starts)


def _span(units: list[int], line: int, last: int) -> tuple[int, int]:
    after = bisect_right(units, line)
    first = units[after - 1] if after else 1
    return first, (units[after] - 1 if after < len(units) else last)


def _next_line(lines: list[str], number: int) -> int:
    """The line below that holds more than a comment."""
    for later in range(number, len(lines)):
        text = lines[later].strip()
        if text and not text.startswith("#"):
            return later + 1
    return number
