"""What a store's answer amounts to; the real ones are in test_real_stores.py."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from remediator.clock import SystemClock
from remediator.sources.answers import Answers
from remediator.sources.store import NoData, Store, StoreError, Vector, parse_answer
from tests.store_lab import serving

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)


def answer(body: str) -> object:
    return parse_answer(body.encode(), 0.5)


def test_a_vector_keeps_names_apart_and_knows_what_is_no_number() -> None:
    body = """{"status":"success","data":{"resultType":"vector","result":[
        {"metric":{"__name__":"up","host":"h1"},"value":[1785585600.5,"1"]},
        {"metric":{"host":"h2"},"value":[1785585600,"NaN"]}]}}"""
    result = answer(body)
    assert isinstance(result, Vector)
    assert [series.name for series in result.series] == ["up", ""]
    assert result.has_nan
    (sample,) = result.numbers.samples
    assert (sample.labels, sample.value, result.seconds) == ({"host": "h1"}, 1.0, 0.5)
    assert sample.at.microsecond == 500_000


def test_a_scalar_is_one_element_and_an_empty_success_is_no_data() -> None:
    scalar = answer('{"status":"success","data":{"resultType":"scalar","result":[1785585600,"2"]}}')
    assert isinstance(scalar, Vector)
    assert scalar.samples[0].labels == {}
    assert answer('{"status":"success","data":{"resultType":"vector","result":[]}}') == NoData(0.5)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"status":"error","error":"query timed out"}', "query timed out"),
        ('{"status":"success","isPartial":true,"data":{"resultType":"vector","result":[]}}', "partial"),
        ('{"status":"success","data":{"resultType":"matrix","result":[]}}', "'matrix' has no elements"),
        ('{"status":"success","data":{"resultType":"string","result":[1,"x"]}}', "'string' has no elements"),
        ('{"status":"success","data":{"resultType":"vector","result":[{"metric":{}}]}}', "unreadable answer"),
        ('{"status":"success","data":{"resultType":"vector","result":null}}', "unreadable answer"),
        ('{"status":"success"}', "has no elements"),
        ("<html>", "unreadable answer"),
        ("", "unreadable answer"),
        ("{}", "no success"),
    ],
)
def test_whatever_is_unexpected_is_an_error_and_never_an_empty_success(body: str, said: str) -> None:
    result = answer(body)
    assert isinstance(result, StoreError)
    assert said in result.reason


def test_a_store_that_refuses_is_named_without_its_secrets(tmp_path: Path) -> None:
    result = Store("http://me:secret@127.0.0.1:9", timedelta(seconds=1)).query("up", NOON)
    assert isinstance(result, StoreError)
    assert result.reason == "store 127.0.0.1:9: cannot be reached"


def test_a_token_file_that_is_gone_is_named(tmp_path: Path) -> None:
    result = Store("http://127.0.0.1:9", token_file=tmp_path / "gone").query("up", NOON)
    assert isinstance(result, StoreError)
    assert "gone: No such file" in result.reason


def vector_of(*rows: str, at: float = NOON.timestamp()) -> bytes:
    elements = ",".join(f'{{"metric":{metric},"value":[{at},"1"]}}' for metric in rows)
    return f'{{"status":"success","data":{{"resultType":"vector","result":[{elements}]}}}}'.encode()


def test_a_series_is_the_same_object_for_as_long_as_it_stays_in_the_answers() -> None:
    answers, one, two = Answers(), '{"host":"h1"}', '{"host":"h2"}'
    told = [answers.read("q", vector_of(*rows), 0.0) for rows in ((one, two), (two, one), (two,), (one, two))]
    first, second, third, fourth = [result.series for result in told if isinstance(result, Vector)]
    assert (second[0] is first[1], second[1] is first[0]) == (True, True)
    assert third[0] is first[1]
    assert (fourth[0] is first[0], fourth[1] is first[1]) == (False, True)
    assert fourth[0].labels == first[0].labels


def test_an_element_given_twice_stays_two() -> None:
    answers = Answers()
    for _ in range(2):
        result = answers.read("q", vector_of('{"host":"h1"}', '{"host":"h1"}'), 0.0)
        assert isinstance(result, Vector)
        assert len(result.series) == 2


def test_elements_of_another_moment_are_an_error() -> None:
    asked = NOON.timestamp()
    assert isinstance(Answers().read("q", vector_of("{}", at=asked - 200), 0.0, asked), Vector)
    old = Answers().read("q", vector_of("{}", at=asked - 400), 0.0, asked)
    assert isinstance(old, StoreError)
    assert "another moment" in old.reason


def test_a_moment_that_is_yet_to_come_for_the_store_is_no_answer() -> None:
    with serving(lambda path, host: "") as url:
        # The site answers GET alone; the refusal carries its time all the same.
        store = Store(url, future=timedelta(minutes=1))
        now = SystemClock().now()
        ahead = store.query("up", now + timedelta(hours=1))
        assert isinstance(ahead, StoreError)
        assert "ahead of its own" in ahead.reason
        here = store.query("up", now)
        assert isinstance(here, StoreError)
        assert "ahead" not in here.reason
