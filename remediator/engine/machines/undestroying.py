"""A destroy that its owner takes back, as long as it was not sent. PURE."""

from dataclasses import replace
from datetime import datetime

from remediator.engine.machines.refusals import Refused, precondition
from remediator.engine.people.undone import state_told
from remediator.model.machine import Event, Machine
from remediator.model.request import Destroy, DestroyStage, Origin

_UNSENT = frozenset({DestroyStage.QUEUED, DestroyStage.BLOCKED})


def too_late(machine_id: str) -> Refused:
    return precondition(f"the destroy of machine {machine_id} was sent already and cannot be taken back")


def spared(machine: Machine, destroy: Destroy, who: str, now: datetime) -> Machine:
    """The machine as it was last told of.

    Raises:
        Refused: it was sent, or a playbook decided it: that is an operator's to undo.
    """
    if destroy.stage not in _UNSENT or destroy.epoch:
        raise too_late(machine.id)
    if destroy.origin is Origin.AUTOMATIC:
        raise precondition(f"machine {machine.id} was condemned by a playbook ({destroy.reason}): see fleetmend undo")
    back = replace(machine, state=state_told(machine), condemned_at=None, condemned_why="")
    return back.noted(Event(now, "destroy", "cancelled", "user", f"taken back by {who}; it was {destroy.reason}"))
