"""What follows when a machine's reconfiguration ends."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from remediator.model.machine import Event, Machine
from remediator.model.request import Anew, Operation
from remediator.runtime.ledger import Draft

# The kind of the entry that keeps an earlier configuration.
VERSION = "version"
RECONFIGURE = frozenset({"update", "set_metadata"})


def anew(machine: Machine, wanted: Anew, draft: Draft, now: datetime) -> Machine:
    """The machine as its owner's update has it, in the instant in which it lives elsewhere; a version ends."""
    draft.note(now, VERSION, machine.id, {"version": machine.instance_id, "config": machine.config})
    return replace(machine, config=wanted.config, digest=wanted.digest)


def reconfigured(operation: Operation, record: dict[str, Any], draft: Draft) -> None:
    """Its config is another one because its owner said so: so is the digest that a recreate must have."""
    machine = draft.get(Machine, operation.machine)
    if machine is not None and operation.verb in RECONFIGURE:
        draft.put(replace(machine, digest=operation.args.get("digest") or record["digest"]))


def not_reconfigured(operation: Operation, text: str, draft: Draft, now: datetime) -> None:
    """What was to be is not: it takes the room that it took before, unless its host has the new one all the same."""
    machine = draft.get(Machine, operation.machine)
    if machine is None:
        return
    told = Event(now, operation.verb, "failed", "agent", text)
    if machine.instance_id == operation.args.get("instance_id"):
        draft.put(machine.noted(told))
    elif operation.verb == "update":
        draft.put(replace(machine, config=operation.args["was"]).noted(told))
    else:
        before = operation.args["was"].get("metadata") or {}
        draft.put(replace(machine, config={**machine.config, "metadata": before}).noted(told))
