"""recreate: have a lost host's stateless machines run elsewhere: standbys, or copies from sealed configs. It adds."""

from datetime import timedelta
from typing import Literal

from remediator.actions.effects import Effect, NoteRecovery, Quarantine, Recreate
from remediator.actions.elsewhere import regions_of
from remediator.actions.fields import Pace
from remediator.actions.poison import poisoned
from remediator.actions.spec import ActionSpec, Case, Params, Planned
from remediator.actions.standbys import stand_ins, standing_in
from remediator.model import stuck
from remediator.model.machine import Machine, MachineState, Recovery
from remediator.model.policy import Kind
from remediator.model.request import Operation, Stage

# What its owner had stopped, or what never ran, stays where it is: nobody misses it before the host is back.
WAS_SERVING = frozenset({MachineState.CREATED, MachineState.STARTING, MachineState.STARTED, MachineState.REPLACING})

_UNDER_WAY = frozenset({Recovery.NONE, Recovery.PLACED})
_ELSEWHERE = frozenset({Recovery.PLACED, Recovery.SERVING})
_SECOND = timedelta(seconds=1)


class RecreateParams(Params):
    """``pace`` machines a second over the fleet, ``per_target`` at once on one host.

    ``elsewhere: agreed`` lets machines leave their region whose app agreed to it (``actions.elsewhere``).
    """

    machines: Literal["stateless"] = "stateless"
    pace: Pace = 20.0
    per_target: int = 2
    when_no_room: str = "burst_provision"
    elsewhere: Literal["never", "agreed"] = "never"


def plan(case: Case, params: RecreateParams) -> Planned:
    lost = [m for m in case.fleet.machines_on(case.target) if not (m.volumes or m.adopted) and m.alive]
    serving = [m for m in lost if was_serving(case, m) and not m.idles]
    tried = attempts(case)
    # Cheaper than a replacement: what its owner keeps ready for this very moment.
    wanting = (m for m in serving if m.recovery not in _ELSEWHERE and not m.quarantined and m.id not in tried)
    ready_made = stand_ins(wanting, case.fleet, case.epoch)
    covered = standing_in(serving, case.fleet)
    ready: list[Machine] = []
    notes: list[Effect] = []
    for machine in serving:
        wish = ready_made.get(machine.id) or _wish(case, machine, tried.get(machine.id), covered.get(machine.id))
        if isinstance(wish, Machine):
            ready.append(wish)
        elif wish:
            notes.append(wish)
    others = _elsewhere(case, params, ready)
    batch = [_recreated(case, machine, others) for machine in _paced(case, params, ready, others)]
    pending = [m for m in serving if m.recovery in _UNDER_WAY]
    waiting = f"{len(pending)} machines not serving elsewhere yet" if pending else ""
    return Planned((*notes, *batch), waiting)


def _elsewhere(case: Case, params: RecreateParams, machines: list[Machine]) -> dict[str, tuple[str, ...]]:
    """The other regions of each machine that may leave its own."""
    if params.elsewhere == "never":
        return {}
    return {machine.id: found for machine in machines if (found := regions_of(machine, case.fleet))}


def _recreated(case: Case, machine: Machine, others: dict[str, tuple[str, ...]]) -> Recreate:
    return Recreate(machine.id, machine.instance_id, case.epoch, elsewhere=others.get(machine.id, ()))


def was_serving(case: Case, machine: Machine) -> bool:
    """Whether its owner would miss it: it ran, or only a migration of ours had stopped it."""
    if machine.state in WAS_SERVING:
        return True
    moves = case.fleet.moves_from(case.target)
    return any(each.machine == machine.id and each.stops for each in moves)


def attempts(case: Case) -> dict[str, Operation]:
    """The creates that were written for this death of the host, by the machine they replace."""
    return {op.args["source"]: op for op in case.fleet.creates() if op.args.get("epoch") == case.epoch}


def _wish(case: Case, machine: Machine, tried: Operation | None, standby: str | None) -> Effect | Machine | None:
    """What is to be said of one lost machine now, if anything; itself, if it is to be recreated."""
    if machine.recovery in _ELSEWHERE:
        return None
    if standby:
        return NoteRecovery(machine.id, Recovery.PLACED, f"its standby {standby} stands in for it")
    if machine.quarantined:
        return _held(machine, stuck.QUARANTINED, machine.quarantined)
    if machine.replaces and (why := poisoned(case.fleet, machine, case.limits.poison)):
        return Quarantine(machine.id, why)
    if machine.sealed is None:
        return _held(machine, stuck.NOT_RECOVERABLE, "its full config is on its host alone: not marked recoverable")
    if machine.sealed.instance_id != machine.instance_id:
        return _held(machine, stuck.SEALED_OLD, "sealed copy is older than the last instance seen")
    if tried is not None and tried.stage is Stage.FAILED:
        return _held(machine, stuck.FAILED, tried.error)
    return None if tried is not None else machine


def _held(machine: Machine, word: str, reason: str) -> NoteRecovery | None:
    told = machine.recovery is Recovery.HELD and machine.recovery_reason == reason
    return None if told else NoteRecovery(machine.id, Recovery.HELD, reason, word)


def _paced(
    case: Case, params: RecreateParams, wishes: list[Machine], others: dict[str, tuple[str, ...]]
) -> list[Machine]:
    """No more in flight than ``per_target`` on each host that takes work: survivors are not to be trampled."""
    if not wishes:
        return []
    # Where all of it is to stop, a guard says so; what it would stop is planned as ever.
    pace = case.pace or 1.0
    creates = case.fleet.creates()
    in_flight = sum(1 for op in creates if op.open) + case.given_out
    lately = sum(1 for op in creates if case.now - op.written_at < _SECOND) + case.given_out
    soon = wishes[: max(0, max(1, int(params.pace * pace)) - lately)]
    # One at a time is never too many: whatif asks that of every host.
    if len(soon) + in_flight <= 1:
        return soon
    regions = {case.region, *(region for each in others.values() for region in each)}
    targets = max(1, sum(case.fleet.taking(region) for region in regions)) * params.per_target
    return soon[: max(0, max(1, int(targets * pace)) - in_flight)]


RECREATE = ActionSpec("recreate", Kind.ADDITIVE, "host", RecreateParams, plan)
