"""What our renderer writes is what the client library writes, on any families, in both formats, compressed or not."""

import gzip
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.core import HistogramMetricFamily, InfoMetricFamily, SummaryMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from exporter.families import Family, Piece, gauges
from exporter.page import render
from exporter.render import Snapshot, choose_format, go_number, render_text

OPENMETRICS = "application/openmetrics-text;version=1.0.0"
NAMES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,12}", fullmatch=True)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
ODD_NUMBERS = st.sampled_from([0.0, -0.0, 1e6, 123456.5, 1e16, 1e21])
NUMBERS = st.one_of(st.floats(), st.integers(-(2**53), 2**53), ODD_NUMBERS)


@st.composite
def own_families(draw: st.DrawFn) -> Metric:
    labels = draw(st.lists(NAMES, max_size=4, unique=True))
    rows = st.lists(st.tuples(st.tuples(*[TEXTS] * len(labels)), NUMBERS), max_size=5)
    pieces = draw(st.lists(st.builds(Piece, rows, st.booleans()), max_size=3))
    kind = draw(st.sampled_from(["gauge", "counter", "unknown"]))
    return Family(draw(NAMES), draw(TEXTS), kind, labels, pieces)


@st.composite
def library_families(draw: st.DrawFn) -> Metric:
    value = draw(st.floats(0, 1e9))
    made: list[Metric] = [
        SummaryMetricFamily(draw(NAMES), draw(TEXTS), count_value=3, sum_value=value),
        HistogramMetricFamily(draw(NAMES), draw(TEXTS), buckets=[("1.0", 1.0), ("+Inf", 2.0)], sum_value=value),
        InfoMetricFamily(draw(NAMES), draw(TEXTS), value={"version": draw(TEXTS)}),
    ]
    return draw(st.sampled_from(made))


PAGES = st.lists(own_families() | library_families(), max_size=4)


@given(PAGES)
def test_text_is_the_librarys(families: list[Metric]) -> None:
    assert render_text(families) == generate_latest(Snapshot(families))


@given(PAGES)
def test_openmetrics_is_the_librarys(families: list[Metric]) -> None:
    theirs: bytes = generate_openmetrics(Snapshot(families))  # type: ignore[no-untyped-call]
    assert render_text(families, choose_format(OPENMETRICS)) == theirs


@given(PAGES, st.sampled_from(["", OPENMETRICS]))
def test_compressed_and_plain_are_one_page_twice_over(families: list[Metric], accept: str) -> None:
    families = [*families, gauges("padding", "x" * 2000, (), [])]
    plain = render(families, accept, "").body
    for _again in range(2):
        page = render(families, accept, "gzip")
        assert page.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(page.body) == plain


def test_a_lasting_piece_is_written_once() -> None:
    piece = Piece([(("a",), 1.0)], lasting=True)
    family = Family("m", "M.", "gauge", ("x",), [piece])
    first = render_text([family])
    assert piece.text == b'm{x="a"} 1.0\n'
    piece.rows = []
    assert render_text([family]) == first


def test_a_name_that_is_not_text_does_not_cost_the_page() -> None:
    page = render_text([gauges("m", "M.", ("path",), [(("/caf\udce9",), 1.0)])])
    assert page.endswith(b'm{path="/caf?"} 1.0\n')


@pytest.mark.parametrize(
    ("value", "text"),
    [(1e6, "1e+06"), (123456.0, "123456.0"), (1234567.5, "1.2345675e+06"), (-1234567.5, "-1234567.5")],
)
def test_numbers_are_as_go_writes_them(value: float, text: str) -> None:
    assert go_number(value) == text
    assert (go_number(math.inf), go_number(-math.inf), go_number(math.nan)) == ("+Inf", "-Inf", "NaN")
