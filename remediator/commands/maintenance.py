"""`fleetmend maintenance start|end|list`: hosts that people work on, always with an end."""

import argparse
from typing import Any

from remediator.commands.client import add_connection, asked, told_plainly
from remediator.commands.saying import add_said, tell
from remediator.commands.tables import Listing, moment, say_json, show

HEADINGS = ("HOST", "UNTIL", "BY", "WHY", "STATE")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("maintenance", help="begin, end or list the maintenance of hosts")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    start = verbs.add_parser("start", help="nothing is done about these hosts before the end")
    _hosts(start)
    add_said(start, why=True, end="how long; a maintenance always has an end")
    start.set_defaults(run=run_start)
    end = verbs.add_parser("end", help="it is over before its time")
    _hosts(end)
    add_said(end, why=False)
    end.set_defaults(run=run_end)
    listed = verbs.add_parser("list", help="which hosts are in maintenance, and until when")
    add_connection(listed)
    listed.set_defaults(run=run)


def _hosts(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("hosts", nargs="+", metavar="HOST")


def _start(args: argparse.Namespace) -> int:
    return tell(args, "maintenance", {"hosts": args.hosts})


def _end(args: argparse.Namespace) -> int:
    return tell(args, "maintenance/end", {"hosts": args.hosts})


def _list(args: argparse.Namespace) -> int:
    found = asked(args, "/v1/people/maintenance")
    if args.json:
        say_json(found)
    else:
        show(Listing(HEADINGS, [_row(each) for each in found], none="No host is in maintenance."))
    return 0


def _row(told: dict[str, Any]) -> list[str]:
    state = "over, not seen healthy yet" if told["over"] else "in force"
    return [told["host"], moment(told["until"]), told["by"], told["why"], state]


run_start = told_plainly(_start)
run_end = told_plainly(_end)
run = told_plainly(_list)
