"""`fleetmend machines`: machines, where they are, and what becomes of those whose host is lost."""

import argparse
from typing import Any

from remediator.clock import SystemClock
from remediator.commands.client import add_connection, asked, told_plainly
from remediator.commands.tables import Listing, ago, say_json, show
from remediator.commands.tenant import Json, add_app, app_of, config_of, group_of, mounts_of

HEADINGS = ("ID", "NAME", "APP", "STATE", "REGION", "HOST", "ROUTABLE", "RECOVERY", "WHY")
MINE = ("ID", "NAME", "STATE", "CHECKS", "REGION", "PROCESS GROUP", "SIZE", "VOLUME", "CREATED", "WHY")
FOOTER = "* These machines' hosts could not be reached."
# The events that tell what became of a lost host's machine, and whose place one takes.
TELLING = frozenset({"host", "recovery", "quarantine", "destroy", "launch"})


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("machines", help="list machines of all apps; or list an app's")
    parser.add_argument("--app", default="", help="only those of this app")
    add_connection(parser)
    parser.set_defaults(run=run)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB")
    mine = verbs.add_parser("list", help="list an app's, through the Machines API alone")
    add_app(mine)
    mine.set_defaults(run=run_list)


def _run(args: argparse.Namespace) -> int:
    machines = [each for each in asked(args, "/v1/status")["machines"] if args.app in ("", each["app"])]
    if args.json:
        say_json(machines)
        return 0
    away = any(each["host_status"] != "ok" for each in machines)
    rows = [_row(each) for each in machines]
    show(Listing(HEADINGS, rows, FOOTER if away else "", "No machines."))
    return 0


def _list(args: argparse.Namespace) -> int:
    with app_of(args) as app:
        machines = app.all_machines()
    if args.json:
        say_json(machines)
        return 0
    away = any(each["host_status"] != "ok" for each in machines)
    rows = [_own_row(each) for each in machines]
    show(Listing(MINE, rows, FOOTER if away else "", f"App {args.app} has no machines.", tabbed=True))
    return 0


run, run_list = told_plainly(_run), told_plainly(_list)


def _marked(machine: Json) -> str:
    return str(machine["id"]) + ("" if machine["host_status"] == "ok" else "*")


def _row(machine: dict[str, Any]) -> list[str]:
    return [
        _marked(machine),
        machine["name"],
        machine["app"],
        machine["state"],
        machine["region"],
        machine["host"],
        "yes" if machine["routable"] else "no",
        "condemned" if machine["condemned"] else machine["recovery"].replace("none", ""),
        machine["why"],
    ]


def _own_row(machine: Json) -> list[str]:
    guest = config_of(machine).get("guest") or {}
    return [
        _marked(machine),
        machine["name"],
        machine["state"],
        _passing(machine.get("checks") or []),
        machine["region"],
        group_of(machine),
        f"{guest['cpus']:g}x{guest['memory_mb']}MB" if {"cpus", "memory_mb"} <= guest.keys() else "",
        ", ".join(str(mount["volume"]) for mount in mounts_of(machine)),
        ago(machine["created_at"], SystemClock().now()),
        _why(machine),
    ]


def _passing(checks: list[Json]) -> str:
    good = sum(1 for check in checks if check["status"] == "passing")
    return f"{good}/{len(checks)}" if checks else ""


def _why(machine: Json) -> str:
    """What was last done for a machine that is away, going or coming, or why nothing is."""
    if machine["host_status"] == "ok" and machine["state"] != "destroying":
        return ""
    told = [event for event in machine["events"] if event["type"] in TELLING]
    # Of what was told in the same instant, that its host is lost says least.
    latest = [event for event in told if event["timestamp"] == told[0]["timestamp"]]
    return next((str(each["text"]) for each in sorted(latest, key=lambda each: each["type"] == "host")), "")
