"""The store fails in the middle of a host's death: truth is told, nothing is killed, all is well after."""

import asyncio

from scripts.story.api import NotSeen, until
from scripts.story.report import kills
from scripts.story.stage import Stage

OUTAGE_SECONDS = 12.0


async def play(stage: Stage) -> None:
    host = stage.cast["moment"]
    names = await stage.names_on(host)
    if not names:
        host = stage.cast["moment"] = await _busiest(stage)
        names = await stage.names_on(host)
    at = await stage.front("moment").fault("network_cut")
    await stage.ground.parts["store"].stop()
    stage.say.fault(at, f"network of {host} is cut, and the store stops")
    await _gate_is(stage, open_=False)
    stage.say.seen("the gate is closed")
    await _nothing_is_killed(stage, host)
    await stage.ground.start_store()
    stage.say.seen("the store is back")
    await _gate_is(stage, open_=True)
    stage.measured("cut_to_gate_open", stage.say.seen("the gate is open"))
    await stage.elsewhere(names, host, 60)
    stage.measured("cut_to_replaced", stage.say.seen(f"the machines of {host} answer elsewhere"))
    await stage.front("moment").fault("network_heal")
    await stage.well_again(60)
    stage.say.seen("all is well again")


async def _nothing_is_killed(stage: Stage, host: str) -> None:
    """For as long as the store is out: the lost host is told so, the others stand, nobody is condemned."""
    before = len(kills(stage.ground.data / "journal.db"))
    watching = asyncio.create_task(_statuses_stand(stage, host))
    await stage.host_is("moment", 30, status="unreachable")
    stage.say.seen(f"{host} is told to be unreachable all the same")
    await _held(stage, host)
    await asyncio.sleep(OUTAGE_SECONDS)
    watching.cancel()
    outcome = (await asyncio.gather(watching, return_exceptions=True))[0]
    if isinstance(outcome, NotSeen):
        raise outcome
    if len(kills(stage.ground.data / "journal.db")) != before:
        raise NotSeen("something was condemned while the gate was closed")
    stage.say.seen("no status of a living host changed, nothing was condemned")


async def _busiest(stage: Stage) -> str:
    """A host of arn other than those with a disk in use, with most machines."""
    counts = {name: sum(map(len, (await stage.names_on(name)).values())) for name in ("h1", "h2", "h3", "h4")}
    dbs = {route["host"] for route in (await stage.serving("db")).values()}
    return max((name for name in counts if name not in dbs), key=lambda name: counts[name])


async def _gate_is(stage: Stage, *, open_: bool) -> None:
    async def so() -> bool:
        return bool((await stage.api.status())["gate"]["open"]) is open_

    await until(so, 60, f"the gate is {'open' if open_ else 'closed'}")


async def _held(stage: Stage, host: str) -> None:
    async def held() -> list[str]:
        holds = (await stage.api.status())["holds"]
        return [hold["reason"] for hold in holds if hold["target"] == host and hold["reason"].startswith("Gate")]

    reasons = await until(held, 30, f"acts on {host} are held by the gate")
    stage.say.seen(f"acts on {host} are held: {reasons[0]}")


async def _statuses_stand(stage: Stage, lost: str) -> None:
    """Raises ``NotSeen`` when the status of any host but the lost one changes."""
    while True:
        for host in (await stage.api.status())["hosts"]:
            if host["name"] != lost and host["status"] != "ok":
                raise NotSeen(f"{host['name']} became {host['status']} while the store was out")
        await asyncio.sleep(0.2)
