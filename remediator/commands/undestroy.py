"""`fleetmend undestroy ID`: take the destroy of a machine back, as long as its host was not told."""

import argparse

from remediator.commands.client import told_plainly
from remediator.commands.tables import say, say_json
from remediator.commands.tenant import add_app, app_of


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("undestroy", help="take back a destroy that waits for a lost host")
    parser.add_argument("machines", nargs="+", metavar="ID")
    add_app(parser)
    parser.set_defaults(run=run)


def _run(args: argparse.Namespace) -> int:
    with app_of(args) as app:
        spared = [app.act(machine, "undestroy") for machine in args.machines]
    if args.json:
        say_json(spared)
        return 0
    for machine in spared:
        say(f"{machine['id']} is {machine['state']} as before; its host is {machine['host_status']}")
    return 0


run = told_plainly(_run)
