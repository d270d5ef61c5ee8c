"""How long ago something was, in the largest whole unit."""

from datetime import timedelta

import pytest

from remediator.commands.tables import ago
from tests.remediator.builders import NOON


@pytest.mark.parametrize(
    ("span", "told"),
    [
        (timedelta(), "just now"),
        (timedelta(seconds=1), "1 second ago"),
        (timedelta(minutes=59, seconds=59), "59 minutes ago"),
        (timedelta(hours=17), "17 hours ago"),
        (timedelta(days=1, hours=23), "1 day ago"),
        (timedelta(days=400), "1 year ago"),
    ],
)
def test_a_moment_is_told_by_its_age(span: timedelta, told: str) -> None:
    assert ago((NOON - span).isoformat(), NOON) == told


def test_no_moment_is_nothing() -> None:
    assert ago(None, NOON) == ""
