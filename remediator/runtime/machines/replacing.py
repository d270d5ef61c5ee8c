"""An update that finds no room at home: the same machine, made anew on another host, its old instance ended after."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from remediator.engine.machines import placement
from remediator.engine.machines.refusals import Refused, Terms, precondition
from remediator.model.asks import UpdateAsk
from remediator.model.enrolment import Enrolment
from remediator.model.errors import PermanentError
from remediator.model.fleet import Fleet
from remediator.model.host import Host
from remediator.model.layered import picked
from remediator.model.machine import Event, Machine, MachineState
from remediator.model.request import Anew, Migration, Origin
from remediator.runtime import names
from remediator.runtime.ledger import Draft
from remediator.runtime.machines.reconfiguring import configured, fits
from remediator.wire.keys import parse_box_key
from remediator.wire.sealing import digest, seal_config

_TAKEN = "insufficient memory available to fulfill request"
_RUNS = frozenset({MachineState.STARTED, MachineState.STARTING})


def another_home(machine: Machine, ask: UpdateAsk, fleet: Fleet) -> Host | None:
    """None where the machine can be what is asked for on its own host, else the one of its region that has room.

    Raises:
        Refused: its volumes hold it there, or no host has room.
    """
    if fits(machine, ask, fleet):
        return None
    room = {name: free for name, free in placement.room_of(fleet).items() if name != machine.host}
    wanted = configured(machine, ask.config)
    found = placement.choose(fleet, room, machine.app, machine.region, wanted.asks) if machine.stateless else None
    if found is None:
        raise Refused(
            f"aborted: could not reserve resource for machine: {_TAKEN}", Terms(409, "insufficient_capacity")
        )
    return found


def replace_on(
    target: Host, machine: Machine, ask: UpdateAsk, draft: Draft, now: datetime, sequence: int
) -> Migration:
    """Its move, put into the draft with the config sealed for the target; the room there is taken from now on."""
    agent = draft.get(Enrolment, f"agent/{target.name}")
    if agent is None:
        raise PermanentError(f"{target.name} is not enrolled")
    instance = names.instance_id(f"{machine.id}/{now.isoformat()}/{sequence}")
    wanted = Anew(
        instance,
        digest(ask.config),
        configured(machine, ask.config).config,
        seal_config(ask.config, parse_box_key(agent.box_key)),
        start=ask.start,
        ran=machine.state in _RUNS,
    )
    why = f"no room on {machine.host} for what it is to be"
    move = Migration(f"replace:{machine.id}:{instance}", machine.id, machine.app, machine.host, target.name, now, why)
    move = replace(move, origin=Origin.OWNER, anew=wanted)
    event = Event(now, "update", "replacing", "user", f"{instance}: made anew on {target.name}, for there is {why}")
    draft.put(move, machine.noted(event))
    return move


def not_moving(moves: Mapping[str, Migration], machine: Machine) -> None:
    """Nothing while it stays where it is.

    Raises:
        Refused: it is on its way to another host: what is done to it here will not be there.
    """
    for move in picked(moves, "open", value=True):
        if move.machine == machine.id:
            raise precondition(f"machine {machine.id} is being moved to {move.target}: try again when it is there", 1)
