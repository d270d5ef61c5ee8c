"""`fleetmend take-over MACHINE`: what runs on a host and was not ours becomes ours."""

import argparse

from remediator.commands.client import told_plainly
from remediator.commands.saying import add_said, tell


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("take-over", help="make a machine ours that runs on a host and was not")
    parser.add_argument(
        "machine", metavar="MACHINE", help="its id, as `fleetmend machines` shows it among the adopted"
    )
    add_said(parser, why=True)
    parser.set_defaults(run=run)


def _run(args: argparse.Namespace) -> int:
    return tell(args, "machines/take-over", {"machine": args.machine})


run = told_plainly(_run)
