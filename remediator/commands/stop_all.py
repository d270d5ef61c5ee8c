"""`fleetmend stop-all`: all automatic acting stops within a second, with or without the remediator."""

import argparse
from pathlib import Path

from remediator.clock import Clock, SystemClock
from remediator.commands.client import CommandFailed, add_connection, told_plainly
from remediator.commands.freezing import (
    Confirmation,
    Recipient,
    read_agents,
    remove_freeze_file,
    signed,
    tell_all,
    write_freeze_file,
)
from remediator.commands.tables import say, say_json


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("stop-all", help="stop all automatic acting, at once and everywhere")
    parser.add_argument("--why", default="stop-all", help="the reason that everybody is shown")
    add_freeze_flags(parser)
    parser.set_defaults(run=run)


def add_freeze_flags(parser: argparse.ArgumentParser) -> None:
    add_connection(parser)
    parser.add_argument("--operator-key", type=Path, help="default: operator.key in the data directory")
    parser.add_argument(
        "--agents", type=Path, help="whom to tell directly (default: agents.json in the data directory)"
    )
    parser.add_argument("--file", type=Path, metavar="DIR", help="an agent's data directory on this host")


def _run(args: argparse.Namespace) -> int:
    # Whoever stops everything is not asked for words first.
    return tell(args, SystemClock(), frozen=True, why=args.why.strip() or "stop-all")


run = told_plainly(_run)


def tell(args: argparse.Namespace, clock: Clock, *, frozen: bool, why: str) -> int:
    """Tells everybody; 0 when all confirmed, else 1."""
    began = clock.monotonic()
    # The file first: it needs no key, no network and nobody else.
    if args.file:
        _touch_file(args.file, why, frozen=frozen)
    key_file = args.operator_key or args.data / "operator.key"
    if args.file and not key_file.exists():
        say(f"{_word(frozen)}: the file in {args.file} alone; there is no operator key at {key_file}")
        return 0
    statement = signed(key_file, clock, frozen=frozen, why=why)
    remediator = Recipient("remediator", f"{args.url.rstrip('/')}/v1/freeze")
    agents, unread = _everybody(args)
    heard = [*tell_all([remediator, *agents], statement, clock), *unread]
    _report(args, heard, clock.monotonic() - began, frozen=frozen)
    return 0 if all(each.confirmed for each in heard) else 1


def _everybody(args: argparse.Namespace) -> tuple[list[Recipient], list[Confirmation]]:
    """Agents of every shard that was ever led from here, each told once."""
    places = [args.agents] if args.agents else [args.data / "agents.json", *args.data.glob("shards/*/agents.json")]
    read = [_agents(place) for place in places]
    known = {agent.url: agent for agents, _ in read for agent in agents}
    return list(known.values()), [each for _, unread in read for each in unread]


def _agents(path: Path) -> tuple[list[Recipient], list[Confirmation]]:
    """Whom to tell; a list that cannot be read keeps nobody else from hearing, and counts as not confirmed."""
    try:
        return read_agents(path), []
    except CommandFailed as error:
        return [], [Confirmation("agents", confirmed=False, text=str(error), seconds=0.0)]


def _touch_file(folder: Path, why: str, *, frozen: bool) -> None:
    if frozen:
        write_freeze_file(folder, why)
    else:
        remove_freeze_file(folder)


def _report(args: argparse.Namespace, heard: list[Confirmation], seconds: float, *, frozen: bool) -> None:
    yes = [each for each in heard if each.confirmed]
    if args.json:
        rows = [
            {"name": h.name, "confirmed": h.confirmed, "text": h.text, "seconds": round(h.seconds, 3)} for h in heard
        ]
        say_json({"frozen": frozen, "all": len(yes) == len(heard), "seconds": round(seconds, 3), "recipients": rows})
        return
    for each in heard:
        told = "confirmed" if each.confirmed else f"NOT confirmed: {each.text}"
        say(f"{each.name}: {told} ({each.seconds:.2f} s)")
    say(f"{_word(frozen)}: {len(yes)} of {len(heard)} confirmed in {seconds:.2f} s")


def _word(frozen: bool) -> str:  # noqa: FBT001 - one word of two
    return "stopped" if frozen else "thawed"
