"""`fleetmend`: the remediator itself, its files, and the commands that ask a running one."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from remediator.commands.replay import joined
from remediator.model.errors import BadInput, FleetmendError
from remediator.version import VERSION

# By module of remediator.commands, in the order of the help: the names that it adds; none stand for its own.
COMMANDS: dict[str, tuple[str, ...]] = {
    "hosts": (),
    "machines": (),
    "machine": (),
    "deploy": (),
    "scale": (),
    "reconcile": (),
    "volumes": (),
    "decisions": (),
    "explain": (),
    "questions": (),
    "approve": ("approve", "deny"),
    "hold": ("hold", "unhold"),
    "holds": (),
    "incidents": (),
    "release": (),
    "undo": (),
    "undestroy": (),
    "unquarantine": (),
    "trust": (),
    "keys": (),
    "take_over": ("take-over",),
    "token": (),
    "audit": (),
    "maintenance": (),
    "retire": (),
    "host": (),
    "said": (),
    "apps": (),
    "freeze": (),
    "join_token": ("join-token",),
    "stop_all": ("stop-all",),
    "thaw": (),
    "init": (),
    "check": (),
    "test": (),
    "replay": (),
    "simulate": (),
    "verify_journal": ("verify-journal",),
    "whatif": (),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, run, and end with an exit code: 0 well, 1 not confirmed or warnings, 2 wrong input."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        args = build_parser(words).parse_args(joined(words))
        code: int = args.run(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever reads has seen enough, as head does; the interpreter must not complain at its end either.
        _hush()
        return 0
    except OSError as error:
        # The disk that is written to is full, say.
        _hush()
        return _refuse(FleetmendError(f"{error.filename or 'standard output'}: {error.strerror or error}"))
    return code


def _hush() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def build_parser(words: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The parser of the command that ``words`` begin with, or of every command."""
    parser = argparse.ArgumentParser(prog="fleetmend", description="Keeps a fleet's work alive when its hosts die.")
    parser.add_argument("--version", action="version", version=f"fleetmend {VERSION}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_run(commands)
    _add_completion(commands)
    for module in _asked_for(words):
        importlib.import_module(f"remediator.commands.{module}").add_parser(commands)
    return parser


def _asked_for(words: Sequence[str]) -> list[str]:
    """The module of the command alone, so that it starts fast; all of them where no command is known."""
    first = words[0] if words else ""
    found = [module for module, names in COMMANDS.items() if first in (names or (module,))]
    return [] if first in ("run", "completion") else found or list(COMMANDS)


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


def _add_completion(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("completion", help="print what makes a shell complete these commands")
    parser.add_argument("shell", choices=("bash", "zsh", "fish"))
    parser.set_defaults(run=_completion)


def _completion(args: argparse.Namespace) -> int:
    import shtab

    print(shtab.complete(build_parser(), args.shell))
    return 0


def _run(args: argparse.Namespace) -> int:
    # Imported late: the client commands start faster without the whole house.
    import asyncio
    import logging

    from remediator.journal.protocol import JournalUnusable
    from remediator.policy.configuration import load_settings
    from remediator.serving import serve

    level = logging.getLevelNamesMapping().get(os.environ.get("FLEETMEND_LOG_LEVEL", "").upper(), logging.INFO)
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    try:
        settings = load_settings(args.config, os.environ)
        given = {"store_url": args.store, "listen": args.listen, "notify": args.notify}
        settings = replace(settings, **{key: value for key, value in given.items() if value})
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
