"""`fleetmend token create|list|revoke`: the API's tokens, each with no more than its user needs."""

import argparse
import sys
from datetime import timedelta
from typing import Any

from remediator.commands.client import (
    TAKEOVER,
    Remediator,
    add_connection,
    add_token,
    again,
    operator_token,
    told_plainly,
)
from remediator.commands.saying import duration
from remediator.commands.tables import Listing, moment, say, say_json, show
from remediator.wire.tokens import digest_of, new_secret

HEADINGS = ("ID", "NAME", "ACCESS", "ORG", "APP", "CREATED", "EXPIRES", "USED")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("token", help="make, list and take back the API's tokens")
    commands = parser.add_subparsers(dest="what", required=True, metavar="create|list|revoke")
    _add_create(commands)
    listed = commands.add_parser("list", help="list them; the secrets are kept nowhere")
    revoke = commands.add_parser("revoke", help="take one back, at once")
    revoke.add_argument("token", help="its id or its name")
    for each, run in ((listed, _list), (revoke, _revoke)):
        add_connection(each)
        add_token(each)
        each.set_defaults(run=told_plainly(run))


def _add_create(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("create", help="make one, and print it this once")
    parser.add_argument("--name", required=True, help="who or what uses it; the audit tells this name")
    parser.add_argument("--org", default="", help="the organisation whose apps it is for")
    parser.add_argument("--app", default="", help="one app of it alone")
    access = parser.add_mutually_exclusive_group()
    for word, text in (
        ("read", "it only reads (the default)"),
        ("write", "it reads and writes"),
        ("monitor", "it reads metrics, targets and status of the whole fleet; needs no --org"),
        ("operator", "it may do everything; needs no --org"),
    ):
        access.add_argument(f"--{word}", dest="access", action="store_const", const=word, help=text)
    parser.add_argument("--expires", metavar="SPAN", type=duration, help="how long it is good; such as 12h or 30d")
    add_connection(parser)
    add_token(parser)
    parser.set_defaults(run=told_plainly(_create))


def _create(args: argparse.Namespace) -> int:
    body: dict[str, Any] = {"name": args.name, "access": args.access or "read"}
    body |= {"organisation": args.org, "app": args.app}
    lasts: timedelta | None = args.expires
    if lasts:
        body["expires_seconds"] = lasts.total_seconds()
    # Made here, and only its digest is sent: the secret is nowhere but on this terminal.
    secret = new_secret()
    with Remediator(args.url, operator_token(args)) as remediator:
        # Under the same digest it is the same token, in as many journals as it is still missing in.
        made = again(lambda: remediator.post("/v1/tokens", body | {"digest": digest_of(secret)}), TAKEOVER)
    if args.json:
        say_json(made | {"token": secret})
        return 0
    # The token alone on standard output, so that it can go straight into a file.
    say(secret)
    until = f"until {moment(made['expires_at'])}" if made["expires_at"] else "for good, until revoked"
    say(f"{made['id']} ({made['name']}, {made['access']}), {until}; it is shown this once", sys.stderr)
    return 0


def _list(args: argparse.Namespace) -> int:
    with Remediator(args.url, operator_token(args)) as remediator:
        found = remediator.get("/v1/tokens")
    if args.json:
        say_json(found)
    else:
        show(Listing(HEADINGS, [_row(each) for each in found], none="No tokens but the operator's own."))
    return 0


def _row(token: dict[str, Any]) -> list[str]:
    until = "expired" if token["expired"] else moment(token["expires_at"]) or "never"
    named = [token["id"], token["name"], token["access"], token["organisation"], token["app"] or "all"]
    return [*named, moment(token["created_at"]), until, moment(token["used_at"]) or "not yet"]


def _revoke(args: argparse.Namespace) -> int:
    with Remediator(args.url, operator_token(args)) as remediator:
        gone = again(lambda: remediator.delete(f"/v1/tokens/{args.token}"), TAKEOVER)
    if args.json:
        say_json(gone)
    else:
        say(f"{gone['id']} ({gone['name']}) is revoked")
    return 0
