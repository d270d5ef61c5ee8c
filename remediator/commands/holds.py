"""`fleetmend holds`: what people hold and what they let go, each with who, why and until when."""

import argparse
from typing import Any

from remediator.commands.client import Remediator, add_connection, told_plainly
from remediator.commands.tables import Listing, moment, say_json, show

HEADINGS = ("WORD", "WHAT", "UNTIL", "BY", "WHY")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("holds", help="list operators' holds and releases in force")
    add_connection(parser)
    parser.set_defaults(run=run)


def _run(args: argparse.Namespace) -> int:
    with Remediator(args.url) as remediator:
        held, freed = remediator.get("/v1/people/holds"), remediator.get("/v1/people/releases")
    if args.json:
        say_json({"holds": held, "releases": freed})
        return 0
    rows = [_row("held", _held(each), each) for each in held]
    rows += [_row("released", _released(each), each) for each in freed]
    show(Listing(HEADINGS, rows, none="Nobody holds or releases anything."))
    return 0


run = told_plainly(_run)


def _row(word: str, what: str, told: dict[str, Any]) -> list[str]:
    return [word, what, moment(told["until"]), told["by"], told["why"]]


def _held(told: dict[str, Any]) -> str:
    against = f" against {told['playbook']}" if told.get("playbook") else ""
    what = "the whole fleet" if told["scope"] == "fleet" else f"{told['scope']} {told['name']}"
    return f"{what}{against}"


def _released(told: dict[str, Any]) -> str:
    about = " ".join(filter(None, (told["playbook"], told["incident"])))
    return " ".join(told["hosts"]) + (f" ({about})" if about else "")
