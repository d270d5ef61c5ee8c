"""`fleetmend trust PLAYBOOK`: one that helped too seldom acts by itself again."""

import argparse

from remediator.commands.client import told_plainly
from remediator.commands.saying import add_said, tell


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "let a playbook that helped too seldom act by itself again"
    parser = subparsers.add_parser("trust", help=text)
    parser.add_argument("playbook", help="its name")
    add_said(parser, why=True)
    parser.set_defaults(run=run)


def _run(args: argparse.Namespace) -> int:
    return tell(args, "trust", {"playbook": args.playbook})


run = told_plainly(_run)
