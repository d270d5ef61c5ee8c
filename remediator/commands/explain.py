"""`fleetmend explain ID`: why this, why not that, and what would change it."""

import argparse
from typing import Any
from urllib.parse import quote

from remediator.commands.client import add_connection, asked, told_plainly
from remediator.commands.tables import say, say_json

PARTS = (("now", "What is so"), ("decided", "What was decided"), ("held", "What is held, and why"))


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("explain", help="explain a decision, a host or a machine")
    parser.add_argument("id", help="a decision's id, a host's name or a machine's id")
    add_connection(parser)
    parser.set_defaults(run=run)


def _run(args: argparse.Namespace) -> int:
    told = asked(args, f"/v1/explain/{quote(args.id, safe='')}")
    if args.json:
        say_json(told)
    else:
        _say_explanation(told)
    return 0


run = told_plainly(_run)


def _say_explanation(told: dict[str, Any]) -> None:
    say(f"{told['kind']} {told['subject']}")
    for name, title in (*PARTS, ("would_change", "What would change it")):
        if told[name]:
            say(f"\n{title}:")
        for sentence in told[name]:
            say(f"  - {sentence}")
