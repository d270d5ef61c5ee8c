"""`fleetmend test`: unit tests of alerts through promtool, and playbook scenarios through the real engine."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from remediator.model.errors import BadInput

if TYPE_CHECKING:
    from remediator.simulate.report import Ended

FORMATS = ("human", "json", "junit")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("test", help="run the unit tests of alerts and the scenarios of playbooks")
    parser.add_argument("folder", type=Path, nargs="?", default=Path(), help="rules, or a folder with fleetmend.yml")
    parser.add_argument("--filter", default="", metavar="NAME", help="only tests with NAME in their name or file")
    parser.add_argument("--format", choices=FORMATS, default="human")
    parser.add_argument("--no-promtool", action="store_true", help="leave the unit tests of alerts out")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 when all passed; 1 when one failed, was skipped, or none was found; 2 when a file is wrong."""
    try:
        tested = _tested(args)
    except BadInput as error:
        sys.stderr.write("".join(f"error: {problem}\n" for problem in error.problems))
        return 2
    from remediator.simulate.report import as_json, as_junit, as_text, exit_code

    written = {"human": as_text, "json": as_json, "junit": as_junit}[args.format](tested)
    sys.stdout.write(f"{written}\n")
    return exit_code(tested)


def _tested(args: argparse.Namespace) -> "list[Ended]":
    # Late, as in every command: the others start faster without the whole house.
    from remediator.actions import ACTIONS
    from remediator.policy.load import load_policy
    from remediator.simulate.folder import rules_in
    from remediator.simulate.promtool import run_files, unit_tests
    from remediator.simulate.scenarios.run import judged
    from remediator.simulate.scenarios.scenario import read_scenarios

    rules, liveness = rules_in(args.folder)
    policy = load_policy(rules, ACTIONS, liveness)
    wanted = args.filter.casefold()
    scenarios = [
        each
        for each in read_scenarios(rules, policy, ACTIONS)
        if wanted in f"{each.name} {each.playbook} {each.file}".casefold()
    ]
    files = [path for path in unit_tests(rules) if wanted in path.stem.casefold() and not args.no_promtool]
    return [*run_files(files), *(judged(each, policy, ACTIONS, liveness) for each in scenarios)]
