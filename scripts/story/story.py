"""The story: its steps in order, each played to its end and judged by what was seen."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path

from scripts.story.api import NotSeen
from scripts.story.ground import Ground
from scripts.story.processes import Gone
from scripts.story.report import StepResult, kills, write_json, wrong_kills
from scripts.story.settings import PATIENCE
from scripts.story.stage import Stage, prepare
from scripts.story.steps import away, burst, crashes, cut, full, many, outage, power, returns
from scripts.story.timeline import Timeline

Step = Callable[[Stage], Awaitable[None]]
STEPS: dict[str, tuple[str, Step]] = {
    "power": ("1  A host loses its power", power.play),
    "cut": ("2  A host loses its network, another one only for a moment", cut.play),
    "returns": ("3  Both come back", returns.play),
    "full": ("4  A host's disk fills up", full.play),
    "burst": ("5  More machines are wanted than there is room for", burst.play),
    "outage": ("6  The store fails in the middle of a host's death", outage.play),
    "crashes": ("7  Every agent crashes, one after the other", crashes.play),
    "away": ("8  Remediator and store are gone for a while; then everything is stopped", away.play),
}
# Played only when they are asked for: they measure, and tell no story.
MEASURES: dict[str, tuple[str, Step]] = {
    "cuts": ("Every host loses its power, many times", many.cuts),
    "comebacks": ("Every host comes back to undead machines, many times", many.returns),
}
# The steps in whose middle the remediator may be killed.
MAY_KILL_IN = ("power", "cut", "returns", "full", "burst")
# These cannot be played on a store that is not ours to stop.
STOPS_THE_STORE = frozenset({"outage", "away"})
# Seconds after a step's fault at which kill -9 strikes, where none are given.
MURDER_AFTER = 2.0


async def play(
    ground: Ground, say: Timeline, names: list[str], kills_at: Mapping[str, float], report: Path | None
) -> bool:
    """Play the named steps; whether every one held and nobody was killed wrongly."""
    stage = Stage(ground, say)
    await prepare(stage)
    results = []
    for name, (title, step) in (STEPS | MEASURES).items():
        if name not in names:
            continue
        say.title(title)
        stage.result = StepResult(name)
        after = kills_at.get(name)
        stage.murder = partial(ground.murder_remediator, after) if after is not None else None
        results.append(await _judged(stage, step))
    wrong = _wrong(ground, say)
    say.summary(results)
    if report:
        write_json(report, results, wrong)
    return all(result.ok for result in results) and wrong == 0


async def _judged(stage: Stage, step: Step) -> StepResult:
    """A step holds when it came to its end; what it missed is told."""
    try:
        await step(stage)
    except (NotSeen, Gone) as error:
        stage.result.trouble = str(error)
        stage.say.wrong(str(error))
        return stage.result
    dead = stage.ground.dead_parts()
    stage.result.trouble = "; ".join(dead)
    stage.result.ok = not dead
    return stage.result


def _wrong(ground: Ground, say: Timeline) -> int:
    """Wrong kills by the truth that the faults left behind."""
    found = kills(ground.data / "journal.db")
    outages = {name: front.outages for name, front in ground.fronts.items()}
    wrong = wrong_kills(found, outages, PATIENCE)
    for kill in wrong:
        say.wrong(f"{kill.machine} was condemned on {kill.host}: {kill.why}")
    say.note(f"{len(found)} machines condemned automatically, {len(wrong)} of them wrongly")
    return len(wrong)
