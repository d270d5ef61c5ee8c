"""`fleetmend init`: copy rules, playbooks and settings out of the package into a folder that people edit."""

import argparse
import shutil
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("init", help="write rules and settings to edit into a folder")
    parser.add_argument("folder", type=Path)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Copies; never overwrites: a folder that has any of the files is refused as a whole."""
    folder: Path = args.folder
    wanted = {"fleetmend.yml": PACKAGE / "shipped" / "fleetmend.yml", "hosts.yml": PACKAGE / "shipped" / "hosts.yml"}
    there = [name for name in (*wanted, "rules") if (folder / name).exists()]
    if there:
        print(f"fleetmend: {folder} already has {', '.join(there)}: nothing was written", file=sys.stderr)
        return 2
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, source in wanted.items():
            shutil.copyfile(source, folder / name)
        shutil.copytree(shipped_rules(), folder / "rules")
    except OSError as error:
        print(f"fleetmend: {error.filename or folder}: {error.strerror}", file=sys.stderr)
        return 2
    print(f"wrote {folder}/fleetmend.yml, hosts.yml and rules/; next: fleetmend check {folder}")
    return 0


def shipped_rules() -> Path:
    """The rules inside an installed package, or beside it in a checkout."""
    inside = PACKAGE / "shipped" / "rules"
    return inside if inside.is_dir() else PACKAGE.parent / "rules"
