"""`fleetmend incidents`: many symptoms with one cause, where each stands and how it ended."""

import argparse
from typing import Any

from remediator.commands.client import add_connection, asked, told_plainly
from remediator.commands.tables import Listing, moment, say_json, show

HEADINGS = ("ID", "STAGE", "ABOUT", "HOSTS", "RELEASED", "OPENED", "DEADLINE", "BY", "WHY")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("incidents", help="list incidents, open ones first")
    add_connection(parser)
    parser.set_defaults(run=run)


def _run(args: argparse.Namespace) -> int:
    found = asked(args, "/v1/people/incidents")
    if args.json:
        say_json(found)
    else:
        show(Listing(HEADINGS, [_row(each) for each in found], none="There is no incident."))
    return 0


run = told_plainly(_run)


def _row(told: dict[str, Any]) -> list[str]:
    return [
        told["id"],
        told["stage"],
        f"{told['label']} {told['value']}",
        str(len(told["hosts"])),
        str(len(told["released"])),
        moment(told["opened_at"]),
        moment(told["deadline"]),
        told["moved_by"],
        told["outcome"] or told["reason"],
    ]
