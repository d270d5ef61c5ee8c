"""The lost hosts come back: the condemned are gone before anything of theirs is routable."""

import asyncio
import time

from scripts.story.api import Json, NotSeen, until
from scripts.story.report import returns_of
from scripts.story.stage import Stage
from scripts.story.steps import cut


async def play(stage: Stage) -> None:
    await _something_is_lost(stage)
    await _condemned(stage, "network")
    await _comes_back(stage, "network", "network_heal", "return_to_undead_gone")
    await _comes_back(stage, "power", "power_on", "power_on_to_clean")
    await stage.well_again()
    stage.say.seen("both serve again, every machine answers once")


async def _something_is_lost(stage: Stage) -> None:
    """When this step is played alone, the losses come first."""
    if not stage.front("power").outages:
        stage.say.fault(await stage.front("power").fault("power_cut"), "first a power cut, as in step 1")
        await stage.host_is("power", 40, status="unreachable")
    if not stage.front("network").outages:
        await cut.lose_network(stage)


async def _condemned(stage: Stage, part: str) -> None:
    host = stage.cast[part]

    async def all_condemned() -> bool:
        machines = await _living_originals(stage, host)
        return not machines

    await until(all_condemned, 60, f"every original of {host} is condemned: patience is over")
    stage.say.note(f"patience is over: the originals on {host} are condemned, and run on unseen")


async def _living_originals(stage: Stage, host: str) -> list[Json]:
    state = await stage.api.get("/internal/state?since=0")
    here = [m for m in state["machines"] if m["host"] == host and m["app"] != "db"]
    return [m for m in here if not m["condemned"] and m["state"] not in ("destroyed", "destroying")]


async def _comes_back(stage: Stage, part: str, fault: str, measure: str) -> None:
    host, front = stage.cast[part], stage.front(part)
    watching = asyncio.create_task(_never_routable(stage, host))
    at = await front.fault(fault)
    stage.say.fault(at, f"{host} comes back ({fault})")
    murder = asyncio.create_task(stage.maybe_murder())
    began = time.time()  # noqa: TID251
    await stage.host_is(part, 40, status="ok")
    stage.say.seen(f"{host} is admitted")
    await murder
    watching.cancel()
    seen = await asyncio.gather(watching, return_exceptions=True)
    if isinstance(seen[0], NotSeen):
        raise seen[0]
    undead = returns_of(stage.ground.data / "journal.db", host, at)
    if undead is None:
        raise NotSeen(f"the journal does not tell when {host} was in touch again")
    stage.measured(measure, undead.seconds)
    stage.say.seen(f"{undead.machines} condemned machines gone {undead.seconds:.2f} s after its first contact")
    left = [p for p in (await front.truth())["processes"] if p["machine"] in undead.ids]
    if left:
        raise NotSeen(f"condemned machines still run on {host}: {left}")
    await until(stage.all_serving, 30, "every machine answers")
    stage.measured(f"{measure}_admitted", time.time() - began)  # noqa: TID251


async def _never_routable(stage: Stage, host: str) -> None:
    """Raises ``NotSeen`` when a condemned machine is routed for a moment."""
    while True:
        for app in stage.names:
            routes = await stage.serving(app)
            for name, route in routes.items():
                if route["host"] == host and name in stage.names[app]:
                    machine = await stage.api.get(f"/v1/apps/{app}/machines/{route['machine']}")
                    if machine["state"] in ("destroying", "destroyed"):
                        raise NotSeen(f"{name} on {host} was routed although {machine['state']}")
        await asyncio.sleep(0.05)
