"""What the command line may say of pushing; how failures are read, and pauses counted."""

import subprocess
import sys
from pathlib import Path

import pytest

from exporter.checks import hide_password
from exporter.choice import split_choice
from exporter.cli import build_parser
from exporter.clock import FakeClock
from exporter.errors import BadStart
from exporter.push.backoff import LONGEST_ASKED_SECONDS, LONGEST_SECONDS, Gate, backoff_seconds, parse_retry_after
from exporter.push.flags import Protocol, PushSettings, build_push, parse_size
from exporter.push.meters import Failure
from exporter.push.sender import Push, classify_status

URL = ["--push.url", "http://vm:8428"]


def parse(*flags: str) -> PushSettings | None:
    return build_push(build_parser().parse_args(["host", *flags]), "host")


def test_nothing_is_pushed_without_a_url() -> None:
    assert parse() is None


def test_every_flag_has_its_setting(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s")
    settings = parse(
        *URL,
        *("--push.protocol", "remote-write", "--push.interval", "5", "--push.label", "instance=h1"),
        *("--push.spool.dir", "/var/spool/x", "--push.spool.max-bytes", "2MiB", "--push.spool.rate", "10"),
        *("--push.username", "u", "--push.password-file", str(secret), "--push.tls.ca-file", str(secret)),
    )
    assert settings is not None
    assert (settings.protocol, settings.interval) == (Protocol.REMOTE_WRITE, 5.0)
    assert settings.labels == {"instance": "h1", "job": "host"}
    assert (settings.spool.folder, settings.spool.max_bytes, settings.spool.rate) == (
        Path("/var/spool/x"),
        2 << 20,
        10.0,
    )
    assert settings.access.files == (secret, secret)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--push.interval", "0"], "--push.interval: more than 0 seconds"),
        (["--push.interval", "nan"], "--push.interval: more than 0 seconds"),
        (["--push.spool.rate", "-1"], "--push.spool.rate: more than 0"),
        (["--push.spool.max-bytes", "0"], "--push.spool.max-bytes: '0' is not a size"),
        (["--push.spool.max-bytes", "5 apples"], "--push.spool.max-bytes: '5 apples' is not a size"),
        (["--push.username", "u"], "one needs the other"),
        (["--push.password-file", "/dev/null"], "one needs the other"),
        (["--push.bearer-token-file", "/nowhere/token"], "/nowhere/token: No such file"),
        (["--push.tls.key-file", "/dev/null"], "--push.tls.cert-file is missing"),
        (["--push.protocol", "smoke"], "invalid choice: 'smoke'"),
        (["--push.label", "1=2"], "--push.label: '1=2' is not NAME=VALUE"),
    ],
)
def test_what_cannot_work_is_said_in_a_line(flags: list[str], said: str) -> None:
    with pytest.raises(BadStart, match=said):
        parse(*URL, *flags)


def test_two_identities_are_one_too_many() -> None:
    both = ["--push.username", "u", "--push.password-file", "/dev/null", "--push.bearer-token-file", "/dev/null"]
    with pytest.raises(BadStart, match="only one of them"):
        parse(*URL, *both)


@pytest.mark.parametrize(("text", "size"), [("17", 17), ("3KiB", 3072), ("1GiB", 1 << 30), ("5B", 5)])
def test_sizes_have_units(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("status", "push", "failure"),
    [(204, Push.DONE, None), (200, Push.DONE, None), (429, Push.AGAIN, Failure.OVERLOADED)]
    + [(status, Push.AGAIN, Failure.SERVER_ERROR) for status in (500, 502, 503, 599)]
    + [(status, Push.REFUSED, Failure.REFUSED) for status in (400, 401, 404, 408, 413, 302)],
)
def test_what_is_tried_again_is_told_by_the_status(status: int, push: Push, failure: Failure | None) -> None:
    assert classify_status(status) == (push, failure)


def test_no_password_and_no_query_is_told() -> None:
    assert hide_password("http://user:secret@vm:8428/x?token=secret") == "http://vm:8428/x"


def test_pauses_double_to_a_ceiling() -> None:
    assert [backoff_seconds(failures, 1.0) for failures in (1, 2, 3)] == [0.5, 1.0, 2.0]
    assert backoff_seconds(1000, 1.0) == LONGEST_SECONDS
    assert backoff_seconds(3, 0.0) == 1.0


NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 0.0),
        ("7", 7.0),
        ("Tue, 14 Nov 2023 22:13:50 GMT", 30.0),
        ("Tue, 14 Nov 2023 22:13:50 -0000", 30.0),
        ("Tue, 14 Nov 2023 22:00:00 GMT", 0.0),
        ("99999999", LONGEST_ASKED_SECONDS),
        ("soon", 0.0),
        ("-5", 0.0),
        ("²", 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str, seconds: float) -> None:
    assert parse_retry_after(header, NOW) == seconds


def test_a_gate_closes_longer_with_each_failure_and_opens_with_success() -> None:
    clock = FakeClock()
    gate = Gate(clock)
    assert (gate.wait_seconds(), gate.healthy) == (0.0, True)
    gate.failed()
    assert 0.25 <= gate.wait_seconds() <= 0.5
    clock.move(0.5)
    assert (gate.wait_seconds(), gate.healthy) == (0.0, False)
    for _ in range(9):
        gate.failed()
    assert 15.0 <= gate.wait_seconds() <= 30.0
    gate.passed()
    assert (gate.wait_seconds(), gate.healthy) == (0.0, True)


def test_what_the_store_asks_for_is_waited_for_and_more() -> None:
    gate = Gate(FakeClock())
    gate.failed(asked=60.0)
    assert 60.25 <= gate.wait_seconds() <= 60.5


def test_split_choice_leaves_push_flags_alone() -> None:
    assert "--push.url" in split_choice(["host", *URL])[0]


def test_an_exporter_that_does_not_push_stays_small() -> None:
    """What only pushing needs is not even imported."""
    script = "import sys, exporter.cli; print(*({'requests', 'cramjam', 'exporter.push.build'} & {*sys.modules}))"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30)
    assert found.stdout.strip() == ""
