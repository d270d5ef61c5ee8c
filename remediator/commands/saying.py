"""Saying a word to the remediator: who says it, why, and until when."""

import argparse
from datetime import timedelta
from typing import Any

from remediator.actions.fields import parse_duration
from remediator.commands.client import Remediator, add_connection, add_token, operator_name, operator_token
from remediator.commands.tables import say, say_json


def add_said(parser: argparse.ArgumentParser, *, why: bool, end: str = "") -> None:
    """The flags of every word.

    Args:
        parser: the command's own.
        why: whether a reason must be given.
        end: the help of ``--for`` and ``--until``; empty for words without an end.
    """
    parser.add_argument("--why", default="", required=why, help="the reason, for whoever reads it at night")
    if end:
        add_end(parser, end)
    add_connection(parser)
    add_token(parser)


def add_end(parser: argparse.ArgumentParser, text: str) -> None:
    """``--for`` a span or ``--until`` a moment."""
    ends = parser.add_mutually_exclusive_group()
    ends.add_argument("--for", dest="lasts", metavar="SPAN", type=duration, help=f"{text}; such as 30m or 2h")
    ends.add_argument("--until", metavar="MOMENT", help="the same as a moment, such as 2026-08-10T14:00:00Z")


def tell(args: argparse.Namespace, word: str, body: dict[str, Any]) -> int:
    """Say it, and print what became of it; what changed nothing says so."""
    with Remediator(args.url, operator_token(args)) as remediator:
        heard = remediator.post(f"/v1/people/{word}", {**body, **_speaker(args)})
    if args.json:
        say_json(heard)
    else:
        say(heard["text"] + ("" if heard["changed"] else " (nothing changed)"))
    return 0


def _speaker(args: argparse.Namespace) -> dict[str, Any]:
    said: dict[str, Any] = {"by": operator_name(), "why": args.why}
    if getattr(args, "until", None):
        said["until"] = args.until
    if getattr(args, "lasts", None):
        said["for_seconds"] = args.lasts.total_seconds()
    return said


def duration(text: str) -> timedelta:
    """A span of a flag, longer than nothing."""
    try:
        span = parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if span <= timedelta():
        raise argparse.ArgumentTypeError(f"{text!r} is no time at all")
    return span
