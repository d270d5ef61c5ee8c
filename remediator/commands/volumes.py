"""`fleetmend volumes`: listed as the Machines API's own clients do, and what an app's owner may do to them."""

import argparse
from typing import Any

from remediator.clock import SystemClock
from remediator.commands.client import Command, add_connection, asked, told_plainly
from remediator.commands.doing import progress
from remediator.commands.tables import Listing, ago, moment, say, say_json, show
from remediator.commands.tenant import Json, add_app, app_of

HEADINGS = ("ID", "STATE", "NAME", "SIZE", "REGION", "ZONE", "ENCRYPTED", "ATTACHED VM", "CREATED AT")
SNAPSHOT_HEADINGS = ("ID", "STATUS", "SIZE", "CREATED AT", "RETENTION DAYS")
FOOTER = "* These volumes' hosts could not be reached."
MIB_IN_GIB = 1024
LARGEST_GB = 65536


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("volumes", help="list volumes of all apps; or list, make and destroy an app's")
    parser.add_argument("--app", default="", help="only those of this app")
    add_connection(parser)
    parser.set_defaults(run=run)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB")
    _verb(verbs, "list", "list an app's", run_list)
    create = _verb(verbs, "create", "make one, empty or from a snapshot", run_create)
    create.add_argument("name", metavar="NAME")
    create.add_argument("--size", type=_gigabytes, default=1, metavar="GB", help="default: %(default)s")
    create.add_argument("--region", required=True)
    create.add_argument("--snapshot-id", default="", metavar="SNAPSHOT", help="filled from this snapshot")
    extend = _verb(verbs, "extend", "make one larger", run_extend)
    extend.add_argument("volume", metavar="ID")
    extend.add_argument("--size", type=_gigabytes, required=True, metavar="GB")
    _verb(verbs, "destroy", "destroy one that nothing is attached to", run_destroy).add_argument(
        "volume", metavar="ID"
    )
    snapshots = verbs.add_parser("snapshots", help="its copies away from its host")
    ways = snapshots.add_subparsers(dest="way", required=True, metavar="VERB")
    _verb(ways, "list", "list them; also while the host is dead", run_snapshots).add_argument("volume", metavar="ID")
    _verb(ways, "create", "take one now", run_snapshot).add_argument("volume", metavar="ID")


def _verb(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, text: str, command: Command
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=text)
    add_app(parser)
    parser.set_defaults(run=command)
    return parser


def _gigabytes(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= LARGEST_GB):
        raise argparse.ArgumentTypeError(f"{text!r}: must be a size in GB, from 1 to {LARGEST_GB}")
    return int(text)


def _run(args: argparse.Namespace) -> int:
    _listed([each for each in asked(args, "/v1/status")["volumes"] if args.app in ("", each["app"])], args)
    return 0


def _list(args: argparse.Namespace) -> int:
    with app_of(args) as app:
        _listed(app.volumes(), args)
    return 0


def _listed(volumes: list[Json], args: argparse.Namespace) -> None:
    if args.json:
        say_json(volumes)
        return
    away = any(each["host_status"] == "unreachable" for each in volumes)
    none = f"App {args.app} has no volumes." if args.app else "No volumes."
    show(Listing(HEADINGS, [_row(each) for each in volumes], FOOTER if away else "", none, tabbed=True))


def _create(args: argparse.Namespace) -> int:
    wanted = {"name": args.name, "region": args.region, "size_gb": args.size, "snapshot_id": args.snapshot_id or None}
    with app_of(args) as app:
        progress(
            f"making a volume {args.name} in {args.region}{f' from {args.snapshot_id}' if args.snapshot_id else ''}"
        )
        _told(app.create_volume(wanted), args)
    return 0


def _extend(args: argparse.Namespace) -> int:
    with app_of(args) as app:
        _told(app.extend_volume(args.volume, args.size)["volume"], args)
    return 0


def _destroy(args: argparse.Namespace) -> int:
    with app_of(args) as app:
        _told(app.destroy_volume(args.volume), args)
    return 0


def _told(volume: Json, args: argparse.Namespace) -> None:
    """One volume, a field a line."""
    if args.json:
        say_json(volume)
        return
    fields = {
        "ID": volume["id"],
        "Name": volume["name"],
        "Region": volume["region"],
        "Zone": volume["zone"],
        "Size": _size(volume),
        "State": volume["state"],
        "Attached VM": volume["attached_machine_id"] or "",
        "Created at": moment(volume["created_at"]),
    }
    for name, value in fields.items():
        say(f"{name:>20}: {value}".rstrip())


def _snapshots(args: argparse.Namespace) -> int:
    with app_of(args) as app:
        found = app.snapshots(args.volume)
    if args.json:
        say_json(found)
        return 0
    now = SystemClock().now()
    rows = [
        [each["id"] or "(pending)", each["status"], str(each["size"]), ago(each["created_at"], now),
         str(each["retention_days"] or "")]
        for each in found
    ]  # fmt: skip
    if rows:
        say("Snapshots")
    show(Listing(SNAPSHOT_HEADINGS, rows, "", f"No snapshots of {args.volume}.", tabbed=True))
    return 0


def _snapshot(args: argparse.Namespace) -> int:
    with app_of(args) as app:
        app.snapshot(args.volume)
    if args.json:
        say_json({"volume": args.volume, "status": "waiting"})
        return 0
    say(f"a snapshot of {args.volume} is being taken: fleetmend volumes snapshots list {args.volume}")
    return 0


def _row(volume: dict[str, Any]) -> list[str]:
    return [
        volume["id"] + ("*" if volume["host_status"] == "unreachable" else ""),
        volume["state"],
        volume["name"],
        _size(volume),
        volume["region"],
        volume["zone"],
        "true" if volume["encrypted"] else "false",
        volume["attached_machine_id"] or "",
        ago(volume["created_at"], SystemClock().now()),
    ]


def size(megabytes: int) -> str:
    """``10GB`` where it is whole, ``64MB`` where it is not."""
    whole, rest = divmod(megabytes, MIB_IN_GIB)
    return f"{megabytes}MB" if rest or not whole else f"{whole}GB"


def _size(volume: Json) -> str:
    return size(volume.get("size_mb") or volume["size_gb"] * MIB_IN_GIB)


run = told_plainly(_run)
run_list, run_create, run_extend = told_plainly(_list), told_plainly(_create), told_plainly(_extend)
run_destroy, run_snapshots, run_snapshot = told_plainly(_destroy), told_plainly(_snapshots), told_plainly(_snapshot)
