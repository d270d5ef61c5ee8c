"""Families to text, many times as fast as the client library, and equal to what it writes.

Sample lines are the same in both formats; only what heads a family differs. Families that are not of our own kind
are left to the library.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter

from prometheus_client.exposition import choose_encoder, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector as Registry

from exporter.families import Family, Piece, Row

END = "# EOF\n"
NOT_FINITE = {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}
DIGITS = 6  # Go writes an exponent from a million on


class Snapshot(Registry):
    """Families that have been collected already, in the shape that the library's encoders ask for."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Sequence[Metric]:
        return self._families


@dataclass(frozen=True, slots=True)
class Format:
    """One of the exposition formats; ``encode`` is the library's own encoder of it."""

    content_type: str
    encode: Callable[[Registry], bytes]

    @property
    def openmetrics(self) -> bool:
        return self.content_type.startswith("application/openmetrics-text")


@dataclass(frozen=True, slots=True)
class Stretch:
    """Part of a page's text, with the lasting piece that it is of."""

    text: bytes
    piece: Piece | None = None


PLAIN = Format("text/plain; version=0.0.4; charset=utf-8", generate_latest)


def choose_format(accept: str) -> Format:
    """By the Accept header, as the library chooses: text 0.0.4 unless another is asked for."""
    encode, content_type = choose_encoder(accept)
    return Format(content_type, encode)


def render_text(families: Sequence[Metric], form: Format = PLAIN) -> bytes:
    """A whole page's text."""
    return b"".join(stretch.text for stretch in render_stretches(families, form))


def render_stretches(families: Sequence[Metric], form: Format) -> list[Stretch]:
    """A whole page in order: the pieces that last, and between them, in one, what does not."""
    stretches: list[Stretch] = []
    fresh: list[str] = []
    for part in render_parts(families, form):
        if isinstance(part, str):
            fresh.append(part)
        else:
            if fresh:
                stretches.append(Stretch(encode("".join(fresh))))
                fresh.clear()
            stretches.append(Stretch(render_lasting(*part), part[1]))
    return [*stretches, Stretch(encode("".join(fresh)))]


def render_parts(families: Sequence[Metric], form: Format) -> Iterator[str | tuple[Family, Piece]]:
    """Heads and lines in order; pieces that last as they are."""
    openmetrics = form.openmetrics
    for family in families:
        if not isinstance(family, Family):
            yield form.encode(Snapshot([family])).decode().removesuffix(END)
            continue
        plan = _plan(family.name, family.documentation, family.type, family.labels, openmetrics)
        if not family.pieces:
            yield plan.head + plan.lines(family.rows)
            continue
        yield plan.head
        for piece in family.pieces:
            yield (family, piece) if piece.lasting else plan.lines(piece.rows)
        yield plan.lines(family.rows)
    if openmetrics:
        yield END


def render_lasting(family: Family, piece: Piece) -> bytes:
    if piece.text is None:
        piece.text = encode(render_lines(family, piece.rows))
    return piece.text


def render_lines(family: Family, rows: Sequence[Row]) -> str:
    """The sample lines of ``rows``, which no format writes in another way."""
    return _plan(family.name, family.documentation, family.type, family.labels, False).lines(rows)  # noqa: FBT003


def encode(text: str) -> bytes:
    """A file name need not be UTF-8; a page must be."""
    return text.encode(errors="replace")


@dataclass(frozen=True, slots=True)
class Plan:
    """How one family is written: its head, a line to be filled in, and how to bring a row's values into its order."""

    head: str
    template: str
    labels: int
    arrange: Callable[[Sequence[str]], Sequence[str]] | None

    def lines(self, rows: Sequence[Row]) -> str:
        """The sample lines, labels in the order of their names."""
        template, labels = self.template, self.labels
        if not labels:
            return "".join([template % go_number(number) for _, number in rows])
        if self.arrange is not None:
            rows = [(self.arrange(values), number) for values, number in rows]
        text = "".join([template % (*values, go_number(number)) for values, number in rows])
        # Hardly ever is there anything to escape: count what must be there, look closer only if there is more.
        if "\\" in text or text.count('"') != 2 * labels * len(rows) or text.count("\n") != len(rows):
            text = "".join([template % (*map(escape, values), go_number(number)) for values, number in rows])
        return text


@lru_cache(maxsize=4096)
def _plan(name: str, text: str, kind: str, labels: tuple[str, ...], openmetrics: bool) -> Plan:  # noqa: FBT001
    sample = f"{name}_total" if kind == "counter" else name
    ordered = sorted(labels)
    inside = ",".join(f'{label}="%s"' for label in ordered)
    template = f"{sample}{{{inside}}} %s\n" if labels else f"{sample} %s\n"
    in_order = list(labels) == ordered
    arrange = None if in_order else itemgetter(*(labels.index(label) for label in ordered))
    text = text.replace("\\", r"\\").replace("\n", r"\n")
    if openmetrics:
        text = text.replace('"', r"\"")
        return Plan(f"# HELP {name} {text}\n# TYPE {name} {kind}\n", template, len(labels), arrange)
    kind = "untyped" if kind == "unknown" else kind
    return Plan(f"# HELP {sample} {text}\n# TYPE {sample} {kind}\n", template, len(labels), arrange)


def escape(value: str) -> str:
    """A label value as both formats want it."""
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def go_number(value: float) -> str:
    """A number as Go would write it, which the library does too."""
    text = repr(float(value))
    dot = text.find(".")
    if dot <= DIGITS or value < 0:
        return NOT_FINITE.get(text, text) if dot < 0 else text
    mantissa = f"{text[0]}.{text[1:dot]}{text[dot + 1 :]}".rstrip("0.")
    return f"{mantissa}e+{dot - 1:02d}"
