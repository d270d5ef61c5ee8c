"""``fleetmend-exporter MODULE…``: one process, one page, one or several modules."""

import argparse
import asyncio
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from exporter import __version__
from exporter.app import MODULES, run
from exporter.choice import split_choice
from exporter.errors import BadStart
from exporter.orchestrator.flags import add_flags as add_orchestrator_flags
from exporter.places import (
    DEVICES_EXCLUDED,
    DISKS_EXCLUDED,
    FILESYSTEMS_EXCLUDED,
    LINKS_IGNORED,
    MOUNTS_EXCLUDED,
    UNITS_EXCLUDED,
    UNITS_INCLUDED,
)
from exporter.probe.flags import add_flags as add_probe_flags
from exporter.push.flags import add_flags as add_push_flags
from exporter.reader.flags import add_flags as add_reader_flags
from exporter.settings import build_settings
from exporter.store.flags import add_flags as add_store_flags
from exporter.web.flags import add_flags as add_web_flags


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        raise BadStart(message)


def build_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="fleetmend-exporter",
        description="Publish what is true of a host, its disks, the orchestrator, or other hosts as seen from here.",
        epilog="--collector.NAME adds a collector, --no-collector.NAME takes one away; docs/metrics.md lists them.",
        allow_abbrev=False,
    )
    parser.add_argument("modules", nargs="+", metavar="MODULE", choices=MODULES, help=f"any of {', '.join(MODULES)}")
    parser.add_argument("--version", action="version", version=__version__)
    add_web_flags(parser.add_argument_group("web"))
    add_host_flags(parser.add_argument_group("host and disk"))
    add_reader_flags(parser.add_argument_group("privileged reader"))
    add_push_flags(parser.add_argument_group("push"))
    add_orchestrator_flags(parser.add_argument_group("orchestrator"))
    add_probe_flags(parser.add_argument_group("probe"))
    add_store_flags(parser.add_argument_group("store"))
    return parser


def add_host_flags(group: argparse._ArgumentGroup) -> None:
    udev, kmsg = ("udev.data", "/run/udev/data"), ("kmsg", "/dev/kmsg")
    for name, path in (("procfs", "/proc"), ("sysfs", "/sys"), ("rootfs", "/"), udev, kmsg):
        dest = name.partition(".")[0]
        group.add_argument(f"--path.{name}", dest=dest, type=Path, default=Path(path), metavar="PATH")
    for name, dest, pattern in (
        ("filesystem.mount-points-exclude", "exclude_mounts", MOUNTS_EXCLUDED),
        ("filesystem.fs-types-exclude", "exclude_filesystems", FILESYSTEMS_EXCLUDED),
        ("diskstats.device-exclude", "exclude_disks", DISKS_EXCLUDED),
        ("netdev.device-exclude", "exclude_devices", DEVICES_EXCLUDED),
        ("netclass.ignored-devices", "ignore_links", LINKS_IGNORED),
        ("systemd.unit-include", "include_units", UNITS_INCLUDED),
        ("systemd.unit-exclude", "exclude_units", UNITS_EXCLUDED),
    ):
        group.add_argument(f"--collector.{name}", dest=dest, default=pattern, metavar="REGEX")
    group.add_argument(
        "--collector.filesystem.mount-timeout", dest="mount_timeout", type=float, default=5.0, metavar="SECONDS"
    )
    group.add_argument(
        "--collector.textfile.directory", dest="textfiles", type=Path, action="append", default=[], metavar="DIR",
        help="of *.prom files that others write; repeatable",
    )  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0 after SIGTERM or SIGINT, 2 for what cannot work."""
    logging.basicConfig(format="fleetmend-exporter: %(message)s", level=logging.WARNING)
    try:
        arguments, choice = split_choice(sys.argv[1:] if argv is None else argv)
        settings = build_settings(build_parser().parse_args(arguments), choice)
        asyncio.run(run(settings))
    except BadStart as error:
        print(f"fleetmend-exporter: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
