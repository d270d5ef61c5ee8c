"""`fleetmend retire HOST`: a lost host was wiped or destroyed; whatever waited for it is complete."""

import argparse

from remediator.commands.client import told_plainly
from remediator.commands.saying import add_said, tell


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("retire", help="attest that a lost host never comes back with what it held")
    parser.add_argument("host")
    parser.add_argument("--attest", required=True, choices=("wiped", "destroyed"), help="what became of its disks")
    parser.add_argument("--abandon", action="store_true", help="give up machines that nothing serves for")
    add_said(parser, why=True)
    parser.set_defaults(run=run)


def _run(args: argparse.Namespace) -> int:
    return tell(args, "retire", {"host": args.host, "attested": args.attest, "abandon": args.abandon})


run = told_plainly(_run)
