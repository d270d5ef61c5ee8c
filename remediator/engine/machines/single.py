"""Apps that live on a single machine, or on a single host: what one death would take from their users. PURE."""

from collections import defaultdict
from dataclasses import dataclass

from remediator.model.fleet import Fleet
from remediator.model.machine import Machine, MachineState

# What an owner has stopped is not missed; what never ran serves nobody yet.
_SERVES = frozenset({MachineState.STARTED, MachineState.STARTING, MachineState.REPLACING, MachineState.CREATED})


@dataclass(frozen=True, slots=True)
class SingleApp:
    """``on`` is machine or host: the one thing that the app has but one of.

    ``recoverable`` is whether its machine could be recreated elsewhere
    """

    app: str
    on: str
    machines: int
    host: str
    region: str
    volumes: int
    recoverable: bool
    note: str


def single_apps(fleet: Fleet) -> tuple[SingleApp, ...]:
    """By app; those on a single machine first."""
    by_app: defaultdict[str, list[Machine]] = defaultdict(list)
    for machine in fleet.machines.values():
        if machine.state in _SERVES and not (machine.condemned or machine.replaced_by or machine.idles):
            by_app[machine.app].append(machine)
    copied = {snapshot.volume for snapshot in fleet.snapshots.values()}
    single = ((app, mine) for app, mine in by_app.items() if len({machine.host for machine in mine}) == 1)
    found = [_single(app, mine, copied, _stands_by(fleet, mine)) for app, mine in single]
    return tuple(sorted(found, key=lambda each: (each.on != "machine", each.app)))


def _stands_by(fleet: Fleet, mine: list[Machine]) -> bool:
    """Whether each of them has a standby on another host."""
    ready = [each for each in fleet.standbys_of(mine[0].app) if each.alive and each.host != mine[0].host]
    return all(machine.stateless and any(machine.id in each.stands_by for each in ready) for machine in mine)


def _single(app: str, mine: list[Machine], copied: set[str], stands_by: bool) -> SingleApp:  # noqa: FBT001
    on = "machine" if len(mine) == 1 else "host"
    volumes = [volume for machine in mine for volume in machine.volumes]
    recoverable = all(machine.sealed is not None for machine in mine)
    return SingleApp(
        app,
        on,
        len(mine),
        mine[0].host,
        mine[0].region,
        len(volumes),
        recoverable,
        "its standbys stand in" if stands_by else _note(volumes, recoverable, copied),
    )


def _note(volumes: list[str], recoverable: bool, copied: set[str]) -> str:  # noqa: FBT001 - of the values above
    """What the death of its host would mean."""
    if not recoverable:
        return "gone until its host is back: its full config is on its host alone"
    bare = [volume for volume in volumes if volume not in copied]
    if bare:
        return f"gone until its host is back: {len(bare)} volumes have no snapshot"
    return "restored from snapshots elsewhere" if volumes else "recreated elsewhere"
