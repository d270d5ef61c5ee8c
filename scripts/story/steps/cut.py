"""A host loses its network and its machines run on unseen; another is only away for a moment."""

import asyncio

from scripts.story.api import Json, NotSeen, until
from scripts.story.stage import Stage


async def play(stage: Stage) -> None:
    await lose_network(stage)
    await _only_a_moment(stage)


async def lose_network(stage: Stage) -> None:
    host = stage.cast["network"]
    names = await stage.names_on(host)
    victim = await _machine_on(stage, host)
    at = await stage.front("network").fault("network_cut")
    stage.say.fault(at, f"network of {host} is cut; its machines run on")
    murder = asyncio.create_task(stage.maybe_murder())
    await _refused_while_fresh(stage, victim)
    await stage.host_is("network", 40, status="unreachable")
    stage.measured("network_cut_to_dead", stage.say.seen(f"{host} is dead"))
    await _destroy(stage, victim)
    # Its owner took it away: what is replaced is the rest.
    remaining = {app: [n for n in found if n != victim["name"]] for app, found in names.items()}
    stage.names[victim["app"]].remove(victim["name"])
    await stage.elsewhere(remaining, host, 40)
    stage.measured("network_cut_to_replaced", stage.say.seen("its other machines answer elsewhere"))
    await murder


async def _machine_on(stage: Stage, host: str) -> Json:
    for app in ("jobs", "api", "web"):
        for name, route in (await stage.serving(app)).items():
            if route["host"] == host:
                return {"app": app, "name": name, "id": route["machine"]}
    raise NotSeen(f"no stateless machine on {host}")


async def _refused_while_fresh(stage: Stage, victim: Json) -> None:
    """In the first moments of a loss a forced destroy is refused, with the time to try again."""
    host = stage.cast["network"]

    async def lost_a_moment_ago() -> bool:
        seen = await stage.api.host(host)
        return bool(seen["status"] != "ok" or seen["life"] == "suspect")

    await until(lost_a_moment_ago, 20, f"{host} is in doubt", every=0.03)
    answer = await stage.api.ask("DELETE", f"/v1/apps/{victim['app']}/machines/{victim['id']}?force=true")
    if answer.status != 412 or not answer.retry_after:
        raise NotSeen(f"a forced destroy was not refused while the loss is fresh: {answer}")
    stage.say.seen(f"destroy of {victim['name']} refused for now (412, Retry-After {answer.retry_after})")


async def _destroy(stage: Stage, victim: Json) -> None:
    path = f"/v1/apps/{victim['app']}/machines/{victim['id']}"
    plain = await stage.api.ask("DELETE", path)
    if plain.status != 412:
        raise NotSeen(f"a destroy without force was not refused: {plain}")
    forced = await stage.api.ask("DELETE", f"{path}?force=true")
    machine = await stage.api.get(path)
    if forced.status != 200 or machine["state"] != "destroying":
        raise NotSeen(f"a forced destroy was not accepted: {forced}, state {machine['state']}")
    stage.say.seen(f"destroy of {victim['name']} refused without force, accepted with it: destroying")


async def _only_a_moment(stage: Stage) -> None:
    """Back within patience: the originals stay, the replacements are withdrawn."""
    host = stage.cast["moment"]
    names = await stage.names_on(host)
    before = {name: route["machine"] for app in names for name, route in (await stage.serving(app)).items()}
    at = await stage.front("moment").fault("network_cut")
    stage.say.fault(at, f"network of {host} is cut for a moment")
    await stage.host_is("moment", 40, status="unreachable")
    stage.say.seen(f"{host} is dead")
    await stage.elsewhere(names, host, 30)
    stage.say.seen("its machines answer elsewhere")
    await stage.front("moment").fault("network_heal")
    stage.say.seen(f"network of {host} is back, within patience")
    await stage.host_is("moment", 20, status="ok")
    kept = [name for app, found in names.items() for name in found]
    after = {name: route["machine"] for app in names for name, route in (await stage.serving(app)).items()}
    lost = [name for name in kept if after.get(name) != before[name]]
    if lost:
        raise NotSeen(f"originals were not kept: {lost}")
    stage.measured("moment_to_originals", stage.say.seen("the originals are kept and routed, replacements withdrawn"))
    await asyncio.sleep(0.5)
    await until(stage.all_serving, 20, "every machine answers")
