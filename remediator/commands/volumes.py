"""`fleetmend volumes`: volumes as the Machines API's own clients list them."""

import argparse
from typing import Any

from remediator.commands.client import add_connection, asked, told_plainly
from remediator.commands.tables import Listing, moment, say_json, show

HEADINGS = ("ID", "STATE", "NAME", "SIZE", "REGION", "ZONE", "ENCRYPTED", "ATTACHED VM", "CREATED AT")
FOOTER = "* These volumes' hosts could not be reached."
MIB_IN_GIB = 1024


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("volumes", help="list volumes")
    parser.add_argument("--app", default="", help="only those of this app")
    add_connection(parser)
    parser.set_defaults(run=run)


def _run(args: argparse.Namespace) -> int:
    volumes = [each for each in asked(args, "/v1/status")["volumes"] if args.app in ("", each["app"])]
    if args.json:
        say_json(volumes)
        return 0
    away = any(each["host_status"] == "unreachable" for each in volumes)
    rows = [_row(each) for each in volumes]
    show(Listing(HEADINGS, rows, FOOTER if away else "", "No volumes."))
    return 0


run = told_plainly(_run)


def _row(volume: dict[str, Any]) -> list[str]:
    return [
        volume["id"] + ("*" if volume["host_status"] == "unreachable" else ""),
        volume["state"],
        volume["name"],
        size(volume["size_mb"]),
        volume["region"],
        volume["zone"],
        "true" if volume["encrypted"] else "false",
        volume["attached_machine_id"] or "",
        moment(volume["created_at"]),
    ]


def size(megabytes: int) -> str:
    """``10GB`` where it is whole, ``64MB`` where it is not."""
    whole, rest = divmod(megabytes, MIB_IN_GIB)
    return f"{megabytes}MB" if rest or not whole else f"{whole}GB"
