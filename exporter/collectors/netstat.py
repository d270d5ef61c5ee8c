"""Counts of the network protocols, from /proc/net/netstat, snmp and snmp6."""

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.files import read_text
from exporter.families import untyped

# node_exporter's default choice of fields.
WANTED = re.compile(
    r"^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)"
    r"|TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|TCPRcvQDrop)"
    r"|Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)"
    r"|Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$"
)

# Protocol and field (``Tcp``, ``InSegs``), count.
Count = tuple[str, str, int]


def parse_netstat(text: str) -> Iterator[Count]:
    """The wanted counts of pairs of lines: a protocol's names, then its numbers. ValueError if they do not match."""
    lines = text.splitlines()
    for head, numbers in zip(lines[::2], lines[1::2], strict=True):
        protocol, length, columns = _choose_columns(head)
        counts = numbers.split()
        if counts[0] != f"{protocol}:" or len(counts) != length:
            raise ValueError(f"{protocol}: names and numbers do not match")
        yield from ((protocol, name, int(counts[column])) for column, name in columns)


@lru_cache(maxsize=64)  # the kernel's names do not change while it runs
def _choose_columns(head: str) -> tuple[str, int, tuple[tuple[int, str], ...]]:
    """The protocol of a line of names, their number, and the columns that are wanted."""
    first, *names = head.split()
    protocol = first.removesuffix(":")
    chosen = ((column, name) for column, name in enumerate(names, 1) if WANTED.match(f"{protocol}_{name}"))
    return protocol, len(names) + 1, tuple(chosen)


def parse_snmp6(text: str) -> Iterator[Count]:
    """The wanted counts of lines of a name and a number. ValueError for a line of anything else."""
    for line in text.splitlines():
        key, count = line.split()
        if chosen := _choose_name(key):
            yield *chosen, int(count)


@lru_cache(maxsize=1024)
def _choose_name(key: str) -> tuple[str, str] | None:
    """Protocol and name, parted after the first 6; None for one that is not wanted."""
    protocol, six, name = key.partition("6")
    return (f"{protocol}6", name) if six and WANTED.match(f"{protocol}6_{name}") else None


def read_netstat(procfs: Path) -> list[Metric]:
    folder = f"{procfs}/net"
    counts = [
        *parse_netstat(read_text(f"{folder}/netstat")),
        *parse_netstat(read_text(f"{folder}/snmp")),
        *_read_snmp6(f"{folder}/snmp6"),
    ]
    return [
        untyped(f"node_netstat_{protocol}_{name}", f"Statistic {protocol}{name}.", count)
        for protocol, name, count in counts
    ]


def _read_snmp6(path: str) -> list[Count]:
    """None where IPv6 is switched off."""
    try:
        return list(parse_snmp6(read_text(path)))
    except FileNotFoundError:
        return []
