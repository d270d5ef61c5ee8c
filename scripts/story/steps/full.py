"""A host's disk fills up: it is cordoned and its machines migrate, each keeping its id."""

import asyncio

from scripts.story.api import Json, NotSeen, until
from scripts.story.stage import Stage


async def play(stage: Stage) -> None:
    host = stage.cast["full"]
    names = await stage.names_on(host, stateless=False)
    before = await _ids(stage, names)
    at = await stage.front("full").fault("fill_disk")
    count = sum(len(found) for found in names.values())
    stage.say.fault(at, f"the disk of {host} is full, {count} machines are on it")
    murder = asyncio.create_task(stage.maybe_murder())

    async def cordoned() -> bool:
        return bool((await stage.api.host(host))["cordoned"])

    await until(cordoned, 60, f"{host} is cordoned")
    stage.measured("full_to_cordoned", stage.say.seen(f"{host} is cordoned"))
    await stage.elsewhere(names, host, 90)
    stage.measured("full_to_migrated", stage.say.seen("all its machines answer elsewhere"))
    await murder
    after = await _ids(stage, names)
    if after != before:
        changed = {name for name in before if after.get(name) != before[name]}
        raise NotSeen(f"machines changed their id in a migration: {sorted(changed)}")
    stage.say.seen("each kept its id")
    await stage.front("full").fault("free_disk")
    await until(stage.all_serving, 30, "every machine answers")


async def _ids(stage: Stage, names: dict[str, list[str]]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for app, wanted in names.items():
        routes = await stage.serving(app)
        found |= {name: routes[name]["machine"] for name in wanted if name in routes}
    return found
