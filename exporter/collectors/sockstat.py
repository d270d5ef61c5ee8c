"""Sockets by protocol and state, from /proc/net/sockstat and sockstat6."""

import os
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.files import read_text
from exporter.errors import NoData
from exporter.families import gauge

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def parse_sockstat(text: str) -> dict[str, dict[str, int]]:
    """Counts by protocol (``TCP``, ``UDP6``, …; ``sockets`` for all of IPv4), then by state; ``mem`` in pages.

    ValueError for a state without a count.
    """
    protocols = {}
    for line in text.splitlines():
        protocol, _, rest = line.partition(":")
        words = rest.split()
        protocols[protocol] = {state: int(n) for state, n in zip(words[::2], words[1::2], strict=True)}
    return protocols


def build_socket_families(protocols: dict[str, dict[str, int]]) -> list[Metric]:
    families = []
    for protocol, states in protocols.items():
        if protocol == "sockets":
            families += [gauge("node_sockstat_sockets_used", "Number of IPv4 sockets in use.", states.get("used", 0))]
            continue
        counts = states | ({"mem_bytes": states["mem"] * PAGE_BYTES} if "mem" in states else {})
        families += [
            gauge(f"node_sockstat_{protocol}_{state}", f"Number of {protocol} sockets in state {state}.", count)
            for state, count in counts.items()
        ]
    return families


def read_sockstat(procfs: Path) -> list[Metric]:
    """NoData if the kernel speaks neither IPv4 nor IPv6."""
    texts = [text for name in ("sockstat", "sockstat6") if (text := _read_if_present(f"{procfs}/net/{name}"))]
    if not texts:
        raise NoData("no sockstat")
    return build_socket_families(parse_sockstat("".join(texts)))


def _read_if_present(path: str) -> str:
    try:
        return read_text(path)
    except FileNotFoundError:
        return ""
