"""`scripts/demo`: play the story of a fleet whose hosts die, and say what was seen."""

import argparse
import asyncio
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from remediator.model.errors import PermanentError
from remediator.store_binary import find_store
from scripts.story.api import NotSeen
from scripts.story.ground import Ground, StoreChoice
from scripts.story.layout import namespace_layout, relay_layout
from scripts.story.outer import REPOSITORY, may_unshare, raise_bridge, run_inside
from scripts.story.plumbing import relay
from scripts.story.processes import Gone
from scripts.story.settings import CLOCKS
from scripts.story.story import MAY_KILL_IN, MEASURES, MURDER_AFTER, STEPS, STOPS_THE_STORE, play
from scripts.story.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Inside:
    """What the outer shell handed in: two listening sockets, and the pipe whose end means stop."""

    public: int
    store: int
    lifeline: int


def main(argv: Sequence[str] | None = None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    args = _parse(arguments)
    try:
        binary = None if args.store else find_store(args.vm_binary, args.store_kind, REPOSITORY / ".cache")
    except PermanentError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2
    if binary and args.inside is None and not args.relay and may_unshare():
        return run_inside([*arguments, "--vm-binary", str(binary)])
    return asyncio.run(_run(args, binary))


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    steps = tuple(STEPS | MEASURES)
    parser.add_argument("--exit", action="store_true", help="end after the story: 0 only if every step held")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was seen for machines")
    parser.add_argument("--only", action="append", choices=steps, help="play this step alone; may be repeated")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep all data in this folder")
    parser.add_argument("--store-kind", choices=("victoriametrics", "prometheus"), default="victoriametrics")
    parser.add_argument(
        "--store",
        metavar="URL",
        help="use a store that runs already and scrapes this demo (see docs); implies --relay",
    )
    parser.add_argument("--vm-binary", type=Path, metavar="FILE", help="the store's program")
    parser.add_argument("--relay", action="store_true", help="no namespaces: hosts as loopback addresses")
    parser.add_argument(
        "--kill-remediator",
        metavar="STEP[@SECONDS],…",
        type=_moments,
        default={},
        help="kill -9 it so long after the fault of these steps, and start it again",
    )
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    args.json = args.json.resolve() if args.json else None
    args.keep = args.keep.resolve() if args.keep else None
    return args


def _moments(text: str) -> dict[str, float]:
    """``power@2.5,3`` to the seconds after each step's fault."""
    found = {}
    for part in text.split(","):
        step, _, seconds = part.partition("@")
        name = dict(zip("12345", MAY_KILL_IN, strict=True)).get(step, step)
        if name not in MAY_KILL_IN:
            raise argparse.ArgumentTypeError(f"{step!r} is none of {', '.join(MAY_KILL_IN)}")
        found[name] = float(seconds) if seconds else MURDER_AFTER
    return found


async def _run(args: argparse.Namespace, binary: Path | None) -> int:
    stopped = asyncio.Event()
    inside = Inside(*(int(fd) for fd in args.inside.split(","))) if args.inside else None
    _watch_for_the_end(stopped, inside)
    folder = args.keep or Path(tempfile.mkdtemp(prefix="fleetmend-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    try:
        return await _played(args, binary, folder, inside, stopped)
    finally:
        if args.keep is None:
            shutil.rmtree(folder, ignore_errors=True)


def _watch_for_the_end(stopped: asyncio.Event, inside: Inside | None) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    if inside:
        loop.add_reader(inside.lifeline, _end, inside.lifeline, stopped)


def _end(lifeline: int, stopped: asyncio.Event) -> None:
    asyncio.get_running_loop().remove_reader(lifeline)
    stopped.set()


async def _played(
    args: argparse.Namespace, binary: Path | None, folder: Path, inside: Inside | None, stopped: asyncio.Event
) -> int:
    layout = namespace_layout() if inside else relay_layout(public=8321 if args.store else 0)
    if inside:
        raise_bridge(layout.control)
    say = Timeline()
    say.table("This demo's own clocks and budgets", ("what", "shipped", "here"), [*CLOCKS])
    async with aiohttp.ClientSession() as session:
        fds = (inside.public,) if inside else ()
        store = StoreChoice(args.store_kind, binary, args.store or "")
        ground = Ground(layout, folder, store, fds, session)
        telling = asyncio.create_task(_story(args, ground, say, inside))
        ending = asyncio.create_task(stopped.wait())
        try:
            await asyncio.wait([telling, ending], return_when=asyncio.FIRST_COMPLETED)
            if telling.done() and not args.exit:
                say.note("Ctrl-C stops everything that was started.")
                await stopped.wait()
            return telling.result() if telling.done() else 130
        except (Gone, NotSeen) as error:
            say.wrong(str(error))
            return 1
        finally:
            telling.cancel()
            ending.cancel()
            await asyncio.gather(telling, ending, return_exceptions=True)
            await ground.stop()


async def _story(args: argparse.Namespace, ground: Ground, say: Timeline, inside: Inside | None) -> int:
    say.title(f"Starting five hosts, a {ground.store.kind} and a remediator ({ground.layout.mode} mode)")
    if ground.store.url:
        say.note(f"your store must scrape what {ground.layout.api}/sd/host, /probe, /orchestrator, /remediator list")
    await ground.start()
    await _say_where(ground, say, inside)
    steps = args.only or [step for step in STEPS if not (ground.store.url and step in STOPS_THE_STORE)]
    ok = await play(ground, say, steps, args.kill_remediator, args.json)
    return 0 if ok else 1


async def _say_where(ground: Ground, say: Timeline, inside: Inside | None) -> None:
    page, store = f"http://127.0.0.1:{ground.layout.public}", ground.store_url
    if inside:
        listening = socket.socket(fileno=inside.store)
        await relay(listening, "127.0.0.1", ground.layout.store)
        store = f"http://127.0.0.1:{listening.getsockname()[1]}"
        page = f"http://127.0.0.1:{_port_of(inside.public)}"
    say.note(f"status page {page}   store {store}")


def _port_of(fd: int) -> int:
    with socket.socket(fileno=os.dup(fd)) as known:
        port: int = known.getsockname()[1]
    return port


if __name__ == "__main__":
    sys.exit(main())
