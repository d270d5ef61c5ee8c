"""Bytes that wait in the queues of all UDP sockets, from /proc/net/udp and udp6."""

from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.files import read_text
from exporter.errors import NoData
from exporter.families import gauges

QUEUES_COLUMN = 4
TEXT = "Number of allocated memory in the kernel for UDP datagrams in bytes."


def parse_queues(text: str) -> tuple[int, int]:
    """Sums of what waits to be sent and to be received: ``tx:rx`` of each socket in hexadecimal, after a head."""
    queues = [line.split(None, 5)[QUEUES_COLUMN].split(":") for line in text.splitlines()[1:]]
    return sum(int(sent, 16) for sent, _ in queues), sum(int(received, 16) for _, received in queues)


def read_udp_queues(procfs: Path) -> list[Metric]:
    """NoData if the kernel speaks neither IPv4 nor IPv6."""
    rows = [*_read_rows(f"{procfs}/net/udp", "v4"), *_read_rows(f"{procfs}/net/udp6", "v6")]
    if not rows:
        raise NoData("no UDP")
    return [gauges("node_udp_queues", TEXT, ["queue", "ip"], rows)]


def _read_rows(path: str, version: str) -> list[tuple[list[str], float]]:
    try:
        sent, received = parse_queues(read_text(path))
    except FileNotFoundError:
        return []
    return [(["tx", version], sent), (["rx", version], received)]
