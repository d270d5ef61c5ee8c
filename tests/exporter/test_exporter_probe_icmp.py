"""Echo requests on the loopback, and packets that are none."""

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.probe.ask import Pinging, ask_once
from exporter.probe.icmp import Pinger, build_echo, checksum, parse_reply, strip_ip
from exporter.probe.outcome import Outcome
from tests.exporter.probe_lab import running_engine

ROOT = Path(__file__).parents[2]
NOBODY = 65534


def may_ping() -> bool:
    try:
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()
    except OSError:
        return False
    return True


needs_raw = pytest.mark.skipif(not may_ping(), reason="NO RAW SOCKETS HERE: pings are not tried")


@needs_raw
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_the_loopback_answers(address: str) -> None:
    async with running_engine() as engine:
        pinger = Pinger(engine)
        findings = await asyncio.gather(*(ask_once(Pinging(pinger, address, 2.0)) for _ in range(100)))
        pinger.close()
    assert {one.outcome for one in findings} == {Outcome.OK}
    assert all(0 < one.seconds < 2 for one in findings)
    assert ("probe_ip_protocol", "", 6.0 if ":" in address else 4.0) in findings[0].values


@needs_raw
async def test_an_address_that_is_nobodys_is_silent_or_cannot_be_reached() -> None:
    async with running_engine() as engine:
        pinger = Pinger(engine)
        # 240/4 is nobody's, and no route leads there from a host without a default one.
        finding = await ask_once(Pinging(pinger, "240.0.0.1", 0.2))
        pinger.close()
    assert finding.outcome in {Outcome.SILENT, Outcome.ERROR_HERE}


def test_without_the_right_it_is_our_own_fault_and_said_once() -> None:
    """In a child, which gives up root for good."""
    if os.geteuid() != 0:
        pytest.skip("ROOT IS NEEDED: to give it up")
    program = (
        "import asyncio, logging, os\n"
        "logging.basicConfig(format='%(message)s')\n"
        "from exporter.probe.ask import Pinging, ask_once\n"
        "from exporter.probe.engine import Engine\n"
        "from exporter.probe.icmp import Pinger\n"
        "from exporter.clock import SystemClock\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "async def main():\n"
        "    pinger = Pinger(Engine(SystemClock().monotonic))\n"
        "    for _ in range(3):\n"
        "        print((await ask_once(Pinging(pinger, '127.0.0.1', 0.2))).outcome)\n"
        "asyncio.run(main())\n"
    )
    low, high = Path("/proc/sys/net/ipv4/ping_group_range").read_text().split()
    if int(low) <= NOBODY <= int(high):
        pytest.skip("EVERYBODY MAY PING HERE: net.ipv4.ping_group_range allows it")
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, timeout=20, check=True)
    assert done.stdout.split() == ["error_here"] * 3
    assert done.stderr.count("ping_group_range") == 1


def test_what_an_echo_looks_like() -> None:
    packet = build_echo(8, 7, b"0123456789abcdef")
    assert checksum(packet) == 0
    assert parse_reply(b"\x00" + packet[1:], 0) == (7, b"0123456789abcdef")
    assert parse_reply(packet, 0) is None
    assert strip_ip(b"\x45" + b"\x00" * 19 + packet) == packet


@given(st.binary(max_size=60))
def test_whatever_comes_is_read(packet: bytes) -> None:
    reply = parse_reply(strip_ip(packet), 0)
    assert reply is None or reply[0] < 65536
