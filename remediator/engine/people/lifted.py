"""A person lets machines out of quarantine: they may be started anew, and are not laid in it again. PURE."""

from dataclasses import replace
from datetime import datetime

from remediator.engine.people.spoken import Change, Ground, listed, told_by, unknown
from remediator.model.machine import Event, Machine, Recovery
from remediator.model.said import Said, Unquarantine


def lifted(word: Unquarantine, said: Said, ground: Ground) -> Change:
    """Of one machine, or of all of an app.

    Raises:
        Refused: neither machine nor app is called so.
    """
    every = ground.fleet.machines.values()
    mine = [machine for machine in every if machine.alive and word.name in (machine.id, machine.app)]
    if not mine:
        raise unknown("machine or app", word.name, {name for each in every for name in (each.id, each.app)})
    held = [machine for machine in mine if machine.quarantined]
    if not held:
        return Change(word.name, f"nothing of {word.name} is in quarantine")
    names = listed(sorted(machine.id for machine in held))
    told = f"out of quarantine: {names}{told_by(said)}"
    return Change(word.name, told, tuple(freed(machine, said, ground.now) for machine in held))


def freed(machine: Machine, said: Said, now: datetime) -> Machine:
    text = f"let out of quarantine{told_by(said)}"
    free = replace(machine, quarantined="", quarantine_lifted_at=now)
    if free.recovery in (Recovery.HELD, Recovery.WAITING):
        free = free.recovering(Recovery.NONE, text, now)
    return free.noted(Event(now, "quarantine", "lifted", "operator", text))
