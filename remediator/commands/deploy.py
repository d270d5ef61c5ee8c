"""`fleetmend deploy`: machines of an app get their new config; those on dead hosts are replaced by healthy ones."""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import yaml

from remediator.commands.client import Answered, CommandFailed, told_plainly
from remediator.commands.rollout import Drop, Keep, Replace, Step, Update, Wanted, planned
from remediator.commands.tables import say, say_json
from remediator.commands.tenant import App, Json, add_app, app_of, group_of

# A destroy on a host that was lost a moment ago is refused until its loss is certain; a minute at most.
PATIENCE_SECONDS = 120.0
ADVICE = """Nothing was changed.
Where the data may be lost:  fleetmend machine destroy --force ID, then fleetmend scale count N
where a snapshot will do:    fleetmend volumes snapshots list VOLUME
                             fleetmend volumes create NAME --region REGION --snapshot-id SNAPSHOT, then deploy"""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    text = "give every machine of an app its new config; machines on dead hosts are replaced"
    parser = subparsers.add_parser("deploy", help=text)
    parser.add_argument("--config", type=Path, metavar="FILE", help="the whole machine config, in YAML or JSON")
    parser.add_argument("--image", default="", help="change the image alone")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", type=_pair, help="set a variable")
    parser.add_argument("--process-group", default="", help="only machines of this group")
    parser.add_argument("--dry-run", action="store_true", help="print what would be done, and do nothing")
    add_app(parser)
    parser.set_defaults(run=run)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r}: write NAME=VALUE")
    return name, value


def _run(args: argparse.Namespace) -> int:
    wanted = Wanted(read_config(args.config) if args.config else None, args.image, dict(args.env))
    if not (args.config or args.image or args.env):
        raise CommandFailed("say what to deploy: --config FILE, --image IMAGE, or --env NAME=VALUE")
    with app_of(args) as app:
        mine = [each for each in app.machines() if args.process_group in ("", group_of(each))]
        if not mine:
            raise CommandFailed(f"app {app.name} has no machines to deploy to: fleetmend scale count N --config FILE")
        steps, problems = planned(mine, app.volumes(), wanted)
        if problems:
            raise CommandFailed("\n".join([*problems, ADVICE]))
        done = [_told(step) if args.dry_run else _taken(app, step) for step in steps]
    say_json(done) if args.json else say(f"{len(done)} machines of {args.app}: {_summary(done)}")
    return 0


run = told_plainly(_run)


def read_config(path: Path) -> Json:
    """A machine config from a file.

    Raises:
        CommandFailed: it cannot be read, or is no mapping; with its line and column where there is one.
    """
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise CommandFailed(f"{path}: {why}") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise CommandFailed(f"{place}: {error.problem}") from None
    except yaml.YAMLError as error:
        raise CommandFailed(f"{path}: {error}") from None
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise CommandFailed(f"{path}:1:1: must be a machine config, a mapping of fields")
    return dict(json.loads(json.dumps(found, default=str)))


def _told(step: Step) -> Json:
    match step:
        case Update(machine, _):
            return _line(machine, "would be updated")
        case Replace(machine, _):
            return _line(machine, "would be replaced")
        case Drop(machine, twin):
            return _line(machine, f"would be destroyed: {twin} serves in its place")
        case Keep(machine):
            return _line(machine, "as wanted")


def _taken(app: App, step: Step) -> Json:
    """The step done, with a line as it begins."""
    match step:
        case Update(machine, config):
            return _updated(app, machine, config)
        case Replace(machine, config):
            return _replaced(app, machine, config)
        case Drop(machine, twin):
            destroyed(app, machine["id"])
            return _line(machine, f"destroyed: {twin} serves in its place")
        case Keep(machine):
            return _line(machine, "as wanted")


def _updated(app: App, machine: Json, config: Json) -> Json:
    progress(f"updating {machine['id']} ({machine['name']})")
    with app.leased(machine["id"]) as nonce:
        app.update(machine["id"], {"config": config, "region": machine["region"]}, nonce)
        if machine["state"] == "started":
            app.wait(machine["id"], "started")
    return _line(machine, "updated")


def _replaced(app: App, machine: Json, config: Json) -> Json:
    progress(f"replacing {machine['id']} ({machine['name']}): its host cannot be reached")
    destroyed(app, machine["id"])
    fresh = app.launch({"config": config, "region": machine["region"]})
    app.wait(fresh["id"], "started")
    return {**_line(machine, f"replaced by {fresh['id']}"), "by": fresh["id"]}


def destroyed(app: App, identifier: str) -> None:
    """Destroyed by force; a host that was lost a moment ago is waited for, as the answer says."""
    left = PATIENCE_SECONDS
    while True:
        try:
            app.destroy(identifier, force=True)
        except Answered as error:
            if error.status == 404:
                return
            left -= error.retry_after or PATIENCE_SECONDS + 1
            if error.retry_after is None or left < 0:
                raise
            progress(f"{error}; again in {error.retry_after:g} s")
            time.sleep(error.retry_after)
        else:
            return


def progress(text: str) -> None:
    """One line for whoever waits; never among the results."""
    say(text, sys.stderr)


def _line(machine: Json, outcome: str) -> dict[str, Any]:
    return {"id": machine["id"], "name": machine["name"], "outcome": outcome}


def _summary(done: list[Json]) -> str:
    return "; ".join(f"{each['id']} {each['outcome']}" for each in done)
