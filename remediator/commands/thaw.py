"""`fleetmend thaw`: automatic acting may go on."""

import argparse

from remediator.clock import SystemClock
from remediator.commands.client import told_plainly
from remediator.commands.stop_all import add_freeze_flags, tell


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("thaw", help="let automatic acting go on after stop-all")
    parser.add_argument("--why", default="thaw", help="the reason, for whoever reads it at night")
    add_freeze_flags(parser)
    parser.set_defaults(run=run)


def _run(args: argparse.Namespace) -> int:
    return tell(args, SystemClock(), frozen=False, why=args.why.strip() or "thaw")


run = told_plainly(_run)
