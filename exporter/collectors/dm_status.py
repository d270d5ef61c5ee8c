"""Lines of ``dmsetup status``: one for each segment of each device, in the words of its target."""

import re
from collections.abc import Callable
from dataclasses import dataclass

SECTOR_BYTES = 512
# Names may hold colons; what separates them is one with a space behind it.
LINE = re.compile(r"^(\S+?): (\d+) (\d+) (\S+) ?(.*)$")
# A snapshot that cannot be read, a pool whose metadata is gone, a mapping that refuses everything.
FAILURES = frozenset({"Fail", "Error", "Invalid", "Overflow", "Merge", "Unknown"})


@dataclass(frozen=True, slots=True)
class Target:
    """A segment; ``size`` in bytes, ``words`` as its driver says them."""

    name: str
    size: int
    kind: str
    words: tuple[str, ...]

    @property
    def failed(self) -> bool:
        """Whether the driver says that this cannot be used, or is here to refuse."""
        if self.kind == "error" or (self.words and self.words[0] in FAILURES):
            return True
        check = CHECKS.get(self.kind)
        return check is not None and check(self.words)


def parse_status(text: str) -> list[Target]:
    """In the tool's order; devices without a table, and the words that there are none, are no segments."""
    found = (LINE.match(line.strip()) for line in text.splitlines())
    return [
        Target(one[1], int(one[3]) * SECTOR_BYTES, one[4], tuple(one[5].split())) for one in found if one is not None
    ]


def parse_ratio(word: str) -> tuple[int, int]:
    """``12/345``: a part and the whole. Raises ValueError."""
    part, _, whole = word.partition("/")
    return int(part), int(whole)


def divide(part: float, whole: float) -> float:
    """The part of a whole; all of nothing is nothing."""
    return part / whole if whole else 0.0


# What each driver says when it has failed but does not say so in its first word.
CHECKS: dict[str, Callable[[tuple[str, ...]], bool]] = {
    "striped": lambda words: "D" in words[-1],
    "verity": lambda words: words[:1] == ("C",),
    "writecache": lambda words: words[:1] not in {("0",), ()},
    "vdo": lambda words: words[1:2] == ("read-only",),
}
