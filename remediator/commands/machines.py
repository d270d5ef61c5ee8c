"""`fleetmend machines`: machines, where they are, and what becomes of those whose host is lost."""

import argparse
from typing import Any

from remediator.commands.client import add_connection, asked, told_plainly
from remediator.commands.tables import Listing, say_json, show

HEADINGS = ("ID", "NAME", "APP", "STATE", "REGION", "HOST", "ROUTABLE", "RECOVERY", "WHY")
FOOTER = "* These machines' hosts could not be reached."


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("machines", help="list machines")
    parser.add_argument("--app", default="", help="only those of this app")
    add_connection(parser)
    parser.set_defaults(run=run)


def _run(args: argparse.Namespace) -> int:
    machines = [each for each in asked(args, "/v1/status")["machines"] if args.app in ("", each["app"])]
    if args.json:
        say_json(machines)
        return 0
    away = any(each["host_status"] != "ok" for each in machines)
    rows = [_row(each) for each in machines]
    show(Listing(HEADINGS, rows, FOOTER if away else "", "No machines."))
    return 0


run = told_plainly(_run)


def _row(machine: dict[str, Any]) -> list[str]:
    return [
        machine["id"] + ("" if machine["host_status"] == "ok" else "*"),
        machine["name"],
        machine["app"],
        machine["state"],
        machine["region"],
        machine["host"],
        "yes" if machine["routable"] else "no",
        "condemned" if machine["condemned"] else machine["recovery"].replace("none", ""),
        machine["why"],
    ]
