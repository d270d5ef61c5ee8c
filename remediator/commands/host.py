"""`fleetmend host remove|accept`: a living host leaves; and who it is that stands under a known name."""

import argparse

from remediator.commands.client import told_plainly
from remediator.commands.saying import add_said, tell


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("host", help="take a living host away, or say who stands under its name")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    remove = verbs.add_parser("remove", help="no new work, what it has moves away, and when it is empty it leaves")
    remove.add_argument("host")
    remove.add_argument("--stay", action="store_true", help="take that back: it stays")
    add_said(remove, why=True)
    remove.set_defaults(run=run)
    accept = verbs.add_parser("accept", help="say what another identity under a known name is")
    accept.add_argument("host")
    text = "another server in its place (replaced), or the same server with new parts or keys (renamed)"
    accept.add_argument("--as", dest="answer", required=True, choices=("replaced", "renamed"), help=text)
    add_said(accept, why=True)
    accept.set_defaults(run=run_accept)


def _remove(args: argparse.Namespace) -> int:
    return tell(args, "hosts/remove", {"host": args.host, "stay": args.stay})


def _accept(args: argparse.Namespace) -> int:
    return tell(args, "hosts/accept", {"host": args.host, "answer": args.answer})


run = told_plainly(_remove)
run_accept = told_plainly(_accept)
