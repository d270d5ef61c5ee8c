"""What a store's answer amounts to; the real ones are in test_real_stores.py."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from remediator.sources.store import NoData, Store, StoreError, Vector, parse_answer

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)


def answer(body: str) -> object:
    return parse_answer(body.encode(), 0.5)


def test_a_vector_loses_its_name_label_and_its_nans() -> None:
    body = """{"status":"success","data":{"resultType":"vector","result":[
        {"metric":{"__name__":"up","host":"h1"},"value":[1785585600.5,"1"]},
        {"metric":{"host":"h2"},"value":[1785585600,"NaN"]}]}}"""
    result = answer(body)
    assert isinstance(result, Vector)
    (sample,) = result.samples
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
