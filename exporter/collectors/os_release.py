"""Which distribution this is, from os-release(5) of the root filesystem."""

import re
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.files import read_present, read_text
from exporter.families import gauge, gauges

FILES = ("etc/os-release", "usr/lib/os-release")
LABELS = (
    "build_id", "id", "id_like", "image_id", "image_version", "name", "pretty_name", "variant", "variant_id",
    "version", "version_codename", "version_id",
)  # fmt: skip
VERSION_LABELS = ("id", "id_like", "name")
MAJOR_MINOR = re.compile(r"[0-9]+\.?[0-9]*")


@lru_cache(maxsize=2)  # it changes with an upgrade, not between two scrapes
def parse_os_release(text: str) -> Mapping[str, str]:
    """Values by name in lower case, without the shell's quotes; what is no assignment is passed over."""
    lines = (line.strip() for line in text.splitlines())
    pairs = (line.partition("=") for line in lines if not line.startswith("#"))
    return {name.lower(): _unquote(value) for name, found, value in pairs if found}


def _unquote(value: str) -> str:
    try:
        return "".join(shlex.split(value))
    except ValueError:
        return value


def parse_version(version_id: str) -> float:
    """Major and minor of a version as one number, 0 if it has none."""
    found = MAJOR_MINOR.match(version_id)
    return float(found.group()) if found else 0.0


def build_os_families(release: Mapping[str, str]) -> list[Metric]:
    info = [release.get(label, "") for label in LABELS]
    text = f"A metric with a constant '1' value labeled by {', '.join(LABELS)}."
    families = [gauges("node_os_info", text, LABELS, [(info, 1.0)])]
    if version := parse_version(release.get("version_id", "")):
        row = [release.get(label, "") for label in VERSION_LABELS], version
        text = "Metric containing the major.minor part of the OS version."
        families += [gauges("node_os_version", text, VERSION_LABELS, [row])]
    if end := release.get("support_end"):
        text = "Metric containing the end-of-life date timestamp of the OS."
        moment = datetime.strptime(end, "%Y-%m-%d").replace(tzinfo=UTC)
        families += [gauge("node_os_support_end_timestamp_seconds", text, moment.timestamp())]
    return families


def read_os(rootfs: Path) -> list[Metric]:
    """NoData without either file."""
    return build_os_families(parse_os_release(_read_release(rootfs)))


def _read_release(rootfs: Path) -> str:
    first, second = (f"{rootfs}/{name}" for name in FILES)
    try:
        return read_text(first)
    except FileNotFoundError:
        return read_present(second)
