"""What runs for a machine, as the Machines API lists it."""

import asyncio
import os
from pathlib import Path
from typing import Any

from remediator.agent.processes import PROC, Owner, find_processes

_TICK_MS = 1000 // os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_LISTENING = "0A"
Process = dict[str, Any]


async def listed(owner: Owner, uptime: float) -> list[Process]:
    """One entry for each process, by number: memory in bytes, times in milliseconds.

    ``cpu`` is user and system time, ``stime`` system time, ``rtime`` how long it has run. ``uptime`` in seconds.
    """
    return await asyncio.to_thread(_listed, owner, uptime)


def _listed(owner: Owner, uptime: float) -> list[Process]:
    found = sorted(find_processes([owner])[owner.machine])
    told = (_told(each.pid, owner.home, uptime) for each in found)
    return [process for process in told if process]


def _told(pid: int, home: str, uptime: float) -> Process | None:
    """None when it has ended meanwhile, or is not ours to look into."""
    folder = PROC / str(pid)
    try:
        text = (folder / "stat").read_text()
        words = (folder / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        directory = os.readlink(folder / "cwd")  # noqa: PTH115  (a text is all that is needed)
    except OSError:
        return None
    name, fields = text[text.index("(") + 1 : text.rindex(")")], text[text.rindex(")") + 2 :].split()
    user, system, began = int(fields[11]), int(fields[12]), int(fields[19])
    return {
        "pid": pid,
        "command": b" ".join(words).decode(errors="replace") or name,
        # As the machine sees it: where its host keeps it is nobody's business.
        "directory": directory.removeprefix(home) or "/",
        "rss": int(fields[21]) * _PAGE,
        "cpu": (user + system) * _TICK_MS,
        "stime": system * _TICK_MS,
        "rtime": max(0, int(uptime * 1000) - began * _TICK_MS),
        "listen_sockets": _sockets(folder),
    }


def _sockets(folder: Path) -> list[dict[str, str]]:
    mine = _inodes(folder / "fd")
    found = [(kind, line.split()) for kind in ("tcp", "tcp6") for line in _lines(folder / "net" / kind)]
    return [
        {"proto": kind, "address": _address(words[1])}
        for kind, words in found
        if words[3] == _LISTENING and words[9] in mine
    ]


def _inodes(folder: Path) -> set[str]:
    try:
        links = [os.readlink(folder / name) for name in os.listdir(folder)]  # noqa: PTH115, PTH208
    except OSError:
        return set()
    return {link[8:-1] for link in links if link.startswith("socket:[")}


def _lines(table: Path) -> list[str]:
    try:
        return table.read_text().splitlines()[1:]
    except OSError:
        return []


def _address(text: str) -> str:
    """``0100007F:1F90`` is 127.0.0.1:8080; a longer one is IPv6, in words of four bytes, each turned round."""
    digits, _, port = text.partition(":")
    words = [bytes.fromhex(digits[at : at + 8])[::-1] for at in range(0, len(digits), 8)]
    if len(words) == 1:
        return f"{'.'.join(str(byte) for byte in words[0])}:{int(port, 16)}"
    groups = b"".join(words).hex(":", 2)
    return f"[{groups}]:{int(port, 16)}"
