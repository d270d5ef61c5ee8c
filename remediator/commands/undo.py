"""`fleetmend undo PLAYBOOK TARGET`: what it did is taken back as far as it can be, and not done again for a time."""

import argparse

from remediator.commands.client import told_plainly
from remediator.commands.saying import add_said, tell


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("undo", help="take back what a playbook did to a target")
    parser.add_argument("playbook")
    parser.add_argument("target")
    add_said(parser, why=True, end="how long it is not done again (default: 1h)")
    parser.set_defaults(run=run)


def _run(args: argparse.Namespace) -> int:
    return tell(args, "undo", {"playbook": args.playbook, "target": args.target})


run = told_plainly(_run)
