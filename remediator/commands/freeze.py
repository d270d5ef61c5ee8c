"""`fleetmend freeze --why WHY`: the remediator decides nothing more; what was sent to agents is carried out."""

import argparse
from datetime import UTC, datetime, timedelta
from pathlib import Path

from remediator.clock import Clock, SystemClock
from remediator.commands.client import CommandFailed, add_connection, told_plainly
from remediator.commands.freezing import Recipient, signed, tell_all
from remediator.commands.saying import add_end
from remediator.commands.tables import say, say_json


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "stop automatic acting at the remediator alone; 'stop-all' stops the agents too"
    parser = subparsers.add_parser("freeze", help=text)
    parser.add_argument("--why", required=True, help="the reason that everybody is shown")
    parser.add_argument("--operator-key", type=Path, help="default: operator.key in the data directory")
    add_end(parser, "how long (default: until 'fleetmend thaw')")
    add_connection(parser)
    parser.set_defaults(run=run)


def _run(args: argparse.Namespace) -> int:
    if not args.why.strip():
        raise CommandFailed("--why: say why, for whoever reads it at night")
    clock = SystemClock()
    key_file, until = args.operator_key or args.data / "operator.key", _end(args, clock)
    statement = signed(key_file, clock, frozen=True, why=args.why, until=until)
    recipient = Recipient("remediator", f"{args.url.rstrip('/')}/v1/freeze")
    (heard,) = tell_all([recipient], statement, clock)
    if not heard.confirmed:
        needless = "" if heard.text.startswith("answers") else "; 'fleetmend stop-all' needs it not"
        raise CommandFailed(f"the remediator did not confirm: {heard.text}{needless}")
    if args.json:
        say_json({"frozen": True, "by": statement["who"], "why": args.why, "until": statement.get("until")})
        return 0
    ends = f"{until:%Y-%m-%d %H:%M:%S}Z, or 'fleetmend thaw'," if until else "'fleetmend thaw'"
    say(f"frozen by {statement['who']}: {args.why}; {ends} ends it")
    return 0


run = told_plainly(_run)


def _end(args: argparse.Namespace, clock: Clock) -> datetime | None:
    """The end that the flags name.

    Raises:
        CommandFailed: it is no moment with a zone, or it lies in the past.
    """
    if args.lasts:
        lasts: timedelta = args.lasts
        return clock.now() + lasts
    if not args.until:
        return None
    try:
        moment = datetime.fromisoformat(args.until)
        until = moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        until = None
    if until is None:
        raise CommandFailed(f"--until {args.until}: write a moment with its zone, such as 2026-08-10T14:00:00Z")
    if until <= clock.now():
        raise CommandFailed(f"--until {args.until} is in the past")
    return until
