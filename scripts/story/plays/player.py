"""One story, played to its end on real processes, and what came of it beside what was expected."""

import asyncio
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

import aiohttp

from remediator.commands.simulate_runs import book_of
from remediator.simulate.world.golden import differences as log_differences
from remediator.simulate.world.golden import log_of
from remediator.simulate.world.play import play as simulate
from remediator.simulate.world.record import Run
from remediator.simulate.world.score import score
from remediator.simulate.world.story import Story
from remediator.simulation.ours import builder
from scripts.story.api import NotSeen
from scripts.story.ground import StoreChoice
from scripts.story.outer import REPOSITORY
from scripts.story.plays.deeds import Scene
from scripts.story.plays.events import Expected, Running, counted, differences, expected
from scripts.story.plays.field import COLD_START, PATIENCE, Field, layout_of, writer
from scripts.story.plays.population import CAPACITY, name_of, populate
from scripts.story.plays.script import Step, load_story, steps_of
from scripts.story.plays.tail import Tail
from scripts.story.plays.watch import Watch
from scripts.story.processes import Gone
from scripts.story.report import kills, wrong_kills

# The longest wait for what is expected, and the last look for what is not.
LIMIT, AFTER = 40.0, 4.0


@dataclass(slots=True)
class Outcome:
    """What came of one story; it held when there is no trouble."""

    story: str
    scaled: bool
    seconds: float = 0.0
    set_up: float = 0.0
    events: int = 0
    wrong_kills: int = 0
    trouble: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        return asdict(self)


async def play_story(folder: Path, below: Path, store: StoreChoice) -> Outcome:
    """Set up its fleet, play it, take everything down."""
    story, scaled = load_story(folder)
    outcome = Outcome(story.name, scaled)
    run = simulate(story, builder(book_of(REPOSITORY)))
    if not scaled and (old := log_differences(folder, log_of(run, score(run)))):
        outcome.trouble += ["its golden log is of another day", *old]
        return outcome
    began = time.time()  # noqa: TID251
    async with aiohttp.ClientSession() as session:
        ground = Field(
            layout_of(story), below, store, (), session, writer(story), CAPACITY,
            ("--cold-start", f"{COLD_START:.0f}"), homes=story.topology.vantages,
        )  # fmt: skip
        try:
            await _played(ground, story, run, outcome)
        except (NotSeen, Gone, TimeoutError, RuntimeError, aiohttp.ClientError) as error:
            outcome.trouble.append(f"{type(error).__name__}: {error}")
        finally:
            await ground.stop()
    outcome.seconds = round(time.time() - began, 1)  # noqa: TID251
    return outcome


async def _played(ground: Field, story: Story, run: Run, outcome: Outcome) -> None:
    began = time.time()  # noqa: TID251
    await ground.start()
    async with asyncio.timeout(120):
        await populate(ground, story)
    outcome.set_up = round(time.time() - began, 1)  # noqa: TID251
    called = {name_of(each): each.name for each in story.workloads}
    scene = Scene(ground, Watch(ground, Tail(ground.data / "journal.db"), called))
    await scene.watch.begin()
    try:
        await Player(scene, story, expected(run, story), outcome).play(steps_of(story, run))
    finally:
        await scene.watch.end()
        outcome.told += [f"{event.at:8.2f}  {event.subject} {event.what}" for event in scene.watch.events()]
    await _judged(scene, expected(run, story), outcome)


class Player:
    """Takes the steps, each in its time."""

    def __init__(self, scene: Scene, story: Story, wanted: Expected, outcome: Outcome) -> None:
        self._scene = scene
        self._story = story
        self._wanted = wanted
        self._outcome = outcome
        self._beside: list[asyncio.Task[None]] = []
        self._before = 0.0

    async def play(self, steps: list[Step]) -> None:
        for step in steps:
            await self._until(step.at, step.what)
            await asyncio.sleep(min(step.quiet, step.at - self._before))
            self._say(step.what)
            self._before = step.at
            if step.beside:
                self._beside.append(asyncio.create_task(step.do(self._scene)))
            else:
                await step.do(self._scene)
        await self._until(self._story.seconds, "the end")
        await asyncio.sleep(AFTER)
        async with asyncio.timeout(LIMIT):
            await asyncio.gather(*self._beside)

    def _say(self, what: str) -> None:
        now = time.time() - self._scene.watch.began  # noqa: TID251
        self._outcome.told.append(f"{now:8.2f}  -- {what}")

    async def _until(self, at: float, what: str) -> None:
        """Everything was said and done that the story has before that moment, and runs where it does there."""
        wanted, runs = self._wanted.before(at), self._wanted.running(at)
        end = time.monotonic() + LIMIT  # noqa: TID251
        missing = wanted - self._seen()
        while missing or await self._running() != runs:
            if time.monotonic() > end:  # noqa: TID251
                raise NotSeen(f"before {what}: {await self._what_is_missing(missing, at)}")
            await asyncio.sleep(0.1)
            missing = wanted - self._seen()

    def _seen(self) -> Counter[tuple[str, str]]:
        watch = self._scene.watch
        return counted(self._wanted.loosely(watch.events())) + Counter(dict.fromkeys(watch.holds, 1))

    async def _running(self) -> Running:
        return self._wanted.places(await self._scene.watch.running())

    async def _what_is_missing(self, missing: Counter[tuple[str, str]], at: float) -> str:
        if missing:
            return "not seen: " + "; ".join(f"{subject} {what}" for subject, what in missing)
        runs, really = self._wanted.running(at), await self._running()
        return f"runs: expected {sorted(runs)}, really {sorted(really)}"


async def _judged(scene: Scene, wanted: Expected, outcome: Outcome) -> None:
    """What differs from the story, and what must never be."""
    watch = scene.watch
    outcome.events = len(watch.events())
    outcome.trouble += differences(wanted.loosely(wanted.events), wanted.loosely(watch.events()))
    for held, stood in watch.holds.items():
        if stood.long and held not in wanted.may_hold:
            outcome.trouble.append(f"{held[0]}: nobody expected to see it held: {held[1]}")
    outages = {name: front.outages for name, front in scene.ground.fronts.items()}
    wrong = wrong_kills(kills(scene.ground.data / "journal.db"), outages, PATIENCE)
    outcome.wrong_kills = len(wrong)
    outcome.trouble += [f"wrong kill of {kill.machine} on {kill.host}: {kill.why}" for kill in wrong]
    outcome.trouble += [f"{name} was routed twice" for name in sorted(watch.twice_routed)]
    outcome.trouble += scene.ground.dead_parts()
