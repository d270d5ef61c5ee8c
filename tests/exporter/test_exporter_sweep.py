"""Calls in as few threads as will do: the slow do not hold up the rest, what never returns is left behind."""

import threading

import pytest

from exporter.choice import Choice, split_choice
from exporter.errors import BadStart
from exporter.runner import Collector
from exporter.sweep import Sweep
from exporter.workers import Workers

SECONDS = 5.0


def test_quick_calls_share_one_thread() -> None:
    ended = threading.Event()
    seen: set[int] = set()
    sweep = Sweep({str(n): lambda: seen.add(threading.get_ident()) for n in range(20)}, ended.set)
    sweep.start(Workers())
    assert ended.wait(SECONDS)
    assert len(seen) == 1
    assert len(sweep.results) == 20


def test_more_threads_overtake_a_slow_call() -> None:
    release, ended = threading.Event(), threading.Event()
    workers = Workers()

    def quick() -> bool:
        release.set()
        return True

    sweep = Sweep({"slow": lambda: release.wait(SECONDS), "quick": quick}, ended.set)
    sweep.start(workers)
    assert not ended.wait(0.05)
    sweep.start(workers, 3)
    assert ended.wait(SECONDS)
    assert sweep.results == {"slow": True, "quick": True}
    assert not sweep.busy


def test_given_up_calls_do_not_begin_and_stuck_ones_are_known() -> None:
    release, ended = threading.Event(), threading.Event()
    workers = Workers(1)
    sweep = Sweep({"stuck": lambda: release.wait(SECONDS), "never": lambda: True}, ended.set)
    sweep.start(workers)
    while "stuck" not in sweep.busy:
        assert not ended.wait(0.01)
    sweep.give_up(workers)
    # The thread that is stuck is replaced: others are served.
    assert workers.submit(lambda: 1).result(SECONDS) == 1
    release.set()
    assert not ended.wait(0.1)
    assert sweep.results == {"stuck": True}


def test_a_call_that_raises_has_no_result_and_the_rest_goes_on() -> None:
    ended = threading.Event()
    workers = Workers()
    sweep = Sweep({"bad": lambda: float("x"), "good": lambda: 1.0}, ended.set)
    sweep.start(workers)
    assert not ended.wait(0.05)
    sweep.start(workers)
    assert ended.wait(SECONDS)
    assert sweep.results == {"good": 1.0}
    assert not sweep.busy


def collectors() -> list[Collector]:
    return [Collector("cpu", list), Collector("costly", list, default=False)]


def test_flags_choose_collectors_and_the_last_word_counts() -> None:
    rest, choice = split_choice(
        ["host", "--no-collector.cpu", "--collector.costly", "--collector.cpu", "--listen", ":1"]
    )
    assert rest == ["host", "--listen", ":1"]
    assert choice == Choice(frozenset({"cpu", "costly"}), frozenset())
    assert [choice.runs(one) for one in choice.keep(collectors())] == [True, True]


def test_a_collector_named_with_a_dot_is_no_setting() -> None:
    rest, choice = split_choice(["--collector.cpu.info", "--collector.textfile.directory", "/x"])
    assert choice.on == {"cpu.info"}
    assert rest == ["--collector.textfile.directory", "/x"]


def test_without_defaults_only_what_is_named_runs() -> None:
    _, choice = split_choice(["--collector.disable-defaults", "--collector.costly"])
    assert [choice.runs(one) for one in choice.keep(collectors())] == [False, True]


def test_what_is_taken_away_cannot_be_asked_for_and_flags_with_values_stay() -> None:
    rest, choice = split_choice(["--no-collector.cpu", "--collector.filesystem.mount-timeout", "3"])
    assert [one.name for one in choice.keep(collectors())] == ["costly"]
    assert rest == ["--collector.filesystem.mount-timeout", "3"]


def test_an_unknown_name_is_one_clear_line() -> None:
    _, choice = split_choice(["--collector.cpus", "--no-collector.disk"])
    with pytest.raises(BadStart, match=r"^no such collector in the modules started: cpus, disk$"):
        choice.keep(collectors())
