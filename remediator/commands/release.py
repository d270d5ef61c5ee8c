"""`fleetmend release`: named hosts, an incident's or a backlog's pass what holds them; never capacity or fencing."""

import argparse

from remediator.commands.client import told_plainly
from remediator.commands.saying import add_said, tell


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "let hosts pass ratio, rate, backlog or incident"
    parser = subparsers.add_parser("release", help=text)
    parser.add_argument("hosts", nargs="*", metavar="HOST", help="which; left out: all of the incident or backlog")
    parser.add_argument("--incident", default="", metavar="ID", help="its id, or label/value such as rack/r1")
    parser.add_argument("--playbook", default="", help="for this playbook alone; without hosts: its backlog")
    add_said(parser, why=True, end="how long it holds (default: 1h)")
    parser.set_defaults(run=run)


def _run(args: argparse.Namespace) -> int:
    return tell(args, "release", {"hosts": args.hosts, "playbook": args.playbook, "incident": args.incident})


run = told_plainly(_run)
