"""``fleetmend-reader``: run as root, beside an exporter that is not."""

import argparse
import grp
import pwd
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from exporter import __version__
from exporter.clock import SystemClock
from exporter.errors import BadStart
from exporter.reader import DEFAULT_SOCKET
from exporter.reader.flight import Pace
from exporter.reader.server import PATIENCE_SECONDS, Server, claim
from exporter.reader.sources import PACES, Places, build_flights
from exporter.reader.tools import TOOL_PATH, Tools


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        raise BadStart(message)


def build_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="fleetmend-reader",
        description="Tell an unprivileged exporter of LVM, device mapper, SMART, IPMI and the kernel's log.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("--socket", type=Path, default=Path(DEFAULT_SOCKET), metavar="FILE")
    parser.add_argument("--group", default="", metavar="GROUP", help="who may open the socket, besides its owner")
    parser.add_argument(
        "--allow-uid", action="append", default=[], metavar="USER", help="repeatable; then nobody else may ask"
    )
    parser.add_argument("--patience", default=str(PATIENCE_SECONDS), metavar="SECONDS", help="with a client")
    parser.add_argument("--disable", action="append", default=[], metavar="SOURCE", help="repeatable")
    for name, text in (("interval", "between two runs"), ("timeout", "of a run")):
        parser.add_argument(
            f"--{name}", action="append", default=[], metavar="SOURCE=SECONDS", help=f"{text}, repeatable"
        )
    parser.add_argument("--tool-path", default=TOOL_PATH, metavar="DIR[:DIR]", help="where commands are looked for")
    for name in ("procfs", "sysfs"):
        default = Path("/", name.removesuffix("fs"))
        parser.add_argument(f"--path.{name}", dest=name, type=Path, default=default, metavar="DIR")
    return parser


def find_group(name: str) -> int:
    """Its number; -1, which leaves things as they are, for the empty name. Raises BadStart."""
    try:
        return int(name) if name.isdecimal() else grp.getgrnam(name).gr_gid if name else -1
    except KeyError:
        raise BadStart(f"--group: there is no group {name!r}") from None


def find_user(name: str) -> int:
    """Raises BadStart."""
    try:
        return int(name) if name.isdecimal() else pwd.getpwnam(name).pw_uid
    except KeyError:
        raise BadStart(f"--allow-uid: there is no user {name!r}") from None


def choose_paces(flags: argparse.Namespace) -> dict[str, Pace]:
    """Of the sources that are wanted, changed as the flags say. Raises BadStart."""
    paces = dict(PACES)
    for source, seconds in parse_pairs("interval", flags.interval):
        paces[source] = paces[source]._replace(interval=seconds)
    for source, seconds in parse_pairs("timeout", flags.timeout):
        paces[source] = paces[source]._replace(timeout=seconds)
    for source in flags.disable:
        check_source("disable", source)
        paces.pop(source, None)
    return paces


def parse_pairs(flag: str, words: Sequence[str]) -> Iterator[tuple[str, float]]:
    """``SOURCE=SECONDS``. Raises BadStart."""
    for word in words:
        source, _, seconds = word.partition("=")
        check_source(flag, source)
        yield source, parse_seconds(flag, seconds)


def check_source(flag: str, name: str) -> None:
    if name not in PACES:
        raise BadStart(f"--{flag}: there is no source {name!r}; there are {', '.join(PACES)}")


def parse_seconds(flag: str, text: str) -> float:
    """Raises BadStart."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise BadStart(f"--{flag}: {text!r} is no number of seconds above 0")
    return seconds


def run(flags: argparse.Namespace) -> None:
    """Serve until SIGTERM or SIGINT. Raises BadStart for what cannot work."""
    clock = SystemClock()
    uids = {find_user(name) for name in flags.allow_uid}
    patience = parse_seconds("patience", flags.patience)
    tools = Tools(clock, flags.tool_path)
    flights = build_flights(tools, clock, Places(flags.procfs, flags.sysfs), choose_paces(flags))
    stop = stop_at_signals()
    try:
        with claim(flags.socket, find_group(flags.group)) as listener:
            # Scripts wait for this line.
            print(f"fleetmend-reader: listening at {flags.socket}", flush=True)
            Server(flights, uids, clock, patience).serve(listener, stop)
    finally:
        tools.stop()


def stop_at_signals() -> socket.socket:
    """A socket that can be read from once SIGTERM or SIGINT has come."""
    reading, writing = socket.socketpair()
    writing.settimeout(0)

    def tell(_number: int, _frame: object) -> None:
        writing.send(b"x")

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, tell)
    return reading


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0 after SIGTERM or SIGINT, 2 for what cannot work."""
    try:
        run(build_parser().parse_args(argv))
    except BadStart as error:
        print(f"fleetmend-reader: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
