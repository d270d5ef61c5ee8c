"""Remediator and store are gone for a while: every machine serves on. Then an operator stops all acting."""

import asyncio
import json
import time

from scripts.story.api import Json, NotSeen, until
from scripts.story.stage import Stage

AWAY_SECONDS = 8.0


async def play(stage: Stage) -> None:
    urls = await _urls(stage)
    ground = stage.ground
    await ground.parts["remediator"].kill()
    await ground.parts["store"].kill()
    stage.say.fault(time.time(), "remediator and store are killed")  # noqa: TID251
    end = time.time() + AWAY_SECONDS  # noqa: TID251
    rounds = 0
    while time.time() < end:  # noqa: TID251
        await _all_answer(stage, urls)
        rounds += 1
        await asyncio.sleep(0.5)
    stage.say.seen(f"every machine answered in {rounds} rounds")
    await ground.start_store()
    await ground.start_remediator()
    await stage.well_again(60)
    stage.measured("gone_to_well", stage.say.seen("both are back, all is well"))
    await _stop_all(stage)


async def _urls(stage: Stage) -> dict[str, str]:
    found: dict[str, str] = {}
    for app in stage.names:
        found |= {name: route["url"] for name, route in (await stage.serving(app)).items()}
    return found


async def _all_answer(stage: Stage, urls: dict[str, str]) -> None:
    answers = await asyncio.gather(*(stage.api.answers(url, name) for name, url in urls.items()))
    silent = [name for name, answered in zip(urls, answers, strict=True) if not answered]
    if silent:
        raise NotSeen(f"not served while remediator and store were gone: {silent}")


async def _stop_all(stage: Stage) -> None:
    """Within a second everybody has confirmed; then a death is told, and nothing is done about it."""
    words = ("--url", stage.ground.layout.api, "--data", str(stage.ground.data))
    began = time.time()  # noqa: TID251
    stage.say.fault(began, "fleetmend stop-all")
    code, told = await stage.ground.command("stop-all", "--why", "the story's last step", "--json", *words)
    if code != 0:
        raise NotSeen(f"stop-all was not confirmed by everybody: {told[-300:]}")
    report: Json = json.loads(told)
    # The whole command counts, its start included: that is what an operator waits for.
    stage.measured("stop_all", seconds := stage.say.seen(f"{len(report['recipients'])} recipients confirmed"))
    if seconds > 1.5 or float(report["seconds"]) > 1.0:
        raise NotSeen("stop-all took longer than a second")
    await _nothing_is_done(stage)
    code, told = await stage.ground.command("thaw", *words)
    if code != 0:
        raise NotSeen(f"thaw was not confirmed: {told[-300:]}")
    stage.say.seen("thawed")
    await stage.well_again(60)


async def _nothing_is_done(stage: Stage) -> None:
    host = stage.cast["far"]
    before = len(await _acts(stage))
    await stage.front("far").fault("network_cut")
    await stage.host_is("far", 30, status="unreachable")

    async def held() -> bool:
        holds = (await stage.api.status())["holds"]
        return any(hold["target"] == host and hold["reason"] == "Frozen" for hold in holds)

    await until(held, 10, f"acts on {host} are held because everything is stopped")
    await asyncio.sleep(3)
    if len(await _acts(stage)) != before:
        raise NotSeen("something was done although everything is stopped")
    stage.say.seen(f"{host} is lost, told so, and nothing is done about it")
    await stage.front("far").fault("network_heal")
    await stage.host_is("far", 20, status="ok")


async def _acts(stage: Stage) -> list[Json]:
    decisions = await stage.api.get("/v1/decisions?limit=1000")
    return [decision for decision in decisions if decision["outcome"] == "act"]
