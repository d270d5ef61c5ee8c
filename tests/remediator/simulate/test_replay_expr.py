"""Selectors in expressions, what is put in their place, and screens that never miss."""

from datetime import timedelta

import pytest

from remediator.simulate.replay.expr import selectors, with_lookback, with_recorded
from remediator.simulate.replay.screen import left, screen


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("up == 0", "up[5m] == 0"),
        ("sum by (host, region) (rate(x_total[5m])) > 1", "sum by (host, region) (rate(x_total[5m])) > 1"),
        ('max(a{b="c d{"}) by (host) / on (host) z', 'max(a{b="c d{"}[5m]) by (host) / on (host) z[5m]'),
        ("a * on (host) group_left (rack) z", "a[5m] * on (host) group_left (rack) z[5m]"),
        ("x offset 5m and timestamp(y) > 1", "x[5m] offset 5m and timestamp(y[5m]) > 1"),
        ("max_over_time(x[1h:30s]) > bool 3", "max_over_time(x[1h:30s]) > bool 3"),
        ('{__name__="a"} unless b # c', '{__name__="a"}[5m] unless b[5m] # c'),
        ("job:x:rate5m > 0.5e3", "job:x:rate5m[5m] > 0.5e3"),
    ],
)
def test_every_plain_selector_gets_a_window(expr: str, expected: str) -> None:
    assert with_lookback(expr) == expected


def test_words_of_the_language_are_no_metrics() -> None:
    names = [each.name for each in selectors("sum without (a) (m) + on (b) ignoring_this atan2 time() and inf or n")]
    assert names == ["m", "ignoring_this", "n"]


def test_recordings_are_put_in_only_where_they_stand_alone() -> None:
    recorded = {"job:x": "sum(x)"}
    assert with_recorded("job:x > 1 and job:x{a='b'}", recorded) == "(sum(x)) > 1 and job:x{a='b'}"


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("max by (host) (load) > 95", ("max(max_over_time(load[3900s])) > 95",)),
        ("avg(avg_over_time(load[10m])) <= -1", ("min(min_over_time(load[4200s])) <= -1",)),
        ("a > 1 or b > 2", ("max(max_over_time(a[3900s])) > 1", "max(max_over_time(b[3900s])) > 2")),
        ("a > 1 unless b > 2", ("max(max_over_time(a[3900s])) > 1",)),
        ("up and on (host) a > 1", ("max(max_over_time(a[3900s])) > 1",)),
        ("sum(s) / sum(t) > 0.5", ("max(max_over_time(s[3900s])) > 0", "min(min_over_time(s[3900s])) < 0")),
    ],
)
def test_what_bounds_a_rule_screens_it(expr: str, expected: tuple[str, ...]) -> None:
    assert screen(expr) == expected


@pytest.mark.parametrize(
    "expr", ["up", "a > 1 or b", "x offset 5m > 3", "a > bool 1", "rate(a[5m]) > 1", "sum(s) > -1", "(("]
)
def test_what_nothing_bounds_is_asked_for_whole(expr: str) -> None:
    assert screen(expr, timedelta(hours=1)) is None


def test_windows_become_slots() -> None:
    assert left([0, 2, 3, 9], slots=25, per_window=4) == [(0, 0), (5, 12)]
    assert left([1, 7], slots=25, per_window=4) == [(1, 4), (25, 25)]
    assert left([], slots=25, per_window=4) == []
