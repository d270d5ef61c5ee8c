"""A story as steps on a real fleet: each is taken once all was seen that the story has before it.

Waits in which nothing happens are shortened; what is waited for is waited for.
"""

from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from remediator.simulate.world.befalls import LASTS, told
from remediator.simulate.world.golden import STORY
from remediator.simulate.world.play import JOURNAL_EVERY
from remediator.simulate.world.record import Run
from remediator.simulate.world.story import Fault, Story, read_story
from scripts.story.plays.deeds import BEGIN, END, Scene, awaits, back_up, nothing
from scripts.story.plays.wishes import KNOWN, wished

# More hosts than this are scaled down to so many racks of so many hosts with so many machines.
MOST_HOSTS = 10
RACKS, HOSTS, MACHINES = 3, 3, 1
# The longest wait in which nothing is expected, and of one that is itself the fault.
QUIET, FLAPPING = 5.0, 13.0
_MOMENT = 1e-3
_BOOTS = frozenset({"power", "reboot", "reimage"})


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do to the fleet at the story's moment; ``quiet`` is the longest wait for nothing before it."""

    at: float
    what: str
    do: Callable[[Scene], Coroutine[Any, Any, None]]
    quiet: float = QUIET
    # Not waited for: the story goes on meanwhile.
    beside: bool = False


def load_story(folder: Path) -> tuple[Story, bool]:
    """The story, and whether it had to be scaled down."""
    story = read_story(folder / STORY)
    if len(story.topology.places) <= MOST_HOSTS:
        return story, False
    document: dict[str, Any] = yaml.safe_load((folder / STORY).read_text(encoding="utf-8"))
    grid = document.get("grid") or {}
    most = {"regions": 1, "racks": RACKS, "hosts": HOSTS, "machines": MACHINES}
    document["grid"] = {key: min(value, most.get(key, value)) for key, value in grid.items()}
    with TemporaryDirectory() as below:
        smaller = Path(below) / folder.name / STORY
        smaller.parent.mkdir()
        smaller.write_text(yaml.safe_dump(document), encoding="utf-8")
        return read_story(smaller), True


def unplayable(story: Story) -> list[str]:
    """What of it cannot be done to a real fleet."""
    found = [fault.kind for fault in story.faults if fault.kind not in BEGIN or fault.blind]
    found += [wish.kind for wish in story.wishes if wish.kind not in KNOWN]
    found += [f"{each.state} machines" for each in story.workloads if each.state != "started"]
    return sorted({*found, *(["full hosts", "cordoned hosts"] if story.cordoned else [])})


def steps_of(story: Story, run: Run) -> list[Step]:
    faults = [step for fault in story.faults for step in _of_fault(fault, story, run)]
    wishes = [
        Step(wish.at, f"{wish.by} asks to {wish.kind} {', '.join(wish.subjects)}", wished(wish), beside=True)
        for wish in story.wishes
    ]
    return sorted([*faults, *wishes], key=lambda step: step.at)


def _of_fault(fault: Fault, story: Story, run: Run) -> Iterator[Step]:
    if fault.kind == "restored_journal":
        kept = (fault.at - fault.amount) // JOURNAL_EVERY * JOURNAL_EVERY
        yield Step(kept, "a backup is taken", partial(_done, back_up, fault))
    at = _armed(fault, story) if awaits(fault) else fault.at
    yield Step(at, f"fault: {told(fault)}", partial(_done, BEGIN[fault.kind], fault))
    end = _end(fault, run)
    if end is not None and end < story.seconds and END[fault.kind] is not nothing and not awaits(fault):
        quiet = FLAPPING if fault.kind == "flap" else QUIET
        yield Step(end, f"over:  {told(fault)}", partial(_done, END[fault.kind], fault), quiet)


def _armed(fault: Fault, story: Story) -> float:
    """Whoever is to die in the middle of something is watched from the fault before it on."""
    return max((each.at for each in story.faults if each.at < fault.at), default=fault.at) + _MOMENT


def _end(fault: Fault, run: Run) -> float | None:
    """When it is over; a host that boots is there again only when it has booted."""
    span = fault.span if fault.span is not None else LASTS.get(fault.kind)
    if span is None:
        return None
    hosts = fault.hosts if fault.kind in _BOOTS else ()
    return max([fault.at + span, *(_booted(run, host, fault.at) for host in hosts)])


def _booted(run: Run, host: str, after: float) -> float:
    return next((at for at, line in run.lines if at > after and line == f"{host} has booted"), 0.0)


async def _done(deed: Callable[[Scene, Fault], Awaitable[None]], fault: Fault, scene: Scene) -> None:
    await deed(scene, fault)
