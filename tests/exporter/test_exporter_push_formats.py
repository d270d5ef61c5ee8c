"""What a page becomes on its way: cut, compressed, as text or as remote write."""

import gzip
import math
import struct

import cramjam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.families import counter, gauge, gauges
from exporter.push.formats import ImportFormat
from exporter.push.page import MOST_SAMPLES, Cutter, Page
from exporter.push.remote_write import STALE, RemoteWriteFormat, varint
from exporter.render import render_text
from tests.exporter.push_site import Act, Request, Sample, read_varint, remote_write_samples, same_number

AT = 1_700_000_000_123


def cut_one(text: bytes, *, marks: bool) -> Page:
    (page,) = Cutter(marks=marks).cut(text, AT)
    return page


def as_samples(form: RemoteWriteFormat, page: Page) -> list[Sample]:
    body = form.encode(page)
    return remote_write_samples(Request("", {}, body.headers, body.data, Act()))


def test_a_page_is_its_sample_lines() -> None:
    text = render_text([gauge("room", "Room.", 2.0), counter("doors_total", "Doors.", 3.0)])
    page = cut_one(text, marks=False)
    assert page.lines() == [b"room 2.0", b"doors_total 3.0"]
    assert (page.at, page.samples, page.size) == (AT, 2, len(page.packed))


def test_a_large_page_is_cut_into_pieces_of_one_moment() -> None:
    text = b"".join(b"n%d 1.0\n" % number for number in range(2 * MOST_SAMPLES + 1))
    pages = Cutter(marks=False).cut(text, AT)
    assert [page.samples for page in pages] == [MOST_SAMPLES, MOST_SAMPLES, 1]
    assert {page.at for page in pages} == {AT}
    assert b"".join(line + b"\n" for page in pages for line in page.lines()) == text


def test_text_never_carries_what_is_not_a_number() -> None:
    text = b'a NaN\nb{c="NaN"} 1.0\nd +Inf\n'
    assert cut_one(text, marks=False).lines() == [b'b{c="NaN"} 1.0', b"d +Inf"]
    assert cut_one(text, marks=True).lines() == text.splitlines()


def test_what_has_gone_is_marked_once() -> None:
    cutter = Cutter(marks=True)
    cutter.cut(b"a 1.0\nb 1.0\n", AT)
    (second,) = cutter.cut(b"a 2.0\n", AT + 1)
    (third,) = cutter.cut(b"a 3.0\n", AT + 2)
    assert second.lines() == [b"a 2.0", b"b gone"]
    assert third.lines() == [b"a 3.0"]
    assert [page.lines() for page in cutter.end(AT + 3)] == [[b"a gone"]]
    assert cutter.end(AT + 4) == []


def test_ends_are_later_than_the_last_page_whatever_the_clock_says() -> None:
    cutter = Cutter(marks=True)
    cutter.cut(b"a 1.0\n", AT)
    assert [page.at for page in cutter.end(AT - 60_000)] == [AT + 1]


def test_a_series_that_is_there_twice_is_sent_once() -> None:
    assert cut_one(b"a 1.0\na 2.0\n", marks=True).lines() == [b"a 2.0"]


def test_the_import_format_says_labels_and_moment_in_the_url() -> None:
    body = ImportFormat({"region": "arn", "instance": "h 1"}).encode(cut_one(b"a 1.0\n", marks=False))
    assert body.params == [
        ("extra_label", "instance=h 1"),
        ("extra_label", "region=arn"),
        ("timestamp", str(AT)),
    ]
    assert gzip.decompress(body.data) == b"a 1.0\n"
    assert body.samples == 1


def test_pages_kept_for_remote_write_can_be_imported() -> None:
    page = cut_one(b"a NaN\nb 1.0\n", marks=True)
    body = ImportFormat({}).encode(page)
    assert (gzip.decompress(body.data), body.samples) == (b"b 1.0\n", 1)


@pytest.mark.parametrize(
    ("base", "imported", "written"),
    [
        ("http://vm:8428/", "http://vm:8428/api/v1/import/prometheus", "http://vm:8428/api/v1/write"),
        ("http://vm/insert/0", "http://vm/insert/0/api/v1/import/prometheus", "http://vm/insert/0/api/v1/write"),
        ("http://vm?x=1", "http://vm/api/v1/import/prometheus?x=1", "http://vm/api/v1/write?x=1"),
        ("http://m/api/v1/push", "http://m/api/v1/push/api/v1/import/prometheus", "http://m/api/v1/push"),
    ],
)
def test_the_endpoint_follows_from_the_base_url(base: str, imported: str, written: str) -> None:
    assert ImportFormat({}).url(base) == imported
    assert RemoteWriteFormat({}).url(base) == written
    assert ImportFormat({}).url(imported) == imported


def test_remote_write_carries_labels_moment_and_value() -> None:
    text = b'a{b="x y",c="q\\"\\\\\\n"} 1.5\nd 2.0\n'
    form = RemoteWriteFormat({"instance": "h1", "b": "ours", "empty": ""})
    samples = as_samples(form, cut_one(text, marks=True))
    assert [(one.labels, one.at, one.value) for one in samples] == [
        ({"__name__": "a", "b": "ours", "c": 'q"\\\n', "instance": "h1"}, AT, 1.5),
        ({"__name__": "d", "b": "ours", "instance": "h1"}, AT, 2.0),
    ]


def test_the_end_of_a_series_is_the_stale_nan_bit_for_bit() -> None:
    cutter = Cutter(marks=True)
    cutter.cut(b"a 1.0\n", AT)
    (page,) = cutter.end(AT + 5)
    (sample,) = as_samples(RemoteWriteFormat({}), page)
    assert sample.bits == STALE == struct.pack("<Q", 0x7FF0000000000002)
    assert (sample.labels, sample.at) == ({"__name__": "a"}, AT + 5)


def test_a_nan_is_not_an_end() -> None:
    (sample,) = as_samples(RemoteWriteFormat({}), cut_one(b"a NaN\n", marks=True))
    assert sample.bits != STALE
    assert math.isnan(sample.value)


def test_series_that_were_met_before_are_encoded_alike() -> None:
    form, fresh = RemoteWriteFormat({"i": "1"}), RemoteWriteFormat({"i": "1"})
    (page,) = Cutter(marks=True).cut(b'a{b="c"} 1.0\n', AT)
    (later,) = Cutter(marks=True).cut(b'a{b="c"} 2.0\n', AT + 1)
    (latest,) = Cutter(marks=True).cut(b'a{b="c"} 3.0\n', AT + 2)
    for one in (page, later, latest):
        assert form.encode(one).data == fresh.encode(one).data == RemoteWriteFormat({"i": "1"}).encode(one).data


@given(st.integers(0, 2**63 - 1))
def test_varints_are_read_back(number: int) -> None:
    encoded = varint(number)
    assert read_varint(encoded, 0) == (number, len(encoded))


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=200), st.floats(), min_size=1, max_size=30),
    st.integers(1, 2**42),
)
def test_any_label_value_and_number_survive_remote_write(rows: dict[str, float], at: int) -> None:
    family = gauges("any", "Any.", ["value"], [([text], number) for text, number in rows.items()])
    (page,) = Cutter(marks=True).cut(render_text([family]), at)
    samples = as_samples(RemoteWriteFormat({}), page)
    assert {one.labels.get("value", "") for one in samples} == set(rows)
    assert all(same_number(rows[one.labels.get("value", "")], one.value) and one.at == at for one in samples)


def test_snappy_is_the_block_format() -> None:
    body = RemoteWriteFormat({}).encode(cut_one(b"a 1.0\n", marks=True))
    size, _ = read_varint(body.data, 0)
    assert size == len(bytes(cramjam.snappy.decompress_raw(body.data)))
