"""A family's lines, written in small leaves: a row that changes costs a dozen lines, not a page of them.

Leaves are bound into pieces, so that whoever puts the page together handles hundreds of things and not thousands.
"""

from collections.abc import Iterator, Sequence
from typing import Any, overload

from exporter.compress import deflate
from exporter.families import Family, Piece, Row
from exporter.render import encode, render_lines

BOUND = 64

# How many records have a label set, the sum of what they add to it, and its line, empty if that is to be written.
Sum = tuple[int, float, str]
Sums = dict[Sequence[str], Sum]
NOTHING: Sum = (0, 0.0, "")


class Rows(Sequence[Row]):
    """The rows of some leaves, made only for who looks at them; the page has their text."""

    def __init__(self, leaves: Sequence[Sums]) -> None:
        self._leaves = leaves
        self._count = sum(map(len, leaves))

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Row]:
        return (row for leaf in self._leaves for row in rows_of(leaf))

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...
    def __getitem__(self, index: Any) -> Any:
        return list(self)[index]


def rows_of(leaf: Sums) -> list[Row]:
    return [(labels, total) for labels, (_, total, _) in leaf.items()]


class Leaves:
    """Sums by labels, spread over ``count`` leaves, and their lines."""

    def __init__(self, shape: Family, count: int) -> None:
        self._shape = shape
        self._leaves: list[Sums] = [{} for _ in range(count)]
        self._texts = [b""] * count
        self._deflated = [b""] * count
        self._pieces: list[Piece | None] = [None] * -(-count // BOUND)
        self._stale: set[int] = set()

    def add(self, labels: Sequence[str], amount: float, step: int) -> None:
        """Add to a label set; ``step`` is 1 for a record more, -1 for one less."""
        number = hash(labels) % len(self._leaves)
        leaf = self._leaves[number]
        count, total, _ = leaf.get(labels, NOTHING)
        if count + step:
            leaf[labels] = count + step, total + amount, ""
        else:
            del leaf[labels]
        self._stale.add(number)

    def pieces(self) -> list[Piece]:
        """Those that have rows; nothing is written but what has changed."""
        for number in self._stale:
            self._write(number)
        for bound in {number // BOUND for number in self._stale}:
            self._bind(bound)
        self._stale.clear()
        return [piece for piece in self._pieces if piece is not None]

    def _write(self, number: int) -> None:
        leaf = self._leaves[number]
        changed = [(labels, total) for labels, (_, total, line) in leaf.items() if not line]
        # A line ends where a newline is: those within labels are escaped. After the last there is nothing.
        written = render_lines(self._shape, changed).split("\n")[:-1]
        for (labels, total), line in zip(changed, written, strict=True):
            leaf[labels] = leaf[labels][0], total, line + "\n"
        text = self._texts[number] = encode("".join([line for _, _, line in leaf.values()]))
        # Scrapers ask for gzip: it is done here, where only what changed is at hand.
        self._deflated[number] = deflate(text) if text else b""

    def _bind(self, bound: int) -> None:
        part = slice(bound * BOUND, (bound + 1) * BOUND)
        text, deflated = b"".join(self._texts[part]), b"".join(self._deflated[part])
        self._pieces[bound] = (
            Piece(Rows(self._leaves[part]), lasting=True, text=text, deflated=deflated) if text else None
        )
