"""How a probe ends: each outcome made by a real socket on the loopback, and every error by name."""

import asyncio
import errno
import socket
import struct

import pytest

from exporter.probe.dialling import dial_once
from exporter.probe.names import numeric
from exporter.probe.outcome import Outcome, classify_error, judge_answer
from exporter.probe.plan import plan_target
from exporter.probe.wire import Target
from tests.exporter.probe_lab import Serve, mute, nobody, running_engine, saying, serving


def target(port: int, kind: str = "http") -> Target:
    return Target("h1", "127.0.0.1", port, kind=kind)


async def ask(target: Target, timeout: float) -> Outcome:
    async with running_engine() as engine:
        return (await dial_once(engine, plan_target(target, target.address, timeout)))[1]


async def resetting(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (saying("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), Outcome.OK),
        (saying("HTTP/1.1 200 OK\r\n\r\nok"), Outcome.OK),
        (saying("HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nok"), Outcome.WRONG_ANSWER),
        (saying("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfull"), Outcome.WRONG_ANSWER),
        (saying("SSH-2.0-OpenSSH\r\n"), Outcome.WRONG_ANSWER),
        (saying(""), Outcome.WRONG_ANSWER),
        (mute, Outcome.WRONG_ANSWER),
        (resetting, Outcome.RESET),
    ],
)
async def test_outcome_of_an_answer(answer: Serve, outcome: Outcome) -> None:
    async with serving(answer) as port:
        assert await ask(target(port), 0.3) is outcome


async def test_tcp_needs_no_words() -> None:
    async with serving(mute) as port:
        assert await ask(target(port, "tcp"), 0.3) is Outcome.OK


async def test_nobody_listens(unused_port: int) -> None:
    assert await ask(target(unused_port), 0.3) is Outcome.REFUSED


async def test_nobody_answers() -> None:
    async with nobody() as port:
        assert await ask(target(port), 0.2) is Outcome.SILENT


async def test_an_answer_that_we_were_too_late_to_take_is_our_own_fault() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # The time is up before the loop has looked once: the kernel has the connection all the same.
        assert await ask(target(listener.getsockname()[1]), 0.0) is Outcome.ERROR_HERE


def test_an_address_that_cannot_be_one() -> None:
    assert numeric("0.0.0.0.0") == ""
    assert numeric("0:0::1") == "::1"


@pytest.mark.parametrize(
    ("number", "outcome"),
    [
        (errno.ECONNREFUSED, Outcome.REFUSED),
        (errno.ECONNRESET, Outcome.RESET),
        (errno.EPIPE, Outcome.RESET),
        (errno.EHOSTUNREACH, Outcome.SILENT),
        (errno.ETIMEDOUT, Outcome.SILENT),
        (errno.ENETUNREACH, Outcome.ERROR_HERE),
        (errno.EMFILE, Outcome.ERROR_HERE),
        (errno.EADDRNOTAVAIL, Outcome.ERROR_HERE),
        (errno.EPERM, Outcome.ERROR_HERE),
    ],
)
def test_what_errors_say(number: int, outcome: Outcome) -> None:
    assert classify_error(OSError(number, "")) is outcome


def test_an_answer_in_pieces_is_waited_for() -> None:
    whole = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
    assert [judge_answer(whole[:size], "ok", ended=False) for size in range(len(whole))] == [None] * len(whole)
    assert judge_answer(whole, "ok", ended=False) is Outcome.OK


def test_an_endless_answer_is_wrong() -> None:
    assert judge_answer(b"x" * 9000, "ok", ended=False) is Outcome.WRONG_ANSWER
    assert judge_answer(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 9000, "ok", ended=False) is Outcome.WRONG_ANSWER
