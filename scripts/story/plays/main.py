"""`scripts/play-stories`: stories of `tests/scenarios` on real processes, several fleets side by side.

Each fleet stands in namespaces of its own, which end with all that is in them; that needs root.
"""

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from remediator.model.errors import BadInput, PermanentError
from remediator.store_binary import find_store
from scripts.story.ground import StoreChoice
from scripts.story.outer import REPOSITORY, in_namespaces, may_unshare, raise_bridge
from scripts.story.plays.field import CLOCKS
from scripts.story.plays.player import Outcome, play_story
from scripts.story.plays.script import load_story, unplayable
from scripts.story.timeline import Timeline

STORIES = REPOSITORY / "tests" / "scenarios"
# One of each kind of trouble, the longest first.
CHOSEN = (
    "journal_restored_after_condemn",
    "i02_network_cable",
    "i13_rack_power_feed",
    "i08_store_out_of_memory",
    "owner_destroys_at_once",
    "i14_agents_crash",
    "remediator_dies_after_commit",
    "store_out_before_loss",
    "flapping_link",
    "cut_from_vantages_only",
    "host_pauses",
    "reimaged",
    "operator_freezes",
    "i01_power_loss",
)
SIDE_BY_SIDE = 3
LONGEST = 300.0


def main(argv: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    if args.inside:
        return _inside(args)
    if args.list:
        return _listed()
    if not may_unshare():
        print("play-stories: namespaces of our own need root", file=sys.stderr)
        return 2
    try:
        return _all(args)
    except (PermanentError, BadInput) as error:
        print(f"play-stories: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/play-stories", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"default: {', '.join(CHOSEN)}")
    parser.add_argument("--list", action="store_true", help="which stories can be played, and why others cannot")
    parser.add_argument("--side-by-side", type=int, default=SIDE_BY_SIDE, metavar="N", help="fleets at once")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was seen for machines")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep all data in this folder")
    parser.add_argument("--told", action="store_true", help="print all that was seen")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--store", type=Path, help=argparse.SUPPRESS)
    return parser


def _listed() -> int:
    for folder in sorted(STORIES.glob("*/scenario.yaml")):
        print(f"{folder.parent.name:36} {_playable(folder.parent)}")
    return 0


def _playable(folder: Path) -> str:
    try:
        story, scaled = load_story(folder)
    except BadInput:
        return "no: what it names is not there on a smaller scale"
    cannot = unplayable(story)
    return f"no: {', '.join(cannot)}" if cannot else "scaled down" if scaled else "as it is"


def _all(args: argparse.Namespace) -> int:
    store = find_store(None, "victoriametrics", REPOSITORY / ".cache")
    names = args.names or CHOSEN
    for name in names:
        if not (STORIES / name / "scenario.yaml").exists():
            raise PermanentError(f"no story {name!r}; --list tells them")
        if (word := _playable(STORIES / name)).startswith("no"):
            raise PermanentError(f"{name} cannot be played on real processes: {word}")
    say = Timeline()
    say.table("Clocks of these fleets", ("what", "shipped", "here"), [*CLOCKS])
    below = args.keep or Path(tempfile.mkdtemp(prefix="fleetmend-plays-"))
    below.mkdir(parents=True, exist_ok=True)
    below.chmod(0o755)
    began = time.monotonic()  # noqa: TID251
    try:
        with ThreadPoolExecutor(args.side_by_side) as pool:
            found = list(pool.map(lambda name: _begun(name, below, store), names))
    finally:
        if args.keep is None:
            shutil.rmtree(below, ignore_errors=True)
    return _told(say, found, time.monotonic() - began, args)  # noqa: TID251


def _begun(name: str, below: Path, store: Path) -> dict[str, Any]:
    """Once more where its fleet did not come up: no story was told yet."""
    found = _one(name, below, store)
    return found if found["set_up"] else _one(name, below, store)


def _one(name: str, below: Path, store: Path) -> dict[str, Any]:
    """Play it in namespaces of its own; what became of it."""
    folder = below / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    folder.chmod(0o755)
    command = in_namespaces([sys.executable, "-m", "scripts.story.plays.main", name])
    command += ["--inside", str(folder), "--store", str(store)]
    said = folder / "player.log"
    with said.open("w") as sink, subprocess.Popen(command, cwd=REPOSITORY, stdout=sink, stderr=sink) as player:
        try:
            player.wait(LONGEST)
        except subprocess.TimeoutExpired:
            player.kill()
    report = folder / "outcome.json"
    if report.exists():
        found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
        return found
    words = said.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return Outcome(name, scaled=False, trouble=["it came to no end", *words[-5:]]).as_json()


def _inside(args: argparse.Namespace) -> int:
    raise_bridge("10.77.0.1")
    outcome = asyncio.run(
        play_story(STORIES / args.names[0], args.inside, StoreChoice("victoriametrics", args.store))
    )
    (args.inside / "outcome.json").write_text(json.dumps(outcome.as_json()), encoding="utf-8")
    return 0


def _told(say: Timeline, found: list[dict[str, Any]], seconds: float, args: argparse.Namespace) -> int:
    for each in found:
        if args.told or each["trouble"]:
            say.title(each["story"])
            for line in each["told"]:
                say.note(line)
        for line in each["trouble"]:
            say.wrong(line)
    rows = [
        (
            each["story"] + " (scaled down)" * each["scaled"],
            "FAILED" if each["trouble"] else "as told",
            str(each["events"]),
            str(each["wrong_kills"]),
            f"{each['set_up']:.0f} + {max(0.0, each['seconds'] - each['set_up']):.0f}",
        )
        for each in found
    ]
    say.table("Stories on real processes", ("story", "", "events", "wrong kills", "seconds"), rows)
    failed = sum(bool(each["trouble"]) for each in found)
    print(f"{len(found)} stories, {failed} failed, {seconds:.0f} s")
    if args.json:
        body = {"stories": found, "failed": failed, "seconds": round(seconds, 1)}
        args.json.write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
