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
from exporter.errors import BadStart
from exporter.places import DEVICES_EXCLUDED, DISKS_EXCLUDED, FILESYSTEMS_EXCLUDED, MOUNTS_EXCLUDED
from exporter.settings import build_settings


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        raise BadStart(message)


def build_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="fleetmend-exporter",
        description="Publish what is true of a host, its disks, the orchestrator, or other hosts as seen from here.",
        allow_abbrev=False,
    )
    parser.add_argument("modules", nargs="+", metavar="MODULE", choices=MODULES, help=f"any of {', '.join(MODULES)}")
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("--listen", default="", metavar="IP:PORT", help="default: the loopback, at the module's port")
    add_host_flags(parser.add_argument_group("host and disk"))
    add_push_flags(parser.add_argument_group("push"))
    orchestrator = parser.add_argument_group("orchestrator")
    orchestrator.add_argument("--state-url", default="", metavar="URL", help="the remediator's own listener")
    add_probe_flags(parser.add_argument_group("probe"))
    return parser


def add_host_flags(group: argparse._ArgumentGroup) -> None:
    for name, path in (("procfs", "/proc"), ("sysfs", "/sys"), ("rootfs", "/"), ("udev.data", "/run/udev/data")):
        dest = name.partition(".")[0]
        group.add_argument(f"--path.{name}", dest=dest, type=Path, default=Path(path), metavar="DIR")
    for name, dest, pattern in (
        ("filesystem.mount-points-exclude", "exclude_mounts", MOUNTS_EXCLUDED),
        ("filesystem.fs-types-exclude", "exclude_filesystems", FILESYSTEMS_EXCLUDED),
        ("diskstats.device-exclude", "exclude_disks", DISKS_EXCLUDED),
        ("netdev.device-exclude", "exclude_devices", DEVICES_EXCLUDED),
    ):
        group.add_argument(f"--collector.{name}", dest=dest, default=pattern, metavar="REGEX")
    group.add_argument(
        "--collector.filesystem.mount-timeout", dest="mount_timeout", type=float, default=5.0, metavar="SECONDS"
    )


def add_push_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--push.url", dest="push_url", default="", metavar="URL", help="VictoriaMetrics to push to")
    group.add_argument("--push.interval", dest="push_interval", type=float, default=15.0, metavar="SECONDS")
    group.add_argument(
        "--push.label", dest="push_label", action="append", default=[], metavar="NAME=VALUE", help="repeatable"
    )


def add_probe_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--vantage", default="", metavar="NAME")
    group.add_argument("--region", default="")
    group.add_argument("--rack", default="")
    group.add_argument("--remediator", default="", metavar="URL[,URL]", help="every one of them gets every report")
    group.add_argument("--join-token", default="", metavar="TOKEN|@FILE", help="needed once")
    group.add_argument("--token-file", default="", metavar="FILE", help="where the lasting token is kept")
    group.add_argument(
        "--advertise", default="", metavar="IP:PORT", help="where our page is scraped, if not --listen"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0 after SIGTERM or SIGINT, 2 for what cannot work."""
    logging.basicConfig(format="fleetmend-exporter: %(message)s", level=logging.WARNING)
    try:
        settings = build_settings(build_parser().parse_args(argv))
        asyncio.run(run(settings))
    except BadStart as error:
        print(f"fleetmend-exporter: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
