"""`fleetmend unquarantine NAME`: a machine, or an app's, may be started anew although its hosts died."""

import argparse

from remediator.commands.client import told_plainly
from remediator.commands.saying import add_said, tell


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "let a machine, or all of an app, be started anew although their hosts died"
    parser = subparsers.add_parser("unquarantine", help=text)
    parser.add_argument("name", help="a machine's id, or an app")
    add_said(parser, why=True)
    parser.set_defaults(run=run)


def _run(args: argparse.Namespace) -> int:
    return tell(args, "unquarantine", {"name": args.name})


run = told_plainly(_run)
