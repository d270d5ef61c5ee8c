"""`fleetmend scale count N`: as many living machines as are wanted; those on dead hosts do not count."""

import argparse
import sys
from pathlib import Path

from remediator.commands.client import CommandFailed, told_plainly
from remediator.commands.deploy import progress, read_config
from remediator.commands.scaling import Count, Launch, Scale, scaled
from remediator.commands.tables import say, say_json
from remediator.commands.tenant import App, Json, add_app, app_of, like


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("scale", help="have as many living machines of an app as are wanted")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    count = verbs.add_parser("count", help="launch what is missing, destroy what is too many")
    count.add_argument("wanted", type=_count, metavar="N")
    count.add_argument("--region", default="", help="count and launch in this region alone")
    count.add_argument("--process-group", default="app", help="of this group (default: %(default)s)")
    count.add_argument("--config", type=Path, metavar="FILE", help="for new machines, instead of a sibling's config")
    count.add_argument("--yes", "-y", action="store_true", help="destroy what is too many without asking")
    add_app(count)
    count.set_defaults(run=run)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 1000):
        raise argparse.ArgumentTypeError(f"{text!r}: must be a number from 0 to 1000")
    return int(text)


def _run(args: argparse.Namespace) -> int:
    config = read_config(args.config) if args.config else None
    count = Count(args.wanted, args.process_group, args.region, config)
    with app_of(args) as app:
        scale = scaled(app.machines(), app.volumes(), count)
        if isinstance(scale, str):
            raise CommandFailed(scale)
        _confirmed(scale, agreed=args.yes)
        launched = [launched_as(app, launch) for launch in scale.launches]
        for machine in scale.surplus:
            progress(f"destroying {machine['id']} ({machine['name']})")
            app.destroy(machine["id"], force=True)
    done = {
        "launched": [machine["id"] for machine in launched],
        "destroyed": [machine["id"] for machine in scale.surplus],
        "away": [machine["id"] for machine in scale.away],
    }
    say_json(done) if args.json else _tell(done, args.wanted)
    return 0


run = told_plainly(_run)


def _confirmed(scale: Scale, *, agreed: bool) -> None:
    """Destroying what lives is asked first.

    Raises:
        CommandFailed: nobody is there to be asked, or the answer is no.
    """
    if not scale.surplus or agreed:
        return
    names = ", ".join(f"{machine['id']} ({machine['name']})" for machine in scale.surplus)
    if not sys.stdin.isatty():
        raise CommandFailed(f"would destroy {names}: say --yes")
    progress(f"Destroy {names}? [y/N]")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise CommandFailed("nothing was changed")


def launched_as(app: App, launch: Launch) -> Json:
    """A machine of that config, on free volumes or on new ones like their models."""
    config = {**launch.config}
    pairs = zip(launch.volumes, launch.models, strict=True)
    made = [volume or _volume(app, model, launch.region) for volume, model in pairs]
    if made:
        mounts = zip(config["mounts"], made, strict=True)
        config["mounts"] = [{**mount, "volume": volume} for mount, volume in mounts]
    progress(f"launching a machine in {launch.region}")
    machine: Json = app.launch({"config": config, "region": launch.region})
    app.wait(machine["id"], "started")
    return machine


def _volume(app: App, model: Json, region: str) -> str:
    progress(f"making a volume {model['name']} in {region}")
    return str(app.create_volume(like(model, region))["id"])


def _tell(done: dict[str, list[str]], wanted: int) -> None:
    say(f"count is {wanted}: launched {len(done['launched'])}, destroyed {len(done['destroyed'])}")
    if done["away"]:
        say(f"not counted, as their hosts could not be reached: {', '.join(done['away'])}")
