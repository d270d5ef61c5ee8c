"""More is asked for than there is room: one request for hosts, of the size that is really needed."""

import asyncio
import time

from scripts.story.api import NotSeen, until
from scripts.story.stage import Stage
from scripts.story.workload import worker

# Two of these fit on a host beside what it runs; four do not.
LARGE_MB = 6144
COUNT = 6


async def play(stage: Stage) -> None:
    known = set(stage.ground.fronts)
    names = [f"big-{number}" for number in range(1, COUNT + 1)]
    stage.say.fault(time.time(), f"{COUNT} machines of {LARGE_MB} MB are asked for in iad")  # noqa: TID251
    asked = [stage.api.create("big", name, "iad", worker(name, LARGE_MB)) for name in names]
    creating = asyncio.gather(*asked)
    murder = asyncio.create_task(stage.maybe_murder())

    async def requested() -> bool:
        provider = stage.ground.provider
        return provider is not None and bool(provider.requests)

    await until(requested, 60, "a burst request reaches the provider")
    stage.measured("asked_to_burst", stage.say.seen("one burst request reaches the provider"))
    await asyncio.wait_for(creating, 90)
    stage.names["big"] = names
    await until(stage.all_serving, 40, "every machine answers")
    stage.measured("asked_to_placed", stage.say.seen("everything is placed and answers"))
    await murder
    _one_request_of_two(stage, known)
    await stage.well_again()


def _one_request_of_two(stage: Stage, known: set[str]) -> None:
    provider = stage.ground.provider
    requests = list(provider.requests.values()) if provider else []
    joined = sorted(set(stage.ground.fronts) - known)
    if len(requests) != 1 or len(requests[0]["hosts"]) != 2 or len(joined) != 2:
        raise NotSeen(f"wanted one request for two hosts: {len(requests)} requests, joined {joined}")
    stage.say.seen(f"one request, two hosts joined: {', '.join(joined)}")
