"""`fleetmend check`: everything that is wrong with rules, playbooks and settings, told at once."""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from remediator.model.errors import BadInput, Problem

if TYPE_CHECKING:
    from remediator.commands.check_formats import Texts
    from remediator.policy.check import Checked

FORMATS = ("human", "json", "sarif", "github")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser(
        "check",
        help="check rules, playbooks and settings; every error at once",
        epilog="Exit code: 0 all is well, 1 there are warnings, 2 there are errors.",
    )
    parser.add_argument(
        "paths", type=Path, nargs="*", default=[Path()], metavar="PATH",
        help="a rules folder, a folder with fleetmend.yml, or single files of one (default: this folder)",
    )  # fmt: skip
    parser.add_argument("--rules", type=Path, metavar="DIR", help="the rules folder, instead of the settings' one")
    parser.add_argument("--format", choices=FORMATS, default="human", help="how to write what was found")
    parser.add_argument("--docs", default="", metavar="URL", help="where docs/ is published, for links in SARIF")
    parser.add_argument("--online", action="store_true", help="also ask the metrics store what the rules would meet")
    parser.add_argument("--store", metavar="URL", help="the metrics store, instead of store_url; implies --online")
    parser.add_argument("--list-checks", action="store_true", help="name every check and end")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 when nothing is wrong, 1 with warnings only, 2 with errors."""
    if args.list_checks:
        return _list_checks(as_json=args.format == "json")
    # Late, as in every command: the others start faster without the whole house.
    from remediator.commands.check_formats import Texts
    from remediator.policy.check import exit_code

    texts: dict[str, str] = {}
    try:
        problems = _problems(args, texts)
    except BadInput as error:
        problems = sorted(error.problems)
    sys.stdout.write(_written(args, problems, Texts(texts)))
    return exit_code(problems)


def _problems(args: argparse.Namespace, texts: dict[str, str]) -> list[Problem]:
    from remediator.actions import ACTIONS
    from remediator.commands.check_paths import about, find_asked
    from remediator.policy.check import examine

    found: set[Problem] = set()
    for asked in find_asked(args.paths):
        checked = examine(asked.folder, ACTIONS, args.rules)
        texts |= checked.texts
        if args.online or args.store:
            checked = _online(args, checked)
        found |= set(about(checked, asked.files) if asked.files else checked.problems)
    return sorted(found)


def _online(args: argparse.Namespace, checked: "Checked") -> "Checked":
    from remediator.commands.check_online import with_online

    return with_online(checked, args.store, tell=args.format == "human")


def _written(args: argparse.Namespace, problems: Sequence[Problem], texts: "Texts") -> str:
    from remediator.commands.check_formats import Paint, as_github, as_human, as_json
    from remediator.commands.check_sarif import as_sarif

    if args.format == "human":
        return as_human(problems, texts, Paint(_coloured()))
    if args.format == "sarif":
        return as_sarif(problems, texts, args.docs)
    return as_json(problems) if args.format == "json" else as_github(problems)


def _coloured() -> bool:
    """On a terminal that shows colours, unless the user wants none (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _list_checks(*, as_json: bool) -> int:
    from remediator.commands.check_formats import page
    from remediator.commands.tables import Listing, say_json, show
    from remediator.policy.lint.catalogue import CHECKS

    if as_json:
        say_json([{**asdict(one), "page": page(name)} for name, one in CHECKS.items()])
    else:
        rows = [(name, one.severity, one.finds) for name, one in CHECKS.items()]
        show(Listing(("CHECK", "SEVERITY", "FINDS"), rows))
    return 0
