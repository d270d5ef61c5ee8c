"""`fleetmend decisions`: what was decided, newest first."""

import argparse
from typing import Any

from remediator.commands.client import add_connection, asked, told_plainly
from remediator.commands.tables import Listing, moment, say_json, show

HEADINGS = ("AT", "OUTCOME", "PLAYBOOK", "ACTION", "TARGET", "REASON", "ID", "TEXT")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("decisions", help="list decisions, newest first")
    parser.add_argument("--limit", type=int, default=50, help="how many at most (default: %(default)s)")
    add_connection(parser)
    parser.set_defaults(run=run)


def _run(args: argparse.Namespace) -> int:
    decisions = asked(args, f"/v1/decisions?limit={args.limit}")
    if args.json:
        say_json(decisions)
    else:
        show(Listing(HEADINGS, [_row(each) for each in decisions], none="Nothing was decided yet."))
    return 0


run = told_plainly(_run)


def _row(decision: dict[str, Any]) -> list[str]:
    fields = ("outcome", "playbook", "action", "target", "reason", "id", "text")
    return [moment(decision["at"]), *(str(decision[name]) for name in fields)]
