"""Durations, shares and paces as people write them."""

from datetime import timedelta

import pytest

from remediator.actions.fields import parse_duration, parse_pace, parse_share


@pytest.mark.parametrize(
    ("text", "seconds"), [("10s", 10), ("5m", 300), ("1h30m", 5400), ("500ms", 0.5), (0, 0), ("1d", 86400)]
)
def test_durations(text: object, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", [5, "5", "five", "", "-1s", "10 s", True, None, "9" * 30 + "y", "200y"])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"write for example|hundred years"):
        parse_duration(text)


@pytest.mark.parametrize(("text", "share"), [("1%", 0.01), ("12.5%", 0.125), (0.05, 0.05), (1, 1.0), ("100%", 1.0)])
def test_shares(text: object, share: float) -> None:
    assert parse_share(text) == share


@pytest.mark.parametrize("text", ["101%", 1.5, "-1%", "half", True, None])
def test_what_is_no_share_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="is no share"):
        parse_share(text)


def test_paces() -> None:
    assert parse_pace("20/s") == 20
    assert parse_pace("6/m") == 0.1
    with pytest.raises(ValueError, match="is no pace"):
        parse_pace("0/s")
