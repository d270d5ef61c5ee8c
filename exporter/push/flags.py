"""What the command line says of pushing, checked."""

import argparse
import re
import socket
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from exporter.checks import check_url
from exporter.errors import BadStart

LABEL = re.compile(r"^[a-zA-Z_][a-zA-Z0-9_]*$")
SIZE = re.compile(r"^(\d+)(B|KiB|MiB|GiB|)$")
UNITS = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


class Protocol(StrEnum):
    """How pages are sent: VictoriaMetrics' text import, or Prometheus' remote write 1.0."""

    IMPORT = "import"
    REMOTE_WRITE = "remote-write"


@dataclass(frozen=True, slots=True)
class SpoolSettings:
    """Where pages wait, how many bytes of them at most, and how many samples a second are sent from there."""

    folder: Path | None = None
    max_bytes: int = 256 << 20
    rate: float = 2000.0


@dataclass(frozen=True, slots=True)
class Access:
    """Files that say who we are and whom we trust; each is read anew when it has changed."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    username: str = ""
    password: Path | None = None
    token: Path | None = None
    headers: Path | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        every = (self.ca, self.certificate, self.key, self.password, self.token, self.headers)
        return tuple(path for path in every if path is not None)


@dataclass(frozen=True, slots=True)
class PushSettings:
    """Where to push, each how many seconds; ``labels`` are added to every series, over one of the same name."""

    url: str
    interval: float
    labels: dict[str, str]
    protocol: Protocol = Protocol.IMPORT
    spool: SpoolSettings = field(default_factory=SpoolSettings)
    access: Access = field(default_factory=Access)


def add_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--push.url", dest="push_url", default="", metavar="URL", help="the store to push to")
    group.add_argument("--push.protocol", dest="push_protocol", choices=list(Protocol), default=Protocol.IMPORT)
    group.add_argument("--push.interval", dest="push_interval", type=float, default=15.0, metavar="SECONDS")
    group.add_argument(
        "--push.label", dest="push_label", action="append", default=[], metavar="NAME=VALUE", help="repeatable"
    )
    add_spool_flags(group)
    add_access_flags(group)


def add_spool_flags(group: argparse._ArgumentGroup) -> None:
    default = SpoolSettings()
    group.add_argument(
        "--push.spool.dir", dest="spool_dir", type=Path, metavar="DIR", help="pages wait here while the store is away"
    )
    group.add_argument(
        "--push.spool.max-bytes", dest="spool_bytes", default=f"{default.max_bytes >> 20}MiB", metavar="SIZE"
    )
    group.add_argument(
        "--push.spool.rate",
        dest="spool_rate",
        type=float,
        default=default.rate,
        metavar="SAMPLES",
        help="how many a second are sent of what has waited",
    )


def add_access_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--push.username", dest="push_username", default="", metavar="NAME")
    for name, dest in (
        ("password-file", "push_password"),
        ("bearer-token-file", "push_token"),
        ("header-file", "push_headers"),
        ("tls.ca-file", "push_ca"),
        ("tls.cert-file", "push_certificate"),
        ("tls.key-file", "push_key"),
    ):
        group.add_argument(f"--push.{name}", dest=dest, type=Path, metavar="FILE")


def build_push(flags: argparse.Namespace, module: str) -> PushSettings | None:
    """None without a URL. Raises BadStart, naming the flag, on what cannot work.

    Without labels of their own, two hosts' series would be one: ``instance`` and ``job`` are added if missing.
    """
    if not flags.push_url:
        return None
    check_positive("--push.interval", flags.push_interval, "seconds")
    named = dict(parse_label(text) for text in flags.push_label)
    return PushSettings(
        check_url("--push.url", flags.push_url),
        flags.push_interval,
        {"instance": socket.gethostname(), "job": module} | named,
        Protocol(flags.push_protocol),
        build_spool_settings(flags),
        build_access(flags),
    )


def build_spool_settings(flags: argparse.Namespace) -> SpoolSettings:
    check_positive("--push.spool.rate", flags.spool_rate, "samples a second")
    return SpoolSettings(flags.spool_dir, parse_size(flags.spool_bytes), flags.spool_rate)


def build_access(flags: argparse.Namespace) -> Access:
    access = Access(
        flags.push_ca,
        flags.push_certificate,
        flags.push_key,
        flags.push_username,
        flags.push_password,
        flags.push_token,
        flags.push_headers,
    )
    if bool(access.username) != bool(access.password):
        raise BadStart("--push.username and --push.password-file: one needs the other")
    if access.username and access.token:
        raise BadStart("--push.username and --push.bearer-token-file: only one of them")
    if access.key and not access.certificate:
        raise BadStart("--push.tls.key-file: --push.tls.cert-file is missing")
    for path in access.files:
        check_readable(path)
    return access


def check_readable(path: Path) -> None:
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise BadStart(f"{path}: {error.strerror}") from None


def check_positive(flag: str, value: float, unit: str) -> None:
    if not 0 < value < float("inf"):
        raise BadStart(f"{flag}: more than 0 {unit} are needed")


def parse_label(text: str) -> tuple[str, str]:
    """``NAME=VALUE``. Raises BadStart."""
    name, found, value = text.partition("=")
    if not found or not value or not LABEL.match(name):
        raise BadStart(f"--push.label: {text!r} is not NAME=VALUE")
    return name, value


def parse_size(text: str) -> int:
    """Bytes, or so many KiB, MiB or GiB. Raises BadStart."""
    found = SIZE.match(text)
    if not found or not int(found[1]):
        raise BadStart(f"--push.spool.max-bytes: {text!r} is not a size such as 256MiB")
    return int(found[1]) * UNITS[found[2]]
