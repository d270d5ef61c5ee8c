"""The vantage's own way out: one that has lost it must not call others silent."""

import socket
import struct
from pathlib import Path

RTF_GATEWAY = 0x2
ATF_COMPLETE = 0x2
DISCARD_PORT = 9


def parse_default_gateway(text: str) -> str:
    """The gateway's address from /proc/net/route; empty without a default route."""
    for line in text.splitlines()[1:]:
        fields = line.split()
        if fields[1] == "00000000" and int(fields[3], 16) & RTF_GATEWAY:
            return socket.inet_ntoa(struct.pack("=L", int(fields[2], 16)))
    return ""


def parse_neighbour(text: str, address: str) -> bool | None:
    """Whether /proc/net/arp knows who has ``address``; None if nobody has asked."""
    for line in text.splitlines()[1:]:
        fields = line.split()
        if fields[0] == address:
            return bool(int(fields[2], 16) & ATF_COMPLETE)
    return None


def check_gateway(procfs: Path) -> str:
    """``ok``, ``silent`` (it does not answer for its address) or ``error`` (we cannot even send).

    A datagram to the discard port makes the kernel ask for the gateway's hardware address again if its own
    answer is old: gateways that drop every packet still answer that. Without a gateway there is none to lose.
    """
    try:
        gateway = parse_default_gateway((procfs / "net/route").read_text())
        if not gateway:
            return "ok"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
            sender.sendto(b"", (gateway, DISCARD_PORT))
        known = parse_neighbour((procfs / "net/arp").read_text(), gateway)
    except OSError:
        return "error"
    return "silent" if known is False else "ok"
