"""Errors by what the caller does next: fix the input, try again, or give up on this step."""

from dataclasses import dataclass


class FleetmendError(Exception):
    """The root of what this project raises on purpose; its text is for people and holds no secret."""


class ForbiddenEdge(FleetmendError):
    """A state change that no table allows: a bug of ours, never an input's fault."""


class TransientError(FleetmendError):
    """The same call with the same key may succeed later."""


class UncertainError(TransientError):
    """The call may have had its effect: that is observed before it is repeated."""


class PermanentError(FleetmendError):
    """Trying again is useless; the next step of the ladder is due."""


class BadInput(FleetmendError):
    """Files, flags or requests that are wrong; carries every problem found, not only the first."""

    def __init__(self, problems: "list[Problem]") -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong with a file, at its place; line and column count from 1, 0 when there is none.

    ``check`` is the name of what found it, as its page under docs/checks/ is called.
    """

    file: str
    line: int
    column: int
    message: str
    severity: str = "error"
    check: str = ""

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        return f"{place}: {self.message}" if place else self.message
