"""`fleetmend scale count N`: as many living machines as are wanted; those on dead hosts do not count."""

import argparse
import sys
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

from remediator.commands.client import Answered, CommandFailed, told_plainly
from remediator.commands.configs import placed, read_config
from remediator.commands.doing import accounted, progress
from remediator.commands.scaling import Count, Launch, Scale, scaled
from remediator.commands.settling import settled
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
        scale = scaled(settled(app), app.volumes(), count)
        if isinstance(scale, str):
            raise CommandFailed(scale)
        _confirmed(scale, agreed=args.yes)
        done = Done(away=[machine["id"] for machine in scale.away])
        return accounted(
            partial(_carried_out, app, scale, done, args.config), lambda: done.any, partial(_tell, done, args)
        )


run = told_plainly(_run)


@dataclass(slots=True)
class Done:
    """What was done so far, by id."""

    launched: list[str] = field(default_factory=list)
    volumes: list[str] = field(default_factory=list)
    destroyed: list[str] = field(default_factory=list)
    away: list[str] = field(default_factory=list)

    @property
    def any(self) -> bool:
        return bool(self.launched or self.volumes or self.destroyed)


def _carried_out(app: App, scale: Scale, done: Done, file: Path | None) -> None:
    try:
        for number, launch in enumerate(scale.launches, 1):
            progress(f"[{number}/{len(scale.launches)}] launching a machine in {launch.region}")
            launched_as(app, launch, done)
        for machine in scale.surplus:
            progress(f"destroying {machine['id']} ({machine['name']})")
            app.destroy(machine["id"], force=True)
            done.destroyed.append(machine["id"])
    except Answered as error:
        raise CommandFailed(placed(str(error), file)) from None


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
    say(f"Destroy {names}? [y/N]", sys.stderr)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise CommandFailed("nothing was changed")


def launched_as(app: App, launch: Launch, done: Done) -> Json:
    """A machine of that config, on free volumes or on new ones like their models."""
    config = {**launch.config}
    pairs = zip(launch.volumes, launch.models, strict=True)
    made = [volume or _volume(app, model, launch.region, done) for volume, model in pairs]
    if made:
        mounts = zip(config["mounts"], made, strict=True)
        config["mounts"] = [{**mount, "volume": volume} for mount, volume in mounts]
    machine: Json = app.launch({"config": config, "region": launch.region})
    done.launched.append(machine["id"])
    app.wait(machine["id"], "started")
    return machine


def _volume(app: App, model: Json, region: str, done: Done) -> str:
    progress(f"making a volume {model['name']} in {region}")
    made = str(app.create_volume(like(model, region))["id"])
    done.volumes.append(made)
    return made


def _tell(done: Done, args: argparse.Namespace, why: str) -> None:
    if args.json:
        say_json(asdict(done))
        return
    if not why:
        say(f"count is {args.wanted}: launched {len(done.launched)}, destroyed {len(done.destroyed)}")
    for word in ("launched", "volumes", "destroyed"):
        if found := getattr(done, word):
            say(f"{'made volumes' if word == 'volumes' else word}: {', '.join(found)}")
    if done.away:
        say(f"not counted, as their hosts could not be reached: {', '.join(done.away)}")
