"""`fleetmend join-token NAME`: a token that lets one agent or prober join once."""

import argparse
import sys

from remediator.commands.client import Remediator, add_connection, add_token, operator_token, told_plainly
from remediator.commands.tables import say, say_json


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("join-token", help="make a token with which one agent or prober joins once")
    parser.add_argument("name", help="the name it is to join under")
    parser.add_argument("--kind", choices=("agent", "vantage"), default="", help="what is to join (default: either)")
    parser.add_argument("--region", default="", help="where it is to join; needed where each region has its leader")
    add_connection(parser)
    add_token(parser)
    parser.set_defaults(run=run)


def _run(args: argparse.Namespace) -> int:
    with Remediator(args.url, operator_token(args)) as remediator:
        asked = {"name": args.name, "kind": args.kind} | ({"region": args.region} if args.region else {})
        made = remediator.post("/v1/join-tokens", asked)
    if args.json:
        say_json(made)
        return 0
    # The token alone on standard output, so that it can go straight into a file.
    say(made["token"])
    what = f"the {args.kind} {args.name}" if args.kind else args.name
    say(f"for {what} alone, once, within 15 minutes", sys.stderr)
    return 0


run = told_plainly(_run)
