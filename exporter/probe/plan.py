"""What is prepared once for each target, so that asking it costs little: its address, the words, the judge."""

import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from exporter.probe.outcome import Outcome, judge_answer
from exporter.probe.wire import Target

# What has come so far, and whether the other side has closed: an outcome, or None while more is needed.
Judge = Callable[[bytes, bool], Outcome | None]
Address = tuple[str, int] | tuple[str, int, int, int]


@dataclass(frozen=True, slots=True)
class Security:
    """How a connection is secured; ``name`` is what the certificate must be for, and the server is asked by."""

    context: ssl.SSLContext
    name: str


@dataclass(frozen=True, slots=True)
class Plan:
    """One connection to one address; ``timeout`` in seconds bounds the whole of it.

    Without a request, a connection that is open (and secured) is all that is asked for.
    """

    family: int
    address: Address
    timeout: float
    request: bytes = b""
    judge: Judge | None = None
    security: Security | None = field(default=None, compare=False)


def family_of(address: str) -> int:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def plan_target(target: Target, address: str, timeout: float) -> Plan:
    """For one of a remediator's targets. ``address`` is numeric: no probe waits for a name server."""
    family, place = family_of(address), (address, target.port)
    if target.kind == "tcp":
        return Plan(family, place, timeout)
    return Plan(family, place, timeout, build_request(target), partial(judge_target, target.expect))


def judge_target(expect: str, raw: bytes, ended: bool) -> Outcome | None:  # noqa: FBT001
    return judge_answer(raw, expect, ended=ended)


def build_request(target: Target) -> bytes:
    return f"GET {target.path} HTTP/1.1\r\nHost: {target.address}:{target.port}\r\nConnection: close\r\n\r\n".encode()
