"""`fleetmend machine …`: one machine through the Machines API; what is on a dead host can be destroyed alone."""

import argparse
from collections.abc import Callable
from functools import partial

from remediator.commands.client import Answered, CommandFailed, told_plainly
from remediator.commands.deploying import destroyed
from remediator.commands.doing import accounted, progress
from remediator.commands.scale import Done, launched_as
from remediator.commands.scaling import Launch
from remediator.commands.tables import say, say_json
from remediator.commands.tenant import (
    GONE,
    App,
    Json,
    add_app,
    app_of,
    config_of,
    copied,
    group_of,
    like,
    living,
    mounts_of,
)

VERBS = {
    "start": "start it, where its host is",
    "stop": "stop it by its signal and timeout",
    "restart": "stop and start it",
    "suspend": "freeze it where it is; start goes on",
    "cordon": "show it to no traffic",
    "uncordon": "show it to traffic again",
}
Command = Callable[[App, argparse.Namespace], int]
UNMET = 412
AWAY = "the machine is on an unreachable host, try again later"


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("machine", help="clone, destroy, start or stop a machine of an app")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    clone = verbs.add_parser("clone", help="launch another one like it; a dead one cannot be cloned, a sibling can")
    clone.add_argument("machine", metavar="ID")
    clone.add_argument("--region", default="", help="elsewhere than where it is")
    text = "fill the new volume from this snapshot of the old one; last is the newest"
    clone.add_argument("--from-snapshot", default="", metavar="SNAPSHOT", help=text)
    _ends_in(clone, _clone)
    destroy = verbs.add_parser("destroy", help="destroy it; on a dead host it is carried out when that comes back")
    destroy.add_argument("machine", metavar="ID")
    destroy.add_argument("--force", action="store_true", help="also while it runs, or its host cannot be reached")
    _ends_in(destroy, _destroy)
    for verb, told in VERBS.items():
        one = verbs.add_parser(verb, help=told)
        one.add_argument("machine", metavar="ID")
        _ends_in(one, _act)


def _ends_in(parser: argparse.ArgumentParser, command: Command) -> None:
    def run(args: argparse.Namespace) -> int:
        with app_of(args) as app:
            return command(app, args)

    add_app(parser)
    parser.set_defaults(run=told_plainly(run))


def _told(args: argparse.Namespace, done: Json) -> int:
    say_json(done) if args.json else say(str(done["text"]))
    return 0


def _destroy(app: App, args: argparse.Namespace) -> int:
    if args.force:
        destroyed(app, args.machine)
    else:
        _asked_politely(app, args.machine)
    return _told(args, {"id": args.machine, "text": f"{args.machine} is destroyed, or will be once its host is back"})


def _asked_politely(app: App, machine: str) -> None:
    try:
        app.destroy(machine, force=False)
    except Answered as error:
        if error.status != UNMET or error.retry_after is not None:
            raise
        raise CommandFailed(f"{error} (--force destroys it all the same)") from None


def _act(app: App, args: argparse.Namespace) -> int:
    progress(f"{args.verb} {args.machine}")
    app.act(args.machine, args.verb)
    return _told(args, {"id": args.machine, "text": f"{args.machine}: {args.verb}"})


def _clone(app: App, args: argparse.Namespace) -> int:
    machines = app.all_machines()
    one = next((each for each in machines if each["id"] == args.machine), None)
    if one is None:
        raise CommandFailed(f"app {app.name} has no machine {args.machine}")
    if one["state"] in GONE or not living(one):
        mine = [each for each in machines if each["state"] not in GONE and group_of(each) == group_of(one)]
        siblings = [each["id"] for each in mine if living(each)]
        near = f" (a sibling can be cloned: {', '.join(siblings[:5])})" if siblings else ""
        raise CommandFailed((f"{one['id']} is {one['state']}" if one["state"] in GONE else AWAY) + near)
    done = Done()
    return accounted(partial(_cloned, app, one, args, done), lambda: done.any, partial(_tell_clone, done, one, args))


def _cloned(app: App, one: Json, args: argparse.Namespace, done: Done) -> None:
    region = args.region or one["region"]
    volumes = _volumes(app, one, region, args.from_snapshot, done)
    progress(f"launching a clone of {one['id']} in {region}")
    launched_as(app, Launch(region, copied(config_of(one)), *volumes), done)


def _tell_clone(done: Done, one: Json, args: argparse.Namespace, why: str) -> None:
    made = ", ".join(done.launched)
    whole = f"{made} is a clone of {one['id']}"
    text = f"made so far: {', '.join([*done.volumes, *done.launched])}" if why else whole
    _told(args, {"id": made, "of": one["id"], "volumes": done.volumes, "text": text})


_Made = tuple[tuple[str | None, ...], tuple[Json, ...]]


def _volumes(app: App, one: Json, region: str, snapshot: str, done: Done) -> _Made:
    """For each mount a volume made from a snapshot, or None and the volume that a new one is to be like."""
    mounted = [str(mount["volume"]) for mount in mounts_of(one)]
    models = tuple(volume for name in mounted for volume in app.volumes() if volume["id"] == name)
    if not snapshot:
        return (None,) * len(models), models
    return tuple(_restored(app, model, region, snapshot, done) for model in models), models


def _restored(app: App, model: Json, region: str, snapshot: str, done: Done) -> str:
    if snapshot == "last":
        known = [each for each in app.snapshots(model["id"]) if each["status"] == "created"]
        if not known:
            raise CommandFailed(f"volume {model['id']} has no snapshot")
        snapshot = max(known, key=lambda each: str(each["created_at"]))["id"]
    progress(f"making a volume {model['name']} in {region} from {snapshot}")
    made = str(app.create_volume(like(model, region) | {"snapshot_id": snapshot})["id"])
    done.volumes.append(made)
    return made
