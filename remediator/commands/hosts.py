"""`fleetmend hosts`: every host with its status, life and verdict."""

import argparse
from typing import Any

from remediator.commands.client import add_connection, asked, told_plainly
from remediator.commands.tables import Listing, moment, say_json, show

HEADINGS = ("NAME", "REGION", "RACK", "STATUS", "LIFE", "SINCE", "VERDICT", "SERVING", "WHY")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("hosts", help="list hosts")
    add_connection(parser)
    parser.set_defaults(run=run)


def _run(args: argparse.Namespace) -> int:
    hosts = asked(args, "/v1/status")["hosts"]
    if args.json:
        say_json(hosts)
    else:
        show(Listing(HEADINGS, [_row(host) for host in hosts], none="No host has joined."))
    return 0


run = told_plainly(_run)


def _row(host: dict[str, Any]) -> list[str]:
    return [
        host["name"],
        host["region"],
        host["rack"],
        host["status"],
        host["life"],
        moment(host["since"]),
        host["verdict"],
        f"{host['serving']}/{host['machines']}",
        _why(host),
    ]


def _why(host: dict[str, Any]) -> str:
    cordoned = f"cordoned: {host['cordoned']}" if host["cordoned"] else ""
    away = "" if host["status"] == "ok" else host["verdict_reason"]
    return "; ".join(text for text in (host["reason"] or away, cordoned) if text)
