"""`fleetmend simulate`: stories and random campaigns in virtual time, under the real engine."""

import argparse
import sys
from pathlib import Path

from remediator.model.errors import BadInput


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("simulate", help="play stories or random campaigns of faults in virtual time")
    parser.add_argument("stories", type=Path, nargs="*", metavar="STORY", help="scenario.yaml, its folder, or more")
    parser.add_argument("--update", action="store_true", help="write each story's log to its events.expect")
    parser.add_argument("--quiet", action="store_true", help="tell only what differs or fails")
    parser.add_argument("--campaigns", type=_positive, metavar="N", help="so many random stories instead")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of the first campaign (default: 1)")
    parser.add_argument("--hosts", type=_hosts, default=200, metavar="N", help="in each campaign (default: 200)")
    parser.add_argument("--minutes", type=_minutes, default=10.0, metavar="M", help="virtual ones (default: 10)")
    parser.add_argument("--faults", type=_positive, metavar="N", help="in each campaign (default: 1 to 20)")
    parser.add_argument("--rules", type=Path, default=Path(), metavar="DIR", help="rules, or where fleetmend.yml is")
    parser.add_argument("--json", metavar="FILE", help="write every score for machines; - is standard output")
    parser.add_argument("--scoreboard", action="store_true", help="beside what others do, on the same seeds")
    parser.add_argument("--plot", metavar="FILE", help="with --scoreboard: write its plot (SVG)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 when all went well; 1 after a wrong kill, a broken bound or another log than the kept one; 2: bad input."""
    if bool(args.stories) == bool(args.campaigns) or (args.scoreboard and not args.campaigns):
        sys.stderr.write("error: give stories to play, or --campaigns N\n")
        return 2
    try:
        if args.scoreboard:
            from remediator.commands import scoreboard

            return scoreboard.run(args)
        # Imported late: the other commands start faster without the whole house.
        from remediator.commands import simulate_runs

        return simulate_runs.campaigns(args) if args.campaigns else simulate_runs.stories(args)
    except BadInput as error:
        sys.stderr.write("".join(f"error: {problem}\n" for problem in error.problems))
        return 2


def _positive(text: str) -> int:
    return _whole(text, 1_000_000)


def _hosts(text: str) -> int:
    return _whole(text, 10_000)


def _whole(text: str, most: int) -> int:
    if not text.isdecimal() or not 0 < int(text) <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {most}")
    return int(text)


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes <= 60 * 24 * 31:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of minutes up to a month")
    return minutes
