"""`fleetmend audit`: who asked for what by the API, newest first."""

import argparse
from typing import Any
from urllib.parse import quote

from remediator.commands.client import Remediator, add_connection, add_token, operator_token, told_plainly
from remediator.commands.tables import Listing, moment, say_json, show

HEADINGS = ("AT", "WHO", "OPERATION", "APP", "OBJECT", "OUTCOME", "CHANGED", "REQUEST")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("audit", help="list who asked for what by the API, newest first")
    parser.add_argument("--app", default="", help="one app's alone; its own tokens may read that")
    parser.add_argument("--limit", type=int, default=50, help="how many at most (default: %(default)s)")
    add_connection(parser)
    add_token(parser)
    parser.set_defaults(run=run)


def _run(args: argparse.Namespace) -> int:
    place = f"/v1/apps/{quote(args.app, safe='')}/audit" if args.app else "/v1/audit"
    with Remediator(args.url, operator_token(args)) as remediator:
        found = remediator.get(f"{place}?limit={args.limit}")
    if args.json:
        say_json(found)
    else:
        show(Listing(HEADINGS, [_row(each) for each in found], none="Nobody has asked for anything yet."))
    return 0


run = told_plainly(_run)


def _row(line: dict[str, Any]) -> list[str]:
    if "left_out" in line:
        return [moment(line["at"]), "", f"and {line['left_out']} more that changed nothing", "", "", "", "", ""]
    asked = [line["who"], line["operation"], line["app"], line["object"]]
    return [moment(line["at"]), *asked, line["outcome"], " ".join(line.get("rows", ())), line["request"]]
