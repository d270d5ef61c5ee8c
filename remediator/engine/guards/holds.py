"""A person's hold: which one covers a target, a machine, or what a playbook wants. PURE."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import chain

from remediator.actions.effects import Effect, NoteRecovery, Recreate, RestoreVolume
from remediator.actions.spec import Case, Planned
from remediator.engine.guards.guard import Facts, Guard
from remediator.model.decision import Hold
from remediator.model.fleet import Fleet
from remediator.model.machine import Recovery
from remediator.model.people import OperatorHold, Scope
from remediator.model.stuck import OPERATOR_HOLD


def hold_on(
    fleet: Fleet, names: Iterator[tuple[Scope, str]], now: datetime, playbook: str = ""
) -> OperatorHold | None:
    """The first hold in force over one of those names, whoever acts or that playbook; the fleet's is over all."""
    if not fleet.operator_holds:
        return None
    mine = [row for row in fleet.operator_holds.values() if row.playbook in ("", playbook) and row.covers(now)]
    # Of two over one thing, the one that binds all.
    rows = {(row.scope, row.name): row for row in sorted(mine, key=lambda row: row.playbook, reverse=True)}
    of_all = next((row for row in rows.values() if row.scope is Scope.FLEET), None)
    return of_all or next((rows[name] for name in names if name in rows), None)


def of_host(fleet: Fleet, name: str) -> Iterator[tuple[Scope, str]]:
    """Everything under whose name a host may be held."""
    yield Scope.HOST, name
    host = fleet.hosts.get(name)
    if host is not None:
        yield Scope.RACK, host.rack
        yield Scope.REGION, host.region


def of_machine(fleet: Fleet, identifier: str) -> Iterator[tuple[Scope, str]]:
    """Everything under whose name a machine may be held; its host, rack and region are asked for their own sake."""
    yield Scope.MACHINE, identifier
    machine = fleet.machines.get(identifier)
    if machine is not None:
        yield Scope.APP, machine.app


def words(hold: OperatorHold) -> str:
    return f"{hold.by} holds {hold.about} until {hold.until:%Y-%m-%d %H:%M:%S}Z: {hold.why}"


def spared(case: Case, planned: Planned) -> Planned | Hold:
    """The plan without the machines that a person holds; lost ones are told that they are, and by whom."""
    if not case.fleet.operator_holds:
        return planned
    left: list[Effect] = []
    why = ""
    for effect in planned.effects:
        held = _held(case, effect)
        why = words(held) if held else why
        left += _told(case, effect, why) if held else [effect]
    if why and not left:
        return Hold("OperatorHold", why)
    return replace(planned, effects=tuple(left), asks=tuple(e for e in planned.asks if not _held(case, e)))


def _held(case: Case, effect: Effect) -> OperatorHold | None:
    machine = getattr(effect, "machine", "")
    return hold_on(case.fleet, of_machine(case.fleet, machine), case.now, case.playbook.name) if machine else None


def _told(case: Case, effect: Effect, why: str) -> list[Effect]:
    """On the machine itself, once, where it would have been recreated."""
    machine = case.fleet.machines.get(getattr(effect, "machine", ""))
    if machine is None or not isinstance(effect, Recreate | RestoreVolume):
        return []
    stage = Recovery.WAITING if machine.volumes else Recovery.HELD
    known = machine.recovery is stage and machine.recovery_reason == why
    return [] if known else [NoteRecovery(machine.id, stage, why, OPERATOR_HOLD)]


_TARGETS: dict[str, Callable[[Fleet, str], Iterator[tuple[Scope, str]]]] = {
    "host": of_host,
    "machine": of_machine,
    "app": lambda _, name: iter([(Scope.APP, name)]),
    "rack": lambda _, name: iter([(Scope.RACK, name)]),
    "region": lambda _, name: iter([(Scope.REGION, name)]),
}


def _read(case: Case) -> Facts | None:
    covering = _TARGETS.get(case.playbook.target)
    names = covering(case.fleet, case.target) if covering else iter(())
    book = case.playbook.name
    held = hold_on(case.fleet, chain([(Scope.PLAYBOOK, book)], names), case.now, book)
    return {"held": words(held)} if held else None


def _judge(facts: Facts) -> Hold:
    return Hold("OperatorHold", facts["held"])


# A person's word that nothing automatic is done to something; it wins over any rule.
operator_hold = Guard("operator_hold", _read, _judge)
