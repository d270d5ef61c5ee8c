"""Every agent crashes and comes back, as in a bad deploy: machines run on, and nobody is acted upon."""

import asyncio
import time

from scripts.story.api import NotSeen
from scripts.story.stage import Stage


async def play(stage: Stage) -> None:
    before = await _acts(stage)
    routes = await _machines(stage)
    stage.say.fault(time.time(), "agents are killed one after the other")  # noqa: TID251
    watching = asyncio.create_task(_all_serve(stage))
    for name, front in stage.ground.fronts.items():
        await front.fault("agent_crash")
        stage.say.seen(f"agent of {name} killed")
        await asyncio.sleep(1.0)
    await asyncio.sleep(6.0)
    watching.cancel()
    outcome = (await asyncio.gather(watching, return_exceptions=True))[0]
    if isinstance(outcome, NotSeen):
        raise outcome
    await stage.well_again()
    stage.measured("crashes_to_well", stage.say.seen("every agent is back"))
    if await _acts(stage) != before:
        raise NotSeen("there was an act on a host whose agent had crashed")
    if await _machines(stage) != routes:
        raise NotSeen("machines changed although only agents crashed")
    stage.say.seen("no act on any host, the same machines serve as before")


async def _acts(stage: Stage) -> list[str]:
    decisions = await stage.api.get("/v1/decisions?limit=1000")
    return [decision["id"] for decision in decisions if decision["outcome"] == "act"]


async def _machines(stage: Stage) -> dict[str, str]:
    found: dict[str, str] = {}
    for app in stage.names:
        found |= {name: route["machine"] for name, route in (await stage.serving(app)).items()}
    return found


async def _all_serve(stage: Stage) -> None:
    """Raises ``NotSeen`` when a machine stops answering."""
    while True:
        silent = await stage.silent_names()
        if silent and await stage.silent_names() == silent:
            raise NotSeen(f"not served while agents crashed: {silent}")
        await asyncio.sleep(0.5)
