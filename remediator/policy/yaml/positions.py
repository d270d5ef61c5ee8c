"""A YAML file as a plain value that knows the place of every part of it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from remediator.model.errors import BadInput, Problem
from remediator.policy.files import decode, read_bytes
from remediator.policy.yaml.places import Place as Place
from remediator.policy.yaml.places import Places
from remediator.policy.yaml.places import Where as Where
from remediator.policy.yaml.values import lines_of, read_values

LONGEST_MESSAGE = 600


@dataclass(frozen=True, slots=True)
class Document:
    """A file's plain value, and where each part of it stands; ``names`` are values that came from elsewhere."""

    file: str
    value: Any
    places: Places = field(default_factory=Places)
    names: dict[Where, str] = field(default_factory=dict)
    text: str = ""
    _lines: list[str] = field(default_factory=list, repr=False, compare=False)

    def place(self, where: Where) -> Place:
        """Where the value at that path stands, or its nearest parent."""
        return self.places.spot(self.places.index(where)[0])

    def key_place(self, where: Where) -> Place:
        """Where the key of the value at that path stands, or what is nearest to it."""
        index, own = self.places.index(where)
        return self.places.key(index) if own else self.places.spot(index)

    def lines(self, where: Where) -> list[int]:
        """The line on which each value inside the list or mapping at that path begins."""
        return [self.places.spot(index).line for index in self.places.items(where)]

    def span(self, where: Where) -> tuple[int, int]:
        """The first and the last line of the value at that path, with what stands between it and the next one."""
        index, _ = self.places.index(where)
        first = self.places.spot(index).line
        after = self.places.ends[index] if index < len(self.places.ends) else 0
        if not 0 < after < len(self.places.spots):
            return first, max(first, self.text.count("\n") + 1)
        return first, max(first, min(self.places.spot(after), self.places.key(after)).line - 1)

    def source(self, where: Where) -> list[str]:
        """The lines of the file from the value at that path on, to the one on which the next value begins."""
        if not self._lines:
            self._lines.extend(lines_of(self.text))
        first, last = self.span(where)
        return self._lines[first - 1 : last + 1]

    def problem(
        self, where: Where, message: str, *, at_key: bool = False, severity: str = "error", check: str = ""
    ) -> Problem:
        """A problem at that path, or at its nearest parent that has a place."""
        if len(message) > LONGEST_MESSAGE:
            message = f"{message[:LONGEST_MESSAGE]}..."
        field_name = ".".join(str(part) for part in where if isinstance(part, str))
        text = f"{field_name}: {message}" if field_name else message
        if where in self.names:
            return Problem(self.names[where], 0, 0, message, severity, check)
        place = self.key_place(where) if at_key else self.place(where)
        return Problem(self.file, place.line, place.column, text, severity, check)


def read_document(path: Path, shown: str = "") -> Document:
    """Read and parse one YAML file.

    Raises:
        BadInput: unreadable, binary, too large or too deep, or YAML that is wrong or means something else.
    """
    shown = shown or str(path)
    return parse_document(decode(read_bytes(path, shown)[1], shown), shown)


def parse_document(text: str, file: str) -> Document:
    """Parse YAML text.

    Raises:
        BadInput: with everything that is wrong.
    """
    document, problems = read_loosely(text, file)
    if document is None or problems:
        raise BadInput(problems)
    return document


def read_loosely(text: str, file: str) -> tuple[Document | None, list[Problem]]:
    """What can be read of YAML text, and all that is wrong with it; no document where nothing can be relied on."""
    places, problems = read_values(text, file)
    return (Document(file, places.root, places, {}, text) if places else None), problems
