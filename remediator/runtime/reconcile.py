"""What every tick settles before it decides: lives, destroys, admissions, migrations, bursts, and lost creates."""

from dataclasses import replace
from datetime import datetime, timedelta

from remediator.engine.evidence.lives import LifeTimes
from remediator.engine.machines import bursts, destroys, migrations
from remediator.engine.waits import may_send
from remediator.model.fleet import Fleet
from remediator.model.host import Host, Life
from remediator.model.layered import picked
from remediator.model.machine import GONE, Machine, MachineState, Recovery, Volume
from remediator.model.policy import Correlated
from remediator.model.request import Burst, Destroy, DestroyStage, Migration, MigrationStage, Operation
from remediator.model.stuck import COPY_MAY_RUN
from remediator.runtime import incidents
from remediator.runtime.agents.absorb import serving
from remediator.runtime.agents.admitting import admit
from remediator.runtime.effects import fencing, outcomes
from remediator.runtime.effects.written import condemn
from remediator.runtime.ledger import Draft
from remediator.runtime.living import live
from remediator.runtime.machines.lending import look_after_loans
from remediator.runtime.machines.standing_in import look_after_standbys
from remediator.runtime.people import maintenance
from remediator.runtime.people.leavers import forget_words, leave
from remediator.runtime.rewound import DOUBT

# Ended things are kept this long for people to read, and for keys to be recognised.
KEEP_ENDED = timedelta(hours=1)
ASK_AGAIN = timedelta(seconds=2)
# So long a host that takes no work any more is waited for that was to run a replacement.
UNANSWERED = timedelta(minutes=2)
_OF_THE_MOMENT = frozenset({"signal", "suspend", "restart"})


def settle(fleet: Fleet, times: LifeTimes, draft: Draft, now: datetime, rule: Correlated | None = None) -> None:
    """Put into the draft whatever follows from evidence and outcomes alone; ``rule`` says what is an incident."""
    live(fleet, times, draft, now)
    follow(fleet, draft, now, rule)


def follow(fleet: Fleet, draft: Draft, now: datetime, rule: Correlated | None = None) -> None:
    """The same, after lives."""
    # All that follows sees lives as this very look leaves them: nothing rests on a host that died in it.
    fleet = replace(fleet, hosts=draft.overlay(fleet.hosts, "Host")) if "Host" in draft.kinds else fleet
    if DOUBT in fleet.doubts:
        # Whatever else our journal says should be may have been, and been undone, since.
        return
    maintenance.end(fleet, draft, now)
    incidents.settle(fleet, rule, draft, now)
    _destroys(fleet, draft, now)
    serving(draft, fleet.machines, now)
    admit(fleet, draft, now)
    look_after_standbys(fleet, draft, now)
    _migrations(fleet, draft, now)
    for burst in picked(fleet.bursts, "open", value=True):
        draft.put(bursts.advance(burst, fleet, now))
    for demand in bursts.expired(fleet, now):
        draft.delete(demand)
    _stranded(fleet, draft, now)
    _doomed(fleet, draft)
    fencing.forgo(fleet, draft, now)
    fencing.contradict(fleet, draft, now)
    fencing.lift(fleet, draft, now)
    leave(fleet, draft, now)
    look_after_loans(fleet, draft, now)


def _destroys(fleet: Fleet, draft: Draft, now: datetime) -> None:
    for destroy in destroys.blocked(fleet):
        draft.put(destroy.moved_to(DestroyStage.BLOCKED, now))
    _take_back(fleet, draft, now)
    for destroy in destroys.due(fleet):
        if not may_send(destroy, fleet, now) and not _just_failed(destroy, now):
            send_destroy(fleet, destroy, draft, now)


def _take_back(fleet: Fleet, draft: Draft, now: datetime) -> None:
    """What was written and has not been answered is not sent (again) once it may not be: it waits like the others."""
    for operation in picked(fleet.operations, "open", value=True):
        if operation.verb != "destroy" or "migration" in operation.args:
            continue
        destroy = draft.get(Destroy, operation.machine)
        if destroy is not None and destroy.open and may_send(destroy, fleet, now):
            draft.delete(operation)
            if destroy.stage in (DestroyStage.SENT, DestroyStage.ACKED):
                draft.put(destroy.moved_to(DestroyStage.BLOCKED, now))


def _just_failed(destroy: Destroy, now: datetime) -> bool:
    """An agent that refused is not asked again at once."""
    blocked = destroy.stage is DestroyStage.BLOCKED and destroy.moved_at is not None
    return blocked and now - (destroy.moved_at or now) < ASK_AGAIN


def send_destroy(fleet: Fleet, destroy: Destroy, draft: Draft, now: datetime) -> None:
    """Write down that it is sent, with its operation; each sending has its own key, for a destroy is idempotent."""
    epoch = fleet.hosts[destroy.host].epoch
    args = {"machine_id": destroy.machine}
    key = f"destroy:{destroy.machine}:{epoch}:{now.timestamp():.3f}"
    draft.put(destroy.moved_to(DestroyStage.SENT, now, epoch))
    draft.put(Operation(key, "destroy", destroy.host, args, destroy.origin, now, destroy.machine))


def _migrations(fleet: Fleet, draft: Draft, now: datetime) -> None:
    for migration in picked(fleet.migrations, "open", value=True):
        known = draft.get(Migration, migration.id) or migration
        after, operations = migrations.advance(known, fleet, now)
        draft.put(after, *(op for op in operations if draft.get(Operation, op.key) is None))
        if after.stage is MigrationStage.ROLLED_BACK:
            _drop_operations(fleet, after, draft)
        if after.stage is not known.stage:
            draft.note(now, "migration", migration.machine, {"stage": after.stage, "note": after.note})


def _drop_operations(fleet: Fleet, ended: Migration, draft: Draft) -> None:
    """Nothing of an ended migration is to be sent any more, but for what puts things right."""
    for operation in fleet.operations.values():
        rights = operation.key.endswith((":start", ":undo", ":free"))
        if operation.open and operation.args.get("migration") == ended.id and not rights:
            draft.delete(operation)


def _stranded(fleet: Fleet, draft: Draft, now: datetime) -> None:
    """Creates and restores whose target died before they were done: given back, so that another host is chosen.

    What was meant for what ran there at that moment is not done to whatever runs there hours later.
    """
    for operation in picked(fleet.operations, "open", value=True):
        host = fleet.hosts.get(operation.host)
        if host is not None and _unanswered(operation, host, fleet, now):
            _create_again(operation, f"{host.name} did not answer", draft, now)
        if host is None or host.life is not Life.DEAD:
            continue
        copied = "migration" in operation.args and operation.verb in ("create", "create_volume")
        if copied or operation.verb in _OF_THE_MOMENT or "stands_for" in operation.args:
            outcomes.failed(operation, f"{host.name} died", draft, now)
        elif operation.verb == "create":
            _create_again(operation, f"{host.name} died", draft, now, lost=True)
        elif operation.verb == "create_volume" and "supersedes" in operation.args:
            made = draft.get(Volume, operation.args["volume_id"])
            draft.delete(operation)
            if made:
                draft.delete(made)


def _unanswered(operation: Operation, host: Host, fleet: Fleet, now: datetime) -> bool:
    """A replacement that a host which lives has not made for long, and which has become one that takes no work.

    Else its machine, and its dead host's slot in every budget, would wait for a wedged target for ever.
    """
    ours = operation.verb == "create" and "source" in operation.args and not operation.args.get("volumes")
    if not ours or host.life is Life.DEAD or host.takes_work or fleet.frozen:
        return False
    return now - operation.written_at >= UNANSWERED


def _doomed(fleet: Fleet, draft: Draft) -> None:
    """Starts of machines that have been condemned since: whatever was to run on there is to end."""
    for operation in picked(fleet.operations, "open", value=True):
        machine = fleet.machines.get(operation.machine)
        if operation.verb == "start" and machine is not None and machine.state in GONE:
            draft.delete(operation)


def _create_again(operation: Operation, why: str, draft: Draft, now: datetime, *, lost: bool = False) -> None:
    """The command may have arrived: where its host is lost it may even run there, and is spared as any other is.

    Then it stays between its original and what will be made elsewhere: whichever host is back first decides.
    """
    machine = draft.get(Machine, operation.machine)
    draft.delete(operation)
    if machine is None:
        return
    original = draft.get(Machine, machine.replaces)
    if lost and original and machine.alive:
        draft.put(*_spared(machine, original, why, now))
        return
    condemn(draft, machine.id, f"{why} before it started", now)
    if original:
        again = original.without(machine.id)
        draft.put(again.recovering(Recovery.NONE, f"{why} before the replacement started", now))


def _spared(machine: Machine, original: Machine, why: str, now: datetime) -> tuple[Machine, Machine]:
    """What may run on a lost host, and its original; of one volume's copies there is never to be a second."""
    if machine.stateless:
        again = machine.recovering(Recovery.PLACED, f"{why} before it started: made again elsewhere", now)
        return again, original.recovering(Recovery.NONE, f"{why} before the replacement started", now)
    waits = f"{why} before it was heard of: it may run there"
    told = f"its copy {machine.id} may run on lost host {machine.host}: waits for that host, or for its own"
    return _waits(machine, waits, now), _waits(original, told, now)


def _waits(machine: Machine, why: str, now: datetime) -> Machine:
    return machine.recovering(Recovery.WAITING, why, now, word=COPY_MAY_RUN)


def forget(fleet: Fleet, draft: Draft, now: datetime) -> None:
    """Drop what ended long ago; history keeps it."""
    incidents.forget(fleet, draft, now)
    forget_words(fleet, draft, now)
    for operation in fleet.operations.values():
        if not operation.open and now - operation.written_at > KEEP_ENDED:
            draft.delete(operation)
    for machine in fleet.machines.values():
        linked = fleet.machines.get(machine.replaces)
        if linked is not None and linked.state is not MachineState.DESTROYED:
            # A link between an original that may come back and what serves in its place.
            continue
        if machine.state is MachineState.DESTROYED and now - machine.updated_at > KEEP_ENDED:
            draft.delete(machine)
            _forget_destroy(fleet, draft, machine.id)
    ended_things: list[Migration | Burst] = [*fleet.migrations.values(), *fleet.bursts.values()]
    for ended in ended_things:
        over = not ended.open and now - (ended.moved_at or ended.asked_at) > KEEP_ENDED
        if over and not (isinstance(ended, Burst) and bursts.counts(ended, fleet)):
            draft.delete(ended)


def _forget_destroy(fleet: Fleet, draft: Draft, machine_id: str) -> None:
    destroy = fleet.destroys.get(machine_id)
    if destroy and not destroy.open:
        draft.delete(destroy)
