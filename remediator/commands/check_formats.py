"""Problems as people and machines want them: with a caret, as JSON, as GitHub's annotations. SARIF is beside."""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from remediator.commands.tables import clean
from remediator.model.errors import BadInput, Problem
from remediator.policy.check import exit_code
from remediator.policy.files import decode, read_bytes
from remediator.policy.lint.catalogue import CHECKS
from remediator.policy.yaml.values import lines_of

LEFT, WIDTH = 80, 110
_COLOURS = {"error": "1;31", "warning": "1;33", "info": "1;34", "caret": "1;32", "dim": "2"}
_COMMANDS = {"error": "error", "warning": "warning", "info": "notice"}


@dataclass(frozen=True, slots=True)
class Paint:
    """Colours on a terminal; nothing elsewhere."""

    coloured: bool = False

    def __call__(self, text: str, style: str) -> str:
        return f"\x1b[{_COLOURS[style]}m{text}\x1b[0m" if self.coloured and text else text


class Texts:
    """The lines of files, as they were read where that is known; otherwise as they are now."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self._known = known
        self._lines: dict[str, list[str]] = {}

    def line(self, problem: Problem) -> str:
        """The line that a problem is about; empty where there is none to show."""
        lines = self._lines.get(problem.file)
        if lines is None:
            self._lines[problem.file] = lines = lines_of(self._text(problem.file))
        return lines[problem.line - 1] if 0 < problem.line <= len(lines) else ""

    def _text(self, file: str) -> str:
        if file in self._known:
            return self._known[file]
        try:
            return decode(read_bytes(Path(file), file)[1], file)
        except BadInput:
            return ""


def as_human(problems: Sequence[Problem], texts: Texts, paint: Paint = Paint()) -> str:
    """Each problem with the line it is about and a caret under its column; a count at the end."""
    return "\n".join([*(_human(problem, texts, paint) for problem in problems), counted(problems)]) + "\n"


def counted(problems: Sequence[Problem]) -> str:
    """``2 errors, 1 warning``; notes only where there are any."""
    counts = _counts(problems)
    parts = [_count(counts["error"], "error"), _count(counts["warning"], "warning")]
    return ", ".join(parts + ([_count(counts["info"], "note")] if counts["info"] else []))


def as_json(problems: Sequence[Problem]) -> str:
    """``{version, errors, warnings, notes, exit_code, problems: [...]}``; line and column are null where none is."""
    counts = _counts(problems)
    shape = {
        "version": 1,
        "errors": counts["error"],
        "warnings": counts["warning"],
        "notes": counts["info"],
        "exit_code": exit_code(problems),
        "problems": [
            {
                "file": problem.file,
                "line": problem.line or None,
                "column": problem.column or None,
                "severity": problem.severity,
                "check": problem.check,
                "message": problem.message,
                "page": page(problem.check),
            }
            for problem in problems
        ],
    }
    return json.dumps(shape, indent=2) + "\n"


def as_github(problems: Sequence[Problem]) -> str:
    """One workflow command a problem, which GitHub shows beside the line."""
    return "".join(_annotation(problem) for problem in problems)


def page(check: str) -> str:
    """Where a check is explained, from the project's root; empty for what has no page."""
    return f"docs/checks/{check.replace('/', '_')}.md" if check in CHECKS else ""


def _human(problem: Problem, texts: Texts, paint: Paint) -> str:
    name = paint(f" [{problem.check}]", "dim") if problem.check else ""
    head = f"{paint(problem.severity, problem.severity)}: {clean(str(problem)).replace(chr(10), ' ')}{name}"
    return head + _excerpt(problem, texts, paint)


def _excerpt(problem: Problem, texts: Texts, paint: Paint) -> str:
    line = clean(texts.line(problem).replace("\t", " ")) if problem.column else ""
    if not line:
        return ""
    # A long line is shown around its column, so that the caret stays on the screen.
    start = max(0, problem.column - LEFT)
    before = line[start : problem.column - 1]
    return f"\n    {line[start : start + WIDTH]}\n    {' ' * _width(before)}{paint('^', 'caret')}"


def _width(text: str) -> int:
    """How many columns of a terminal a text takes."""
    wide = sum(unicodedata.east_asian_width(each) in "WF" for each in text)
    return len(text) + wide - sum(unicodedata.combining(each) != 0 for each in text)


def _annotation(problem: Problem) -> str:
    places = {"file": problem.file, "line": problem.line, "col": problem.column, "title": problem.check}
    given = ",".join(f"{name}={_property(str(value))}" for name, value in places.items() if value)
    return f"::{_COMMANDS[problem.severity]} {given}::{_data(problem.message)}\n"


def _data(text: str) -> str:
    return re.sub("[%\r\n]", lambda found: f"%{ord(found[0]):02X}", text)


def _property(text: str) -> str:
    return re.sub("[%\r\n:,]", lambda found: f"%{ord(found[0]):02X}", text)


def _counts(problems: Sequence[Problem]) -> dict[str, int]:
    return {severity: sum(one.severity == severity for one in problems) for severity in _COMMANDS}


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
