"""`fleetmend replay --from --to [--against REV]`: what these rules would have done, through the guards."""

import argparse
import re
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from remediator.clock import SystemClock
from remediator.model.errors import BadInput, FleetmendError, Problem

if TYPE_CHECKING:
    from remediator.simulate.replay.past import Stretch

_AGO = re.compile(r"-(\d+(?:\.\d+)?)(s|m|h|d|w)")
_LENGTH = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("replay", help="what these rules and playbooks would have done in the past")
    when = "RFC 3339, now, or back from now: -14d"
    parser.add_argument("--from", dest="start", required=True, metavar="TIME", help=when)
    parser.add_argument("--to", dest="end", default="now", metavar="TIME", help="the same (default: now)")
    parser.add_argument("--against", metavar="REV", help="compare with the rules of this git revision")
    parser.add_argument(
        "--step", type=_length, default=timedelta(), metavar="LENGTH", help="evaluate no closer than this: 15s"
    )
    parser.add_argument(
        "--config", type=Path, default=Path("fleetmend.yml"), help="settings (default: fleetmend.yml)"
    )
    parser.add_argument("--rules", type=Path, metavar="DIR", help="instead of the settings' rules")
    parser.add_argument("--store", metavar="URL", help="the metrics store, instead of store_url")
    journal = parser.add_mutually_exclusive_group()
    journal.add_argument("--data", type=Path, metavar="DIR", help="the folder of the journal, instead of data")
    journal.add_argument("--no-journal", action="store_true", help="take fleet and evidence from the store alone")
    parser.add_argument("--json", metavar="FILE", help="write what was found for machines; - is standard output")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write one page that needs nothing else")
    parser.set_defaults(run=run)


def joined(argv: Sequence[str]) -> list[str]:
    """``--from -14d`` as ``--from=-14d``: argparse would take the moment for a flag."""
    found: list[str] = []
    for word in argv:
        if found and found[-1] in ("--from", "--to") and _AGO.fullmatch(word):
            found[-1] += f"={word}"
        else:
            found.append(word)
    return found


def run(args: argparse.Namespace) -> int:
    """0 when all agrees, 1 when it does not (--against, or less than 99 % reproduced), 2 for wrong input."""
    try:
        stretch = _stretch(args)
        # Imported late: the other commands start faster without the whole house.
        from remediator.commands.replay_run import replayed

        return replayed(args, stretch)
    except FleetmendError as error:
        sys.stderr.write("".join(f"fleetmend: {line}\n" for line in str(error).splitlines()))
        return 2
    except OSError as error:
        sys.stderr.write(f"fleetmend: {error.filename or 'replay'}: {error.strerror}\n")
        return 2


def _stretch(args: argparse.Namespace) -> "Stretch":
    from remediator.simulate.replay.past import Stretch

    now = SystemClock().now()
    start, end = moment(args.start, now, "--from"), moment(args.end, now, "--to")
    if start >= end:
        raise _wrong("--from must be before --to")
    return Stretch(start, min(end, now))


def moment(text: str, now: datetime, flag: str) -> datetime:
    """A moment as people write it.

    Raises:
        BadInput: it is none.
    """
    ago = _AGO.fullmatch(text)
    if text == "now":
        return now
    try:
        found = now - timedelta(seconds=float(ago[1]) * _UNITS[ago[2]]) if ago else datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise _wrong(f"{flag}: {text!r} is no moment: RFC 3339, now, or -14d") from None
    if found.tzinfo is None:
        raise _wrong(f"{flag}: {text!r} has no time zone: end it with Z for UTC")
    return found


def _length(text: str) -> timedelta:
    found = _LENGTH.fullmatch(text)
    if not found or not float(found[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is no length of time: 15s, 1m")
    return timedelta(seconds=float(found[1]) * _UNITS[found[2]])


def _wrong(text: str) -> BadInput:
    return BadInput([Problem("", 0, 0, text)])
