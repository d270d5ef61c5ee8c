"""`fleetmend whatif`: each host as if it died now; and for which hosts an edit of the rules changes that."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from remediator.commands.client import CommandFailed, Remediator, add_connection, asked, told_plainly
from remediator.commands.tables import Listing, moment, say, say_json, show
from remediator.model.errors import BadInput

if TYPE_CHECKING:
    from remediator.model.fleet import Fleet
    from remediator.simulate.outlook import Change

HEADINGS = ("HOST", "REGION", "RACK", "OUTCOME", "AFTER", "BY", "WHY")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("whatif", help="tell of each host what would be done if it died now")
    parser.add_argument("folder", type=Path, nargs="?", default=Path(), help="rules, or a folder with fleetmend.yml")
    parser.add_argument(
        "--against", metavar="REV", help="compare the rules in the folder with those of a git revision"
    )
    parser.add_argument("--offline", action="store_true", help="with the hosts of hosts.yml, asking no remediator")
    parser.add_argument("--fail-on-change", action="store_true", help="exit code 1 if an outcome changes")
    parser.add_argument("--held", action="store_true", help="list only hosts that would not be acted on")
    add_connection(parser)
    parser.set_defaults(run=run)


def _run(args: argparse.Namespace) -> int:
    try:
        if args.against:
            return _compared(args)
        return _listed(args, _offline(args) if args.offline else asked(args, "/v1/whatif"))
    except BadInput as error:
        for problem in error.problems:
            say(f"error: {problem}")
        return 2


run = told_plainly(_run)


def _listed(args: argparse.Namespace, told: dict[str, Any]) -> int:
    hosts = [host for host in told["hosts"] if not (args.held and host["can_act"])]
    if args.json:
        say_json({**told, "hosts": hosts})
        return 0
    held = ", ".join(f"{count} held by {reason}" for reason, count in told["held"].items())
    total = told["can_act"] + sum(told["held"].values())
    footer = f"{told['can_act']} of {total} would be acted on" + (f"; {held}" if held else "")
    footer += f" (looked at {moment(told['at'])})" if told["at"] else ""
    show(Listing(HEADINGS, [_row(host) for host in hosts], footer, none="no hosts, or not looked at yet"))
    return 0


def _row(host: dict[str, Any]) -> tuple[str, ...]:
    place = (host["host"], host["region"], host["rack"])
    if host["can_act"]:
        return (*place, "act", f"{host['seconds']:g}s", host["action"], host["text"])
    outcome = "lost" if host["blocker"] == "Lost" else "never" if host["lasting"] else "hold"
    after = f"{host['seconds']:g}s" if host["seconds"] else ""
    return (*place, outcome, after, host["blocker"], host["text"])


def _offline(args: argparse.Namespace) -> dict[str, Any]:
    from remediator.actions import ACTIONS
    from remediator.api.explaining.whatif import whatif_doc
    from remediator.clock import SystemClock
    from remediator.engine.whatif import Outlook
    from remediator.policy.load import load_policy
    from remediator.simulate.folder import rules_in
    from remediator.simulate.outlook import fates

    rules, liveness = rules_in(args.folder)
    policy, now = load_policy(rules, ACTIONS, liveness), SystemClock().now()
    found = fates(policy, ACTIONS, liveness, _fleet(args), now)
    return whatif_doc(Outlook(None, policy.digest, 0.0, tuple(found)))


def _fleet(args: argparse.Namespace) -> "Fleet":
    """The fleet of a running remediator, or, offline, what hosts.yml expects."""
    from remediator.clock import SystemClock
    from remediator.simulate.folder import inventory_in
    from remediator.simulate.outlook import fleet_of_inventory, fleet_of_state

    now = SystemClock().now()
    if args.offline:
        return fleet_of_inventory(inventory_in(args.folder), now)
    with Remediator(args.url) as remediator:
        state, status = remediator.get("/internal/state"), remediator.get("/v1/status")
        return fleet_of_state(state, status, remediator.get("/sd/probe"), now)


def _compared(args: argparse.Namespace) -> int:
    from remediator.actions import ACTIONS
    from remediator.clock import SystemClock
    from remediator.policy.load import load_policy
    from remediator.simulate.folder import rules_in
    from remediator.simulate.outlook import changes, fates
    from remediator.simulate.revision import folder_at

    rules, liveness = rules_in(args.folder)
    now, fleet = SystemClock().now(), _fleet(args)
    after = fates(load_policy(rules, ACTIONS, liveness), ACTIONS, liveness, fleet, now)
    with folder_at(rules, args.against) as older:
        try:
            policy = load_policy(older, ACTIONS, liveness)
        except BadInput as error:
            told = str(error.problems[0]).replace(f"{older}/", "")
            many = len(error.problems)
            raise CommandFailed(f"the rules at {args.against} are not valid ({many} errors), first {told}") from None
    before = fates(policy, ACTIONS, liveness, fleet, now)
    found = changes(before, after)
    _say_changes(args, found, len(after))
    return int(args.fail_on_change and bool(found))


def _say_changes(args: argparse.Namespace, found: "list[Change]", total: int) -> None:
    if args.json:
        from remediator.api.explaining.whatif import fate_doc

        rows = [{"host": x.host, "before": fate_doc(x.before), "after": fate_doc(x.after)} for x in found]
        say_json({"hosts": total, "changed": rows})
        return
    from remediator.api.explaining.account import fate_line

    lines = [(each.host, fate_line(each.before), fate_line(each.after)) for each in found]
    footer = f"the outcome changes for {len(found)} of {total} hosts"
    show(Listing(("HOST", f"AT {args.against}", "NOW"), lines, footer, none="no outcome changes"))
