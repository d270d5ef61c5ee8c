"""Canaries of a burst: the first hosts of a shape, the first machines of an image; two that fail stop the rest. PURE.

Nobody pays for hosts that never join, nor for room in which an image only fails.
"""

from collections.abc import Sequence
from datetime import datetime

from remediator.model.fleet import Fleet
from remediator.model.host import Capacity
from remediator.model.machine import Machine, MachineState
from remediator.model.request import Burst, BurstStage, Demand

FAILURES = 2


def failed_shape(bursts: Sequence[Burst], shape: Capacity) -> str:
    """Why no more hosts of a shape are asked for: of the last requests that were filled, two in turn never joined."""
    filled = [burst for burst in bursts if burst.given and burst.size == shape and not burst.open]
    last = sorted(filled, key=lambda burst: burst.asked_at)[-FAILURES:]
    if len(last) < FAILURES or any(burst.stage is not BurstStage.STUCK for burst in last):
        return ""
    return f"the hosts of the last {FAILURES} requests for this shape never joined"


def failed_image(fleet: Fleet, demand: Demand, since: datetime) -> str:
    """Why no more room is asked for: since then two machines of the app's newest image failed, and none runs."""
    began = max(since, demand.first_asked)
    made = [m for m in fleet.machines_of(demand.app) if m.created_at >= began and not m.adopted]
    if not made:
        return ""
    image = max(made, key=lambda each: (each.created_at, each.id)).config.get("image")
    canaries = [each for each in made if each.config.get("image") == image]
    failed = sorted(each.id for each in canaries if _failed(each))
    if len(failed) < FAILURES or any(each.state is MachineState.STARTED for each in canaries):
        return ""
    return f"image {image} of {demand.app}: {', '.join(failed[:FAILURES])} failed, and none of it runs"


def _failed(machine: Machine) -> bool:
    """It ended by itself, or could not be made at all."""
    never_made = any((each.kind, each.status) == ("launch", "failed") for each in machine.events)
    return machine.state is MachineState.FAILED or (machine.state is MachineState.DESTROYED and never_made)
