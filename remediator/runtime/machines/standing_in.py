"""Standbys at work: started for a machine whose host is lost, and stopped when that one serves again."""

from dataclasses import replace
from datetime import datetime

from remediator.actions.effects import StandIn
from remediator.model.fleet import Fleet, serves
from remediator.model.host import LOST, Host
from remediator.model.layered import picked
from remediator.model.machine import Event, Machine, Recovery
from remediator.model.request import Operation, Origin
from remediator.runtime.ledger import Draft

# The kind of a standby's events.
STANDBY = "standby"
_COVERED = frozenset({Recovery.PLACED, Recovery.SERVING})


def stand_in(effect: StandIn, draft: Draft, decision: str, now: datetime) -> None:
    """The standby is to be started in the place of the machine."""
    original, standby = draft.get(Machine, effect.machine), draft.get(Machine, effect.standby)
    if original is None or standby is None or not standby.alive or standby.stands_in:
        return
    told = f"stands in for {original.id}, whose host {original.host} is lost"
    draft.put(replace(standby, standing_for=original.id).noted(Event(now, STANDBY, "starting", "fleetmend", told)))
    reason = f"its standby {standby.id} on {standby.host} is being started"
    draft.put(original.recovering(Recovery.PLACED, reason, now))
    args = {"machine_id": standby.id, "stands_for": original.id}
    draft.put(Operation(effect.key, "start", standby.host, args, Origin.AUTOMATIC, now, standby.id, decision))


def look_after_standbys(fleet: Fleet, draft: Draft, now: datetime) -> None:
    """Whoever stands in for another serves, is lost or gone itself, or is needed no more."""
    for standby in picked(fleet.machines, "stands_in", value=True):
        _look_after(draft, standby, now)
        after = draft.get(Machine, standby.id)
        if after is not None and not after.stands_in:
            _never_mind(fleet, draft, standby)


def _never_mind(fleet: Fleet, draft: Draft, standby: Machine) -> None:
    """A start that was not answered yet is not sent again."""
    for operation in picked(fleet.operations, "open", value=True):
        if operation.machine == standby.id and "stands_for" in operation.args:
            draft.delete(operation)


def _look_after(draft: Draft, standby: Machine, now: datetime) -> None:
    mine = draft.get(Machine, standby.id) or standby
    original, host = draft.get(Machine, mine.standing_for), draft.get(Host, mine.host)
    if not mine.alive:
        draft.put(replace(mine, standing_for=""))
        _uncovered(draft, mine, "its standby was destroyed", now)
    elif host is None or host.life in LOST:
        stand_down(draft, mine, f"its own host {mine.host} is lost", now)
        _uncovered(draft, mine, f"the host of its standby {mine.id} is lost too", now)
    elif original is None or not original.alive:
        # Nobody else serves in its place: it serves on until its owner says otherwise.
        return
    elif serves(original, draft.get(Host, original.host)):
        stand_down(draft, mine, f"{original.id} serves again", now)
    elif original.recovery is Recovery.PLACED and serves(mine, host):
        draft.put(original.recovering(Recovery.SERVING, f"its standby {mine.id} on {mine.host} stands in", now))


def stand_down(draft: Draft, standby: Machine, why: str, now: datetime) -> None:
    """It serves no more from this instant on, and is stopped as soon as its host can be told."""
    resting = replace(standby, standing_for="", stepping_down=True)
    draft.put(resting.noted(Event(now, STANDBY, "stopping", "fleetmend", why)))
    key = f"stand_down:{standby.id}:{now.isoformat()}"
    args = {"machine_id": standby.id, "stands_down": True}
    draft.put(Operation(key, "stop", standby.host, args, Origin.AUTOMATIC, now, standby.id))


def not_started(operation: Operation, text: str, draft: Draft, now: datetime) -> None:
    """A standby that could not be started: another one, or a replacement, is to serve instead."""
    standby = draft.get(Machine, operation.machine)
    if standby is None or not standby.stands_in or standby.standing_for != operation.args.get("stands_for"):
        return
    stand_down(draft, standby, f"could not be started: {text}", now)
    _uncovered(draft, standby, f"its standby {standby.id} could not be started: {text}", now)


def at_rest(operation: Operation, draft: Draft) -> None:
    """It has stopped, or its owner has it do something else: what it does from now on is its owner's."""
    machine = draft.get(Machine, operation.machine)
    mine = operation.verb == "stop" or operation.origin is not Origin.AUTOMATIC
    if machine is not None and machine.stepping_down and mine:
        draft.put(replace(machine, stepping_down=False))


def _uncovered(draft: Draft, standby: Machine, why: str, now: datetime) -> None:
    original = draft.get(Machine, standby.standing_for)
    if original is not None and original.alive and original.recovery in _COVERED:
        draft.put(original.recovering(Recovery.NONE, why, now))
