"""The machines of a story's beginning, each on the host that the story gives it.

Placement is the remediator's affair, so hosts are filled first, and room is made where a machine shall go.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from remediator.simulate.world.story import Story, Workload
from scripts.story.api import Json, until
from scripts.story.plays.field import Field
from scripts.story.workload import keeper, worker

CPUS, MEMORY_MB = 8, 8192
CAPACITY = f"cpus={CPUS},memory_mb={MEMORY_MB},disk_mb=64"
FILLER = "filler"
VOLUME_MB = 4


def name_of(workload: Workload) -> str:
    """Its name as the API takes it."""
    return workload.name.replace(".", "-")


async def populate(field: Field, story: Story) -> None:
    """All of them started, and nothing else left behind."""
    wanted: dict[str, list[Workload]] = defaultdict(list)
    for workload in story.workloads:
        wanted[workload.host].append(workload)
    await asyncio.gather(*(_fill(field, f"all-{site.name}", site.region) for site in field.layout.sites))
    for host, workloads in wanted.items():
        await _empty(field, host)
        await asyncio.gather(*(_create(field, each, story) for each in workloads))
        await _fill(field, f"rest-{host}", story.topology.places[host].region, workloads)
    await _empty(field, *(site.name for site in field.layout.sites))
    await _as_wanted(field, story)


async def _fill(field: Field, name: str, region: str, beside: Sequence[Workload] = ()) -> None:
    """Take all the room of a host, or what these leave of it: volumes go where most memory is free."""
    guest = {"cpus": CPUS - sum(w.cpus for w in beside), "memory_mb": MEMORY_MB - sum(w.memory_mb for w in beside)}
    config = {"init": {"exec": ["/bin/sleep", "3600"]}, "guest": guest}
    await field.api.create(FILLER, name, region, config)


async def _places(field: Field) -> list[Json]:
    machines = (await field.api.status())["machines"]
    return [each for each in machines if each["state"] not in ("destroyed", "destroying")]


async def _empty(field: Field, *hosts: str) -> None:
    """Take the fillers of these hosts away."""
    there = [each for each in await _places(field) if each["app"] == FILLER and each["host"] in hosts]
    for machine in there:
        await field.api.ask("DELETE", f"/v1/apps/{FILLER}/machines/{machine['id']}?force=true")
    ids = {machine["id"] for machine in there}

    async def gone() -> bool:
        return not ids & {machine["id"] for machine in await field.api.machines(FILLER) if _alive(machine)}

    await until(gone, 40, f"the fillers of {', '.join(hosts)} are gone", every=0.05)


def _alive(machine: Json) -> bool:
    return bool(machine["state"] != "destroyed")


async def _create(field: Field, each: Workload, story: Story) -> None:
    region = story.topology.places[each.host].region
    name = name_of(each)
    config = worker(name, each.memory_mb)
    if each.volume:
        config = keeper(name, await _volume(field, each, region), "kept")
    config["guest"]["cpus"] = each.cpus
    if not each.recoverable:
        config["metadata"]["recoverable"] = "false"
    await field.api.create(each.app, name, region, config)


async def _volume(field: Field, each: Workload, region: str) -> str:
    """A volume with its snapshot, on the host that has room."""
    body = {"name": "data", "region": region, "size_mb": VOLUME_MB}
    made = (await field.api.ask("POST", f"/v1/apps/{each.app}/volumes", body)).body
    if each.snapshot is not None:
        await field.api.ask("POST", f"/v1/apps/{each.app}/volumes/{made['id']}/snapshots")
    return str(made["id"])


async def _as_wanted(field: Field, story: Story) -> None:
    wanted = {(name_of(each), each.host) for each in story.workloads}

    async def so() -> bool:
        there = {(each["name"], each["host"]) for each in await _places(field) if each["state"] == "started"}
        return there == wanted

    await until(so, 40, "every machine of the beginning runs on its host", every=0.1)
