"""`fleetmend said`: what people said, newest first, as the journal keeps it."""

import argparse
from typing import Any

from remediator.commands.client import add_connection, asked, told_plainly
from remediator.commands.tables import Listing, moment, say_json, show

HEADINGS = ("AT", "WORD", "ABOUT", "UNTIL", "BY", "TEXT")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("said", help="list what people said, newest first")
    parser.add_argument("--limit", type=int, default=50, help="how many at most (default: %(default)s)")
    add_connection(parser)
    parser.set_defaults(run=run)


def _run(args: argparse.Namespace) -> int:
    found = asked(args, f"/v1/people/said?limit={args.limit}")
    if args.json:
        say_json(found)
    else:
        show(Listing(HEADINGS, [_row(each) for each in found], none="Nobody has said anything yet."))
    return 0


run = told_plainly(_run)


def _row(told: dict[str, Any]) -> list[str]:
    place = [moment(told["at"]), told["word"], told["subject"], moment(told["until"])]
    return [*place, told["by"], told["text"]]
