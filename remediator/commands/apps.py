"""`fleetmend apps --single`: apps that live on a single machine or host, and what its death would mean."""

import argparse
from collections import Counter
from typing import Any

from remediator.commands.client import add_connection, asked, told_plainly
from remediator.commands.tables import Listing, say_json, show

SINGLE = ("APP", "SINGLE", "MACHINES", "HOST", "REGION", "VOLUMES", "IF IT DIES")
ALL = ("APP", "MACHINES", "ROUTABLE", "HOSTS")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("apps", help="list apps; with --single those that one death takes away")
    parser.add_argument("--single", action="store_true", help="only apps on a single machine or host")
    add_connection(parser)
    parser.set_defaults(run=run)


def _run(args: argparse.Namespace) -> int:
    if args.single:
        return _single(args)
    machines = asked(args, "/v1/status")["machines"]
    apps = sorted({each["app"] for each in machines})
    rows = [_counted(app, [each for each in machines if each["app"] == app]) for app in apps]
    if args.json:
        say_json(rows)
    else:
        show(Listing(ALL, [[str(cell) for cell in row.values()] for row in rows], none="No apps."))
    return 0


def _counted(app: str, machines: list[dict[str, Any]]) -> dict[str, Any]:
    routable = Counter(each["routable"] for each in machines)[True]
    return {
        "app": app,
        "machines": len(machines),
        "routable": routable,
        "hosts": len({each["host"] for each in machines}),
    }


def _single(args: argparse.Namespace) -> int:
    found = asked(args, "/v1/apps/single")
    if args.json:
        say_json(found)
    else:
        none = "Every app lives on more than one machine and host."
        show(Listing(SINGLE, [_row(each) for each in found], none=none))
    return 0


def _row(told: dict[str, Any]) -> list[str]:
    numbers = (str(told["machines"]), told["host"], told["region"], str(told["volumes"]))
    return [told["app"], told["on"], *numbers, told["note"]]


run = told_plainly(_run)
