"""What the command line says, checked, before anything is started."""

import argparse
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from exporter.errors import BadStart
from exporter.places import Exclusions, Places, check_places

DEFAULT_PORTS = {"host": 9100, "disk": 9100, "orchestrator": 9101, "probe": 9115}
LABEL = re.compile(r"^[a-zA-Z_][a-zA-Z0-9_]*$")


@dataclass(frozen=True, slots=True)
class PushSettings:
    """Where to push, each how many seconds; the store adds ``labels`` to every series."""

    url: str
    interval: float
    labels: dict[str, str]


@dataclass(frozen=True, slots=True)
class ProbeSettings:
    """``join_token`` as given, a token or ``@FILE``; needed until ``token_file`` holds the lasting token.

    An empty ``advertise`` is the address listened on.
    """

    name: str
    region: str
    rack: str
    remediators: tuple[str, ...]
    token_file: Path
    join_token: str = ""
    advertise: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the command line says, checked."""

    modules: tuple[str, ...]
    host: str
    port: int
    places: Places
    push: PushSettings | None = None
    state_url: str = ""
    probe: ProbeSettings | None = None


def build_settings(flags: argparse.Namespace) -> Settings:
    """Raises BadStart, naming the flag, on what cannot work."""
    modules = tuple(dict.fromkeys(flags.modules))
    host, port = parse_listen(flags.listen or f":{DEFAULT_PORTS[modules[0]]}")
    places = build_places(flags)
    if {"host", "disk"} & set(modules):
        check_places(places)
    if "orchestrator" in modules and not flags.state_url:
        raise BadStart("orchestrator: --state-url is missing")
    push = build_push(flags, modules) if flags.push_url else None
    probe = build_probe(flags) if "probe" in modules else None
    return Settings(modules, host, port, places, push, check_url("--state-url", flags.state_url), probe)


def build_places(flags: argparse.Namespace) -> Places:
    if flags.mount_timeout <= 0:
        raise BadStart("--collector.filesystem.mount-timeout: more than 0 seconds are needed")
    exclude = Exclusions(
        check_pattern("filesystem.mount-points-exclude", flags.exclude_mounts),
        check_pattern("filesystem.fs-types-exclude", flags.exclude_filesystems),
        check_pattern("diskstats.device-exclude", flags.exclude_disks),
        check_pattern("netdev.device-exclude", flags.exclude_devices),
    )
    return Places(flags.procfs, flags.sysfs, flags.rootfs, flags.udev, flags.mount_timeout, exclude)


def build_push(flags: argparse.Namespace, modules: tuple[str, ...]) -> PushSettings:
    """Without labels of their own, two hosts' series would be one: ``instance`` and ``job`` are added if missing."""
    if flags.push_interval <= 0:
        raise BadStart("--push.interval: more than 0 seconds are needed")
    named = dict(parse_label(text) for text in flags.push_label)
    labels = {"instance": socket.gethostname(), "job": modules[0]} | named
    return PushSettings(check_url("--push.url", flags.push_url), flags.push_interval, labels)


def build_probe(flags: argparse.Namespace) -> ProbeSettings:
    needed = {"vantage": flags.vantage, "region": flags.region, "rack": flags.rack}
    needed |= {"remediator": flags.remediator, "token-file": flags.token_file}
    missing = [f"--{name}" for name, value in needed.items() if not value]
    if missing:
        raise BadStart(f"probe: {', '.join(missing)} missing")
    urls = tuple(check_url("--remediator", url.strip()) for url in flags.remediator.split(",") if url.strip())
    return ProbeSettings(
        flags.vantage, flags.region, flags.rack, urls, Path(flags.token_file), flags.join_token, flags.advertise
    )


def parse_listen(text: str) -> tuple[str, int]:
    """``HOST:PORT``, ``[HOST]:PORT`` or ``:PORT`` (loopback). Raises BadStart."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise BadStart(f"--listen: {text!r} is not HOST:PORT")
    return host.strip("[]") or "127.0.0.1", int(port)


def parse_label(text: str) -> tuple[str, str]:
    """``NAME=VALUE``. Raises BadStart."""
    name, found, value = text.partition("=")
    if not found or not value or not LABEL.match(name):
        raise BadStart(f"--push.label: {text!r} is not NAME=VALUE")
    return name, value


def check_url(flag: str, url: str) -> str:
    """The URL itself, empty too; BadStart, without a password that it may hold, if it is not one."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if url and not usable:
        raise BadStart(f"{flag}: not of the form http://HOST:PORT")
    return url


def check_pattern(name: str, pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise BadStart(f"--collector.{name}: {error}") from None
    return pattern
