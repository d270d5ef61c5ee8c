"""`fleetmend questions`: what the engine asks people, until when, and what follows if nobody answers."""

import argparse
from typing import Any

from remediator.commands.client import add_connection, asked, told_plainly
from remediator.commands.tables import Listing, moment, say_json, show

HEADINGS = ("ID", "ANSWER", "PLAYBOOK", "ACTION", "TARGET", "EVIDENCE", "EFFECTS", "UNTIL", "THEN", "BY", "WHAT")
FOOTER = "'fleetmend approve ID' or 'fleetmend deny ID --why WHY' answers."


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("questions", help="list what people are asked")
    add_connection(parser)
    parser.set_defaults(run=run)


def _run(args: argparse.Namespace) -> int:
    found = asked(args, "/v1/people/questions")
    if args.json:
        say_json(found)
        return 0
    footer = FOOTER if any(each["waits"] for each in found) else ""
    show(Listing(HEADINGS, [_row(each) for each in found], footer, "Nobody is asked anything."))
    return 0


run = told_plainly(_run)


def _row(told: dict[str, Any]) -> list[str]:
    answer = "waits" if told["waits"] else told["answer"]
    place = [told["id"], answer, told["playbook"], told["action"], told["target"]]
    place += [told["verdict"], str(len(told["effects"]))]
    return [*place, moment(told["expires_at"]), told["then"], told["by"], told["text"]]
