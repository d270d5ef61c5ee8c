"""`fleetmend explain ID`: why this, why not that, and what would change it."""

import argparse
from typing import Any
from urllib.parse import quote

from remediator.commands.client import add_connection, asked, told_plainly
from remediator.commands.tables import say, say_json

PARTS = (("now", "What is so"), ("decided", "What was decided"), ("held", "What is held, and why"))
MARKS = {"passed": "+", "holds": "!", "held": "!", "asks": "!", "done": "+", "acts": ">", "would act": ">"}


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("explain", help="explain a decision, a host or a machine")
    parser.add_argument("id", help="a decision's id, a host's name or a machine's id")
    add_connection(parser)
    parser.set_defaults(run=run)


def _run(args: argparse.Namespace) -> int:
    told = asked(args, f"/v1/explain/{quote(args.id, safe='')}")
    if args.json:
        say_json(told)
    else:
        _say_explanation(told)
    return 0


run = told_plainly(_run)


def _say_explanation(told: dict[str, Any]) -> None:
    say(f"{told['kind']} {told['subject']}")
    for name, title in (*PARTS, ("would_change", "What would change it")):
        if told[name]:
            say(f"\n{title}:")
        for sentence in told[name]:
            say(f"  - {sentence}")
    if told.get("whatif"):
        say(f"\nIf it died now:\n  - {told['whatif']}")
    for account in told.get("accounts", ()):
        _say_account(account)


def _say_account(told: dict[str, Any]) -> None:
    """One playbook on one target: who asks, every guard, every step, and the nearest blocker."""
    say(f"\nPlaybook {told['playbook']} ({told['mode']}) on {told['target']}:")
    for sentence in told["asked_by"]:
        say(f"  - {sentence}")
    say("  guards")
    for word in told["guards"]:
        say(_line(word["guard"], word))
    say("  steps")
    for rung in told["steps"]:
        say(_line(rung["action"], rung))
    if told["nearest"]:
        say(f"  nearest blocker: {told['nearest']}: {told['nearest_text']}")
        say(f"  would change it: {told['would_change']}")


def _line(name: str, told: dict[str, Any]) -> str:
    reason = f"{told['reason']}: " if told["reason"] and told["reason"] != "Acting" else ""
    return f"    {MARKS.get(told['state'], ' ')} {name:<21} {told['state']:<11} {reason}{told['text']}".rstrip()
