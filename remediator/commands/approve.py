"""`fleetmend approve` and `deny`: yes or no to what the engine asks; all guards and evidence are checked again."""

import argparse
import sys

from remediator.commands.client import CommandFailed, told_plainly
from remediator.commands.saying import add_said, tell
from remediator.commands.tables import say


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    approve = subparsers.add_parser("approve", help="say yes to questions (see 'fleetmend questions')")
    _questions(approve)
    add_said(approve, why=False)
    approve.set_defaults(run=run)
    deny = subparsers.add_parser("deny", help="say no to questions, or take a yes back")
    _questions(deny)
    add_said(deny, why=True)
    deny.set_defaults(run=run_deny)


def _questions(parser: argparse.ArgumentParser) -> None:
    text = "its id, playbook/target/action, or its target where that has but one"
    parser.add_argument("questions", nargs="+", metavar="QUESTION", help=text)


def _approve(args: argparse.Namespace) -> int:
    return _each(args, "approve")


def _deny(args: argparse.Namespace) -> int:
    return _each(args, "deny")


def _each(args: argparse.Namespace, word: str) -> int:
    """Every question is answered, whatever becomes of the others; 2 if one could not be."""
    code = 0
    for question in args.questions:
        try:
            tell(args, word, {"question": question})
        except CommandFailed as error:
            say(f"fleetmend: {error}", sys.stderr)
            code = 2
    return code


run = told_plainly(_approve)
run_deny = told_plainly(_deny)
