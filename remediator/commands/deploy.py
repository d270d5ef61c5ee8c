"""`fleetmend deploy`: machines of an app get their new config; those on dead hosts are replaced by healthy ones."""

import argparse
from functools import partial
from pathlib import Path

from remediator.commands.client import Answered, CommandFailed, told_plainly
from remediator.commands.configs import placed, read_config
from remediator.commands.deploying import Deploy, line
from remediator.commands.doing import accounted
from remediator.commands.rollout import Drop, Keep, Replace, Step, Update, Wanted
from remediator.commands.tables import Listing, say_json, show
from remediator.commands.tenant import Json, add_app, app_of


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
        deploy = Deploy(app, wanted, args.process_group)
        steps = deploy.plan()
        if args.dry_run:
            _tell([_told(step) for step in steps], args)
            return 0
        return accounted(
            partial(_carried_out, deploy, steps, args.config),
            lambda: deploy.begun,
            lambda _: _tell(list(deploy.lines.values()), args),
        )


run = told_plainly(_run)


def _carried_out(deploy: Deploy, steps: list[Step], file: Path | None) -> None:
    try:
        deploy.carry_out(steps)
    except Answered as error:
        raise CommandFailed(placed(str(error), file)) from None


def _told(step: Step) -> Json:
    match step:
        case Update():
            return line(step.machine, "would be updated")
        case Replace():
            return line(step.machine, "would be replaced")
        case Drop():
            return line(step.machine, f"would be destroyed: {step.twin} serves in its place")
        case Keep():
            return line(step.machine, "as wanted")


def _tell(lines: list[Json], args: argparse.Namespace) -> None:
    if args.json:
        say_json(lines)
        return
    show(Listing(("ID", "NAME", "OUTCOME"), [[each["id"], each["name"], each["outcome"]] for each in lines]))
