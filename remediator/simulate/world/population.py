"""The fleet as rows: what a remediator knows when all has been well for a day."""

from dataclasses import replace
from datetime import timedelta

from remediator.model.host import Host, Identity
from remediator.model.machine import Machine, MachineState, Sealed, Snapshot, Volume
from remediator.simulate.world.house import START
from remediator.simulate.world.judge import Population
from remediator.simulate.world.story import Story, Workload
from remediator.simulate.world.topology import Place

LONG_AGO = START - timedelta(days=1)
VOLUME_MB = 100


def population_of(story: Story) -> Population:
    """Every host joined and healthy, every machine as its workload says."""
    places = story.topology.places
    hosts = tuple(_named(host_of(p, story.cordoned.get(p.name, "")), story) for p in places.values())
    stateful = [each for each in story.workloads if each.volume]
    return Population(
        hosts=hosts,
        machines=tuple(_machine(each, places[each.host]) for each in story.workloads),
        volumes=tuple(_volume(each, places[each.host]) for each in stateful),
        snapshots=tuple(_snapshot(each) for each in stateful if each.snapshot is not None),
        vantages=tuple(story.topology.seat(name) for name in story.topology.vantages),
    )


def _named(host: Host, story: Story) -> Host:
    """As the orchestrator has named its chassis, where there is one."""
    named = replace(host, orchestrator_uuid=host.identity.uuid, orchestrator_at=LONG_AGO)
    return named if story.orchestrator else host


def host_of(place: Place, cordoned: str = "") -> Host:
    name = place.name
    return Host(
        name,
        place.region,
        place.rack,
        since=LONG_AGO,
        status_since=LONG_AGO,
        provider=place.provider,
        address=name,
        agent_port=1,
        exporter_port=1,
        labels=place.labels,
        capacity=place.capacity,
        identity=Identity(f"uuid-{name}", f"key-{name}", f"data-{name}"),
        boot_id=f"{name}-boot1",
        version=place.version,
        epoch=1,
        cordoned=cordoned,
        joined=True,
        bmc_uuid=f"uuid-{name}" if place.bmc else "",
        bmc_at=LONG_AGO if place.bmc else None,
    )


def _machine(each: Workload, place: Place) -> Machine:
    sealed = Sealed(each.name, f"{each.name}-1", each.host, 1, "d", "b", "s") if each.recoverable else None
    return Machine(
        each.name,
        each.app,
        each.name,
        place.region,
        each.host,
        f"{each.name}-1",
        created_at=LONG_AGO,
        updated_at=LONG_AGO,
        state=MachineState(each.state),
        config=each.config,
        digest="d",
        sealed=sealed,
        volumes=(f"{each.name}-volume",) if each.volume else (),
        port=1,
    )


def _volume(each: Workload, place: Place) -> Volume:
    name = f"{each.name}-volume"
    return Volume(name, each.app, "data", place.region, each.host, VOLUME_MB, LONG_AGO, machine=each.name)


def _snapshot(each: Workload) -> Snapshot:
    volume = f"{each.name}-volume"
    taken = START - timedelta(seconds=each.snapshot or 0.0)
    return Snapshot(f"{volume}-snapshot", volume, each.app, taken, VOLUME_MB, "")
