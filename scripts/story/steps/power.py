"""A host loses its power: dead, its machines elsewhere, its volume restored from the newest snapshot."""

import asyncio

from scripts.story.api import NotSeen, until
from scripts.story.stage import Stage


async def play(stage: Stage) -> None:
    host = stage.cast["power"]
    names = await stage.names_on(host)
    count = sum(len(found) for found in names.values())
    at = await stage.front("power").fault("power_cut")
    stage.say.fault(at, f"power of {host} is cut; {count} stateless machines and a volume were on it")
    murder = asyncio.create_task(stage.maybe_murder())
    await stage.host_is("power", 40, status="unreachable")
    stage.measured("power_cut_to_dead", stage.say.seen(f"{host} is dead"))
    await stage.elsewhere(names, host, 40)
    stage.measured("power_cut_to_replaced", stage.say.seen("the last of its stateless machines answers elsewhere"))
    await murder
    await _volume_reported(stage, host)
    await _restored(stage, host)
    await until(stage.all_serving, 30, "every machine answers")


async def _volume_reported(stage: Stage, host: str) -> None:
    """The lost volume says so itself, whatever becomes of its machine."""
    volumes = await stage.api.get("/v1/apps/db/volumes")
    lost = [volume for volume in volumes if volume["host_status"] == "unreachable"]
    if not lost:
        raise NotSeen(f"no volume of {host} is reported unreachable")
    stage.say.seen(f"volume {lost[0]['id']} ({lost[0]['name']}) is reported on an unreachable host")


async def _restored(stage: Stage, host: str) -> None:
    async def answers() -> bool:
        route = (await stage.serving("db")).get("db-1")
        return route is not None and route["host"] != host and await stage.api.answers(route["url"], "kept-by-db-1")

    await until(answers, 40, "db-1 serves what its snapshot kept")
    stage.measured("power_cut_to_restored", stage.say.seen("db-1 serves from its newest snapshot on another host"))
