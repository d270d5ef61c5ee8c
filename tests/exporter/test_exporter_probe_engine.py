"""The engine on real sockets: many at once, every way to end, and what is our own fault."""

import asyncio
import resource
import socket
import struct
import time
from contextlib import ExitStack
from functools import partial

import pytest

from exporter.clock import SystemClock
from exporter.probe.attempt import Dial
from exporter.probe.dialling import dial_once, plan_request
from exporter.probe.engine import Engine
from exporter.probe.http import build_request
from exporter.probe.modules import Http
from exporter.probe.outcome import Outcome, judge_answer
from exporter.probe.plan import Plan, plan_target
from exporter.probe.wire import Target
from tests.exporter.probe_lab import mute, nobody, running_engine, saying, serving

OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def plan(port: int, timeout: float = 1.0, kind: str = "http") -> Plan:
    return plan_target(Target("h1", "127.0.0.1", port, kind=kind), "127.0.0.1", timeout)


async def outcome_of(asked: Plan) -> Outcome:
    async with running_engine() as engine:
        return (await dial_once(engine, asked))[1]


async def test_two_thousand_at_once() -> None:
    async with serving(saying(OK), backlog=4096) as port, running_engine() as engine:
        asked = [plan(port, 10.0) for _ in range(2000)]
        ended = [outcome for _, outcome in await asyncio.gather(*(dial_once(engine, one) for one in asked))]
    assert ended.count(Outcome.OK) == 2000


async def test_a_mixture_of_ends(unused_port: int) -> None:
    async with serving(saying(OK)) as well, serving(mute) as silent, nobody() as gone, running_engine() as engine:
        ports = {well: Outcome.OK, silent: Outcome.WRONG_ANSWER, gone: Outcome.SILENT, unused_port: Outcome.REFUSED}
        asked = [port for port in ports for _ in range(20)]
        ended = await asyncio.gather(*(dial_once(engine, plan(port, 0.3)) for port in asked))
    assert [outcome for _, outcome in ended] == [ports[port] for port in asked]


async def test_an_answer_in_single_bytes_is_waited_for() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for number in OK.encode():
            writer.write(bytes([number]))
            await asyncio.sleep(0.001)

    async with serving(drip) as port:
        assert await outcome_of(plan(port)) is Outcome.OK


async def test_half_an_answer_is_a_wrong_one() -> None:
    whole = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"
    request = build_request("/", "h1", {})
    async with serving(saying(whole)) as port:
        half = plan_request(Plan(socket.AF_INET, ("127.0.0.1", port), 1.0), Http(), request)
        assert await outcome_of(half) is Outcome.WRONG_ANSWER


async def test_a_slow_answer_ends_with_the_time() -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK[:20].encode())
        await asyncio.sleep(0.6)

    async with serving(slow) as port, running_engine() as engine:
        dial, outcome = await dial_once(engine, plan(port, 0.2))
    assert outcome is Outcome.WRONG_ANSWER
    assert dial.trouble == "timeout"


async def test_a_reset_in_the_middle_of_an_answer() -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK[:20].encode())
        await asyncio.sleep(0.05)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async with serving(cut) as port:
        assert await outcome_of(plan(port)) is Outcome.RESET


async def test_whoever_speaks_first_is_heard() -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9\r\n")
        await reader.readline()

    async with serving(greet) as port:
        judged = plan_request(Plan(socket.AF_INET, ("127.0.0.1", port), 1.0), Http(), b"x\r\n")
        assert await outcome_of(judged) is Outcome.WRONG_ANSWER


def take_every_descriptor(stack: ExitStack) -> None:
    def take_more() -> None:
        while True:
            stack.enter_context(socket.socket())

    with pytest.raises(OSError, match="Too many open files"):
        take_more()


async def test_no_room_for_another_socket_is_our_own_fault(unused_port: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with running_engine() as engine:
        with ExitStack() as stack:
            stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
            last = stack.enter_context(socket.socket()).fileno()
            resource.setrlimit(resource.RLIMIT_NOFILE, (last + 1, hard))
            take_every_descriptor(stack)
            dial, outcome = await dial_once(engine, plan(unused_port))
    assert outcome is Outcome.ERROR_HERE
    assert dial.trouble == "Too many open files"


async def test_no_port_left_is_our_own_fault(unused_port: int) -> None:
    # An address that is nobody's, in a network that has none: nothing leaves this host.
    assert await outcome_of(Plan(socket.AF_INET, ("255.255.255.255", unused_port), 0.3)) is Outcome.ERROR_HERE


def test_after_a_pause_of_ours_nobody_is_blamed() -> None:
    """Both have answered in time, and we slept: neither silence nor a wrong answer may be said of them."""
    engine, ended = Engine(SystemClock().monotonic), []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def done(_dial: Dial, outcome: Outcome, _now: float) -> None:
            ended.append(outcome)

        engine.start(Dial(plan(port, 0.2), done))
        engine.start(Dial(plan(port, 0.2), done))
        engine.turn()  # both have sent their requests
        engine.start(Dial(plan(port, 0.2), done))  # the kernel takes the connection, we do not look
        for _ in range(2):
            connection, _ = listener.accept()
            connection.sendall(OK.encode())
            connection.close()
        time.sleep(0.3)
        engine.turn()
    assert ended == [Outcome.ERROR_HERE] * 3


def test_silence_is_silence_however_late_we_look() -> None:
    engine, ended = Engine(SystemClock().monotonic), []
    with socket.socket() as listener, socket.socket() as waiting:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting.connect(listener.getsockname())
        target = plan(listener.getsockname()[1], 0.1)
        engine.start(Dial(target, lambda _dial, outcome, _now: ended.append(outcome)))
        time.sleep(0.3)
        engine.turn()
    assert ended == [Outcome.SILENT]


def test_deadlines_of_several_lengths_are_kept_apart() -> None:
    engine, ended = Engine(SystemClock().monotonic), []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        for timeout in (0.3, 0.1, 0.2):
            one = Plan(socket.AF_INET, address, timeout, b"x", partial(judge_never, timeout))
            engine.start(Dial(one, lambda dial, _outcome, _now: ended.append(dial.timeout)))
        assert engine.next_deadline() <= SystemClock().monotonic() + 0.1
        while len(ended) < 3:
            time.sleep(0.01)
            engine.turn()
    assert ended == [0.1, 0.2, 0.3]
    assert engine.next_deadline() == float("inf")


def judge_never(_timeout: float, raw: bytes, ended: bool) -> Outcome | None:
    return judge_answer(raw, "never", ended=ended)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_both_families(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as listener:
        one = plan_target(Target("h", address, listener.getsockname()[1], kind="tcp"), address, 0.5)
        assert await outcome_of(one) is Outcome.OK
