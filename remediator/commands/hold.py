"""`fleetmend hold` and `unhold`: nothing automatic is done to something, until a moment."""

import argparse

from remediator.commands.client import told_plainly
from remediator.commands.saying import add_said, tell
from remediator.model.people import Scope

_SCOPES = tuple(scope.value for scope in Scope)


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    hold = subparsers.add_parser("hold", help="let nothing automatic be done to something, until a moment")
    _about(hold)
    add_said(hold, why=True, end="how long; a hold always has an end")
    hold.set_defaults(run=run)
    unhold = subparsers.add_parser("unhold", help="end such a hold before its time")
    _about(unhold)
    add_said(unhold, why=False)
    unhold.set_defaults(run=run_unhold)


def _about(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scope", choices=_SCOPES, help="what it is about")
    parser.add_argument("name", nargs="?", default="", help="which one; not for the fleet")
    parser.add_argument("--playbook", default="", metavar="NAME", help="against that playbook alone; others may act")


def _run(args: argparse.Namespace) -> int:
    return tell(args, "hold", _told(args))


def _run_unhold(args: argparse.Namespace) -> int:
    return tell(args, "unhold", _told(args))


def _told(args: argparse.Namespace) -> dict[str, str]:
    told = {"scope": args.scope, "name": args.name}
    # A remediator of before knows no playbook there.
    return {**told, "playbook": args.playbook} if args.playbook else told


run = told_plainly(_run)
run_unhold = told_plainly(_run_unhold)
