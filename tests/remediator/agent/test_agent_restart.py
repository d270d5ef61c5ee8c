"""What follows from an exit, how signals and durations are read, and how processes are told apart."""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from remediator.agent.adopt import settled
from remediator.agent.files import parse_guest_path
from remediator.agent.processes import alive_stat, is_running
from remediator.agent.record import MachineRecord, Running
from remediator.agent.restart import after_exit, delay_before, parse_duration, stop_signal
from remediator.agent.settings import parse_settings
from remediator.model.errors import PermanentError
from remediator.model.host import Capacity
from remediator.model.machine import MachineState

NOW = datetime(2026, 1, 2, tzinfo=UTC)
BRIEF, LONG = timedelta(seconds=1), timedelta(minutes=1)


def record(policy: str = "on-failure", restarts: int = 0, **more: Any) -> MachineRecord:
    config = {"restart": {"policy": policy, "max_retries": 3}}
    made = MachineRecord("m", "web", "m", "arn", "i", "d", NOW, MachineState.STARTED, "started", config)
    return MachineRecord(**{name: getattr(made, name) for name in made.__slots__} | {"restarts": restarts, **more})


@pytest.mark.parametrize(
    ("policy", "restarts", "code", "ran", "state"),
    [
        ("on-failure", 0, 1, BRIEF, MachineState.STARTING),
        ("on-failure", 3, 1, BRIEF, MachineState.FAILED),
        ("on-failure", 3, 1, LONG, MachineState.STARTING),
        ("on-failure", 0, 0, BRIEF, MachineState.STOPPED),
        ("on-failure", 0, None, BRIEF, MachineState.STARTING),
        ("always", 99, 0, BRIEF, MachineState.STARTING),
        ("no", 0, 1, BRIEF, MachineState.FAILED),
        ("no", 0, 0, BRIEF, MachineState.STOPPED),
    ],
)
def test_after_an_exit(policy: str, restarts: int, code: int | None, ran: timedelta, state: MachineState) -> None:
    after = after_exit(record(policy, restarts), code, ran)
    assert (after.state, after.running, after.exit_code) == (state, None, code)


def test_delays_double_to_a_ceiling() -> None:
    delays = [delay_before(restarts).total_seconds() for restarts in (1, 2, 3, 50)]
    assert delays == [0.25, 0.5, 1.0, 30.0]


@pytest.mark.parametrize(
    ("text", "seconds"), [("1m30s", 90), ("250ms", 0.25), (5, 5), (5_000_000_000, 5), (None, 0), ("0s", 0)]
)
def test_durations(text: object, seconds: float) -> None:
    assert parse_duration(text).total_seconds() == seconds


def test_signals_by_name_and_number() -> None:
    assert [stop_signal({}), stop_signal({"stop_config": {"signal": "sigint"}}), stop_signal({}, 9)] == [15, 2, 9]
    with pytest.raises(PermanentError, match="no signal"):
        stop_signal({"stop_config": {"signal": "SIGNOTHING"}})


def test_paths_of_guests() -> None:
    assert parse_guest_path("/app//x/./y") == ("app", "x", "y")
    for bad in ("", "/", "..", "a/../b", None, "a\0b"):
        with pytest.raises(PermanentError):
            parse_guest_path(bad)


def test_a_process_is_its_pid_and_its_start() -> None:
    stat = alive_stat(os.getpid())
    assert stat
    assert is_running(Running(os.getpid(), stat.started, "boot"), "boot")
    assert not is_running(Running(os.getpid(), stat.started + 1, "boot"), "boot")
    assert not is_running(Running(os.getpid(), stat.started, "boot"), "next")


def test_a_new_life_forgets_failures_but_not_wishes() -> None:
    failed = record(state=MachineState.FAILED, restarts=3)
    assert settled(failed, None, same_life=True).wants_start is False
    assert settled(failed, None, same_life=False).wants_start is True
    stopped = record(state=MachineState.STOPPED, desired="stopped")
    assert settled(stopped, None, same_life=False).wants_start is False


def test_what_died_unseen_is_started_again_when_welcomed() -> None:
    lost = settled(record(running=Running(1, 1, "boot")), None, same_life=True)
    assert (lost.state, lost.running, lost.wants_start) == (MachineState.STARTING, None, True)


def test_settings_keep_to_the_loopback_unless_told() -> None:
    words = "--name h1 --region arn --rack r1 --data d --remediator http://a,http://b/ --snapshots s --boot-id b"
    settings = parse_settings([*words.split(), "--capacity", "cpus=2,memory_mb=512,disk_mb=64"], root=False)
    assert (settings.listen, settings.machine_address) == (("127.0.0.1", 9080), "127.0.0.1")
    assert settings.remediators == ("http://a", "http://b")
    assert settings.capacity == Capacity(2.0, 512, 64)
    assert settings.loops is False


def test_only_an_end_for_good_that_was_seen_is_over() -> None:
    ended = {code: after_exit(record("no"), code, BRIEF).over for code in (0, 1, None)}
    assert ended == {0: True, 1: True, None: False}
    assert not after_exit(record("always"), 0, BRIEF).over
