"""From readings to bytes: formats, compression, deadlines."""

import gzip

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from exporter.families import counters, gauges
from exporter.page import accepts_gzip, parse_deadline, render

OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
FAMILIES = [
    counters("reads_total", "Reads.", ["device"], [([f"disk{number}"], float(number)) for number in range(100)]),
    gauges("room", 'A "quoted" help.', ["path"], [(['a"b\\c\nd'], 1.5)]),
]


def test_text_by_default() -> None:
    page = render(FAMILIES, "", "")
    assert page.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert b'reads_total{device="disk7"} 7.0\n' in page.body
    assert b'room{path="a\\"b\\\\c\\nd"} 1.5\n' in page.body
    assert b"_created" not in page.body
    assert b"# EOF" not in page.body


def test_openmetrics_if_asked_for() -> None:
    page = render(FAMILIES, OPENMETRICS, "")
    assert page.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    text = page.body.decode()
    assert text.endswith("# EOF\n")
    assert "# TYPE reads counter" in text
    assert "_created" not in text
    families = text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
    assert [family.name for family in families] == ["reads", "room"]


def test_gzip_if_allowed_and_worth_it() -> None:
    page = render(FAMILIES, "", "deflate, gzip;q=0.8")
    assert page.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(page.body) == render(FAMILIES, "", "").body
    assert "Content-Encoding" not in render([], "", "gzip").headers


@pytest.mark.parametrize(
    ("header", "allowed"), [("gzip", True), ("br, GZIP", True), ("gzip;q=0", False), ("identity", False), ("", False)]
)
def test_accept_encoding(header: str, *, allowed: bool) -> None:
    assert accepts_gzip(header) is allowed


@pytest.mark.parametrize(
    ("header", "seconds"), [("10", 9.5), ("1", 0.75), ("", 9.5), ("nan", 9.5), ("-1", 9.5), ("inf", 9.5), ("x", 9.5)]
)
def test_deadline_leaves_time_to_send(header: str, seconds: float) -> None:
    assert parse_deadline(header) == seconds
