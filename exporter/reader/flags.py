"""Where the exporter finds the privileged reader."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from exporter.reader import DEFAULT_SOCKET


@dataclass(frozen=True, slots=True)
class ReaderSettings:
    """A socket that need not be there: what the reader would tell is then left out."""

    socket: Path = Path(DEFAULT_SOCKET)


def add_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--reader.socket", dest="reader_socket", type=Path, default=Path(DEFAULT_SOCKET), metavar="FILE",
        help="of a fleetmend-reader, for what only root may read",
    )  # fmt: skip


def build_reader(flags: argparse.Namespace) -> ReaderSettings:
    return ReaderSettings(flags.reader_socket)
