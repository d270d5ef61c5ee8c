"""`fleetmend reconcile --from-agents`: what agents hold that the journal does not know, and accepting it."""

import argparse
from typing import Any

from remediator.commands.client import (
    Remediator,
    add_connection,
    add_token,
    asked,
    operator_name,
    operator_token,
    told_plainly,
)
from remediator.commands.tables import Listing, say, say_json, show

_PARTS = (
    ("ahead", "agents that have heard more of us than the journal holds", ("HOST", "TERM", "INCARNATION")),
    ("unknown", "machines that run, and that the journal does not know", ("MACHINE", "APP", "NAME", "RUNS ON")),
    ("elsewhere", "machines that run elsewhere than it says", ("MACHINE", "APP", "NAME", "RUNS ON", "JOURNAL SAYS")),
    ("missing", "machines that it has, and that their hosts do not", ("MACHINE", "APP", "NAME", "JOURNAL SAYS")),
    ("volumes", "volumes that it does not know", ("VOLUME", "APP", "NAME", "IS ON")),
)
_LISTS = (
    ("forgotten", "operations that were under way when the copy was made: never sent again"),
    ("destroys", "machines whose destroy is in the journal: carried out once the gap is accepted"),
    ("silent", "hosts that have not told what they hold"),
)


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "show what agents hold that the journal does not know, and accept it"
    parser = subparsers.add_parser("reconcile", help=text)
    parser.add_argument("--from-agents", action="store_true", required=True, help="the agents' word, not a file's")
    parser.add_argument("--accept", action="store_true", help="take their word for it, and act again")
    parser.add_argument("--why", default="", help="the reason, for whoever reads it at night; needed with --accept")
    parser.add_argument(
        "--silent", type=int, default=0, metavar="N", help="accept though up to N hosts have not told (default: 0)"
    )
    add_connection(parser)
    add_token(parser)
    parser.set_defaults(run=run, usage=parser.error)


def _run(args: argparse.Namespace) -> int:
    if args.accept and not args.why.strip():
        args.usage("--accept needs --why")
    gap = _accepted(args) if args.accept else asked(args, "/v1/reconcile")
    if args.json:
        say_json(gap)
        return 0
    if not gap["reason"]:
        say("No agent is ahead of the journal.")
        return 0
    say(f"{'Was rewound' if args.accept else 'Rewound'}: {gap['reason']}.")
    _show(gap)
    say("Accepted: acting goes on, in a new incarnation." if args.accept else _HOW)
    return 0


_HOW = "Nothing is created, moved or destroyed until somebody accepts: add --accept --why …"
run = told_plainly(_run)


def _accepted(args: argparse.Namespace) -> Any:
    with Remediator(args.url, operator_token(args)) as remediator:
        body = {"by": operator_name(), "why": args.why, "silent": args.silent}
        return remediator.post("/v1/reconcile", body)


def _show(gap: dict[str, Any]) -> None:
    for part, title, headings in _PARTS:
        if gap[part]:
            say(f"\n{len(gap[part])} {title}:")
            show(Listing(headings, [_row(part, each) for each in gap[part]], none=""))
    for part, title in _LISTS:
        if gap[part]:
            say(f"\n{len(gap[part])} {title}:\n  {', '.join(gap[part])}")
    say("")


def _row(part: str, each: dict[str, Any]) -> list[str]:
    if part == "ahead":
        return [each["host"], f"{each['term']}.{each['sequence']}", each["incarnation"]]
    places = {"missing": [each["known"]], "elsewhere": [each["told"], each["known"]]}.get(part, [each["told"]])
    return [each["id"], each["app"], each["name"], *places]
