"""`fleetmend`: the remediator itself, its files, and the commands that ask a running one."""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from remediator.commands import (
    check,
    decisions,
    explain,
    hosts,
    init,
    join_token,
    machines,
    replay,
    stop_all,
    test,
    thaw,
    volumes,
    whatif,
)
from remediator.journal.protocol import JournalUnusable
from remediator.model.errors import BadInput, FleetmendError
from remediator.policy.configuration import load_settings
from remediator.version import VERSION

CLIENTS = (
    hosts,
    machines,
    volumes,
    decisions,
    explain,
    join_token,
    stop_all,
    thaw,
    init,
    check,
    test,
    replay,
    whatif,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, run, and end with an exit code: 0 well, 1 not confirmed or warnings, 2 wrong input."""
    parser = argparse.ArgumentParser(prog="fleetmend", description="Keeps a fleet's work alive when its hosts die.")
    parser.add_argument("--version", action="version", version=f"fleetmend {VERSION}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_run(commands)
    for client in CLIENTS:
        client.add_parser(commands)
    args = parser.parse_args(replay.joined(sys.argv[1:] if argv is None else argv))
    try:
        code: int = args.run(args)
    except KeyboardInterrupt:
        return 130
    return code


def _add_run(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("run", help="run the remediator")
    parser.add_argument(
        "--config", type=Path, default=Path("fleetmend.yml"), help="settings (default: fleetmend.yml)"
    )
    parser.add_argument("--store", metavar="URL", help="the metrics store, instead of store_url")
    parser.add_argument("--listen", metavar="HOST:PORT", help="instead of listen")
    help_text = "when people are told of an alert: at once, or once its playbook has succeeded, failed or is held"
    parser.add_argument("--notify", choices=("at_once", "after_playbook"), help=help_text)
    parser.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    level = os.environ.get("FLEETMEND_LOG_LEVEL", "INFO").upper()
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    try:
        settings = load_settings(args.config, os.environ)
        given = {"store_url": args.store, "listen": args.listen, "notify": args.notify}
        settings = replace(settings, **{key: value for key, value in given.items() if value})
        # Imported late: the client commands start faster without the whole house.
        from remediator.app import serve

        asyncio.run(serve(settings))
    except (BadInput, JournalUnusable) as error:
        return _refuse(error)
    except OSError as error:
        return _refuse(FleetmendError(f"{error.filename or settings.data}: {error.strerror}"))
    return 0


def _refuse(error: FleetmendError) -> int:
    print(f"fleetmend: {error}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
