"""Metric families built fresh for each scrape: a name, a type, label names, and rows of values."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

# Label values and the sample's value.
Row = tuple[Sequence[str], float]


@dataclass(slots=True)
class Piece:
    """Rows with their lines of text; those of a ``lasting`` piece are written and compressed only once.

    The renderer fills in ``text`` and ``deflated``: a lasting piece must stay with one family and keep its rows.
    """

    rows: Sequence[Row]
    lasting: bool = False
    text: bytes | None = None
    deflated: bytes | None = None


class Family(Metric):
    """A family of the client library that keeps rows, and makes samples of them only if somebody asks.

    The renderer of a page reads the rows: an object for each sample would cost more than its line of text.
    ``name`` is without ``_total``, as the library has it; ``pieces`` come before ``rows``.
    """

    def __init__(
        self,
        name: str,
        text: str,
        kind: str,
        labels: Sequence[str],
        pieces: Iterable[Piece] = (),
        rows: Sequence[Row] = (),
    ) -> None:
        # Not the library's own: it would check each name anew at each scrape, and keep samples.
        self.name = name
        self.documentation = text
        self.unit = ""
        self.type = kind
        self.labels = tuple(labels)
        self.pieces = list(pieces)
        self.rows = rows

    @property
    def samples(self) -> list[Sample]:  # type: ignore[override]
        """The rows as the library's encoders want them."""
        name = f"{self.name}_total" if self.type == "counter" else self.name
        rows = chain(*(piece.rows for piece in self.pieces), self.rows)
        return [Sample(name, dict(zip(self.labels, values, strict=True)), number) for values, number in rows]


def count_rows(family: Metric) -> int:
    """How many samples there are, without making any."""
    if isinstance(family, Family):
        return len(family.rows) + sum([len(piece.rows) for piece in family.pieces])
    return len(family.samples)


def gauge(name: str, text: str, value: float) -> Metric:
    """One sample without labels."""
    return gauges(name, text, (), [((), value)])


def counter(name: str, text: str, value: float) -> Metric:
    """One sample without labels; ``name`` ends in ``_total``."""
    return counters(name, text, (), [((), value)])


def untyped(name: str, text: str, value: float) -> Metric:
    """One sample without labels, of a kind that its source does not tell."""
    return Family(name, text, "unknown", (), rows=[((), value)])


def gauges(name: str, text: str, labels: Sequence[str], rows: Iterable[Row]) -> Metric:
    """One sample for each row, its values in the order of ``labels``."""
    return Family(name, text, "gauge", labels, rows=list(rows))


def counters(name: str, text: str, labels: Sequence[str], rows: Iterable[Row]) -> Metric:
    """As ``gauges``; ``name`` ends in ``_total``."""
    return Family(name.removesuffix("_total"), text, "counter", labels, rows=list(rows))


def one_hot(values: Iterable[tuple[Sequence[str], str]], states: Sequence[str]) -> Iterable[Row]:
    """For each labelled state a row of 0 or 1 for *every* possible state: a state that ends is seen to end."""
    for labels, current in values:
        for state in states:
            yield (*labels, state), float(state == current)
