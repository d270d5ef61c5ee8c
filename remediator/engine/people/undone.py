"""Undo by a person: what a playbook did to a target is taken back as far as it can be. PURE."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from remediator.engine.machines import migrations
from remediator.engine.people.lifted import freed
from remediator.engine.people.spoken import Change, Ground, end_of, moment, told_by, unknown
from remediator.model.host import Life
from remediator.model.machine import Event, Machine, MachineState, Recovery
from remediator.model.people import OperatorHold, Scope
from remediator.model.policy import Playbook
from remediator.model.request import Destroy, DestroyStage, Operation, Origin
from remediator.model.said import Said, Undo
from remediator.model.stuck import WITHDRAWN

_UNSENT = frozenset({DestroyStage.QUEUED, DestroyStage.BLOCKED})
_TOLD = frozenset({"started", "stopped", "suspended", "failed", "created", "starting", "stopping"})
_ASKED = frozenset(("user", verb) for verb in ("start", "stop", "suspend", "restart", "update", "signal"))


@dataclass(slots=True)
class _Tally:
    """What is gathered while a word is worked through."""

    said: Said
    ground: Ground
    target: str
    puts: list[Any] = field(default_factory=list)
    drops: list[Any] = field(default_factory=list)
    condemns: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)


def undone(word: Undo, said: Said, ground: Ground) -> Change:
    """Cordon, moves, replacements that do not serve yet, and destroys not yet sent; then nobody does it again.

    Raises:
        Refused: an unknown playbook, or one that did nothing to that target.
        BadInput: no end.
    """
    until = end_of(said, ground.now)
    playbook = ground.playbooks.get(word.playbook)
    if playbook is None:
        raise unknown("playbook", word.playbook, ground.playbooks)
    known = ground.fleet.remediations.get(f"{word.playbook}/{word.target}")
    host = ground.fleet.hosts.get(word.target)
    cordoned = host is not None and host.cordoned == word.playbook
    if known is None and not cordoned:
        mine = [each.target for each in ground.fleet.remediations.values() if each.playbook == word.playbook]
        raise unknown("target", word.target, mine, f"{word.playbook} has done nothing to")
    tally = _Tally(said, ground, word.target)
    if known and known.open:
        tally.puts.append(replace(known, closed_at=ground.now, outcome=f"undone{told_by(said)}"))
        tally.done.append("its remediation is closed")
    if host and cordoned:
        tally.puts.append(replace(host, cordoned=""))
        tally.done.append("uncordoned")
    _steps(playbook, tally)
    hold = _hold(word, playbook.target, said, ground)
    told = f"{word.playbook} on {word.target}: {'; '.join(tally.done) or 'nothing was left to undo'}"
    end = f"; not again before {moment(until)}{told_by(said)}"
    rows = (*tally.puts, hold) if hold else tuple(tally.puts)
    return Change(word.target, told + end, rows, tuple(tally.drops), tuple(tally.condemns), until)


def _hold(word: Undo, kind: str, said: Said, ground: Ground) -> OperatorHold | None:
    """On the target itself; where people cannot hold such a thing, on the playbook. One that ends later stands."""
    until = end_of(said, ground.now)
    named = {scope.value for scope in Scope}
    scope, name = (Scope(kind), word.target) if kind in named else (Scope.PLAYBOOK, word.playbook)
    before = ground.fleet.operator_holds.get(f"{scope}/{name}")
    if before and before.covers(ground.now) and before.until >= until:
        return None
    return OperatorHold(scope, name, said.by, said.why or f"undo of {word.playbook}", ground.now, until)


def _steps(playbook: Playbook, tally: _Tally) -> None:
    """What its steps began and did not end."""
    _moves(playbook.name, tally)
    here = tally.ground.fleet.machines_on(tally.target)
    if playbook.step("condemn"):
        _destroys(here, tally)
    if playbook.step("recreate") or playbook.step("restore_volumes"):
        _replacements(here, tally)
    if playbook.step("quarantine"):
        _quarantine(tally)


def _moves(playbook: str, tally: _Tally) -> None:
    puts, drops, told = moves_back(playbook, tally.target, tally.said, tally.ground)
    tally.puts += puts
    tally.drops += drops
    tally.done += told


def moves_back(playbook: str, source: str, said: Said, ground: Ground) -> tuple[list[Any], list[Any], list[str]]:
    """Rows to put and to drop so that its open moves off a host end before their switch, and what is told of each."""
    puts: list[Any] = []
    drops: list[Any] = []
    told: list[str] = []
    fleet = ground.fleet
    mine = [each for each in fleet.migrations.values() if each.open and each.source == source]
    for migration in (each for each in mine if each.reason == playbook):
        back = migrations.given_up(migration, fleet, f"taken back{told_by(said)}", ground.now)
        if back is None:
            told.append(f"{migration.machine} lives on {migration.target} already")
            continue
        puts += [back[0], *back[1]]
        operations = fleet.operations.values()
        drops += [each for each in operations if each.open and each.args.get("migration") == migration.id]
        told.append(f"the move of {migration.machine} is taken back")
    return puts, drops, told


def _destroys(here: Iterable[Machine], tally: _Tally) -> None:
    for machine in here:
        destroy = tally.ground.fleet.destroys.get(machine.id)
        if destroy is None or not destroy.open or destroy.origin is not Origin.AUTOMATIC:
            continue
        if destroy.stage not in _UNSENT or destroy.epoch:
            tally.done.append(f"the destroy of {machine.id} was sent already")
            continue
        tally.drops.append(destroy)
        tally.puts.append(spared := _spared(machine, destroy, tally))
        tally.puts += _let_off(spared, tally)
        tally.done.append(f"the destroy of {machine.id} is cancelled")


def _spared(machine: Machine, destroy: Destroy, tally: _Tally) -> Machine:
    """The machine as it was last told of, before it was condemned."""
    spared = replace(machine, state=state_told(machine), condemned_at=None, condemned_why="")
    text = f"cancelled{told_by(tally.said)}; it was to be destroyed: {destroy.reason}"
    return spared.noted(Event(tally.ground.now, "destroy", "cancelled", "operator", text))


def state_told(machine: Machine) -> MachineState:
    """The last state that its agent told of; what its owner asked for meanwhile is none."""
    told = (each.status for each in machine.events if each.status in _TOLD and (each.source, each.kind) not in _ASKED)
    return MachineState(next(told, MachineState.STARTED.value))


def _let_off(machine: Machine, tally: _Tally) -> Iterator[Operation]:
    """A host that is back was told that it is condemned: it hears that it is not."""
    host, now = tally.ground.fleet.hosts.get(machine.host), tally.ground.now
    if host is None or host.life in (Life.DEAD, Life.RETIRED) or machine.state is not MachineState.STARTED:
        return
    key = f"start:{machine.id}:undo:{now.isoformat()}"
    yield Operation(key, "start", host.name, {"machine_id": machine.id}, Origin.OPERATOR, now, machine.id)


def _quarantine(tally: _Tally) -> None:
    for machine in tally.ground.fleet.machines.values():
        if machine.quarantined and tally.target in (machine.app, machine.id):
            tally.puts.append(freed(machine, tally.said, tally.ground.now))
            tally.done.append(f"{machine.id} is out of quarantine")


def _replacements(here: Iterable[Machine], tally: _Tally) -> None:
    """What does not serve yet is withdrawn; what serves stays, for taking it away would cost its users."""
    for machine in here:
        new = tally.ground.fleet.machines.get(machine.replaced_by)
        if machine.recovery is not Recovery.PLACED or new is None or not new.alive:
            continue
        if new.state is MachineState.STARTED:
            tally.done.append(f"{new.id} serves for {machine.id} and stays")
            continue
        tally.condemns.append(new.id)
        alone = replace(machine, replaced_by="")
        text = f"its replacement is withdrawn{told_by(tally.said)}"
        tally.puts.append(alone.recovering(Recovery.HELD, text, tally.ground.now, word=WITHDRAWN))
        tally.done.append(f"replacement {new.id} is withdrawn")
