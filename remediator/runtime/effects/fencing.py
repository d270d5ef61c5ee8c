"""Fences written down: what becomes of one or of a power cycle, what its end means, when it is forgone or lifted."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from remediator.actions.effects import Fence as FenceEffect
from remediator.actions.effects import PowerCycle
from remediator.actions.fence import VERBS
from remediator.model.evidence import ANSWERING, Verdict, VerdictKind
from remediator.model.fleet import Fleet
from remediator.model.host import HEARD_EVERY, LOST, Fence, Host, Life
from remediator.model.layered import picked
from remediator.model.people import OperatorHold, Scope
from remediator.model.request import Operation, Origin, Stage
from remediator.runtime.ledger import Draft, Ledger

WAYS = {verb: way for way, verb in VERBS.items()}
CYCLE, LIFT = "power_cycle", "unfence_host"
ORCHESTRATOR = "orchestrator"
_LIVES = ANSWERING | {VerdictKind.PARTITIONED, VerdictKind.AGENT_GONE}
# A button that could not be pressed in this time is not pressed late: the host may be another by then.
GIVE_UP = timedelta(seconds=60)


def write_fence(effect: FenceEffect, draft: Draft, decision: str, now: datetime) -> None:
    """The host's fence is pending, and the operation that proves it is in the outbox."""
    host = draft.get(Host, effect.host)
    if host is None or host.life is not Life.DEAD:
        return
    args: dict[str, Any] = {"host": effect.host, "epoch": effect.epoch, "uuid": effect.uuid}
    pending = host.fenced(Fence.PENDING, by=effect.via, now=now)
    if effect.via == ORCHESTRATOR:
        # Said before the call: whatever becomes of it, the host is let go before it is admitted again.
        args |= {"boot_id": host.boot_id, "last_contact": host.last_contact.isoformat()}
        pending = replace(pending, cut_off_in=host.epoch)
    draft.put(pending)
    # Its host is in the arguments: it is away, and another carries this out.
    draft.put(Operation(effect.key, VERBS[effect.via], "", args, Origin.AUTOMATIC, now, decision=decision))


def write_power_cycle(effect: PowerCycle, draft: Draft, decision: str, now: datetime) -> None:
    args = {"host": effect.host, "epoch": effect.epoch, "uuid": effect.uuid, "boot_id": effect.boot_id}
    draft.put(Operation(effect.key, CYCLE, "", args, Origin.AUTOMATIC, now, decision=decision))


def fence_done(operation: Operation, value: dict[str, Any], draft: Draft, now: datetime) -> None:
    """It was seen to be off: proved, for the life of the host that was meant; or seen to be let go."""
    if operation.verb == LIFT:
        _lifted(operation, draft, now)
        return
    way = WAYS[operation.verb]
    if way == ORCHESTRATOR and _heard_since(operation, value, draft):
        return
    _put(operation, Fence.PROVED, draft, now)
    cut = f"fenced by {value.get('by', way)}"
    done, found = (cut, f"found {cut}") if way == ORCHESTRATOR else ("turned off", "found off")
    told = found if value.get("found") else done
    draft.note(now, "fence", str(operation.args["host"]), {"by": way, "fence": "proved", "text": told})


def _heard_since(operation: Operation, value: dict[str, Any], draft: Draft) -> bool:
    """Whether somebody heard the host after what was told of it, while that was on its way."""
    host = draft.get(Host, str(operation.args["host"]))
    return host is not None and datetime.fromisoformat(value["at"]) <= host.last_contact


def fence_failed(operation: Operation, text: str, draft: Draft, now: datetime) -> None:
    host = draft.get(Host, str(operation.args["host"]))
    if host is not None and host.fence is Fence.PENDING:
        _put(operation, Fence.FAILED, draft, now)
    body = {"by": WAYS[operation.verb], "fence": "failed", "text": text}
    draft.note(now, "fence", str(operation.args["host"]), body)


def _lifted(operation: Operation, draft: Draft, now: datetime) -> None:
    """Nothing stands against its admission any more."""
    host = draft.get(Host, str(operation.args["host"]))
    if host is not None and host.cut_off_in < operation.args["epoch"]:
        draft.put(replace(host, cut_off_in=0))
        draft.note(now, "fence", host.name, {"by": ORCHESTRATOR, "fence": "none", "text": "lifted"})


def contradict(fleet: Fleet, draft: Draft, now: datetime) -> None:
    """Whoever is heard is not cut off, whatever an orchestrator said before: only what is newer counts again."""
    for name in [host.name for host in picked(fleet.hosts, "life", Life.DEAD) if host.cut_off_in == host.epoch]:
        host, why = draft.get(Host, name), heard(fleet.verdicts.get(name))
        if host is None or not why or now - host.last_contact < HEARD_EVERY:
            continue
        proved = host.fence is Fence.PROVED and host.fence_by == ORCHESTRATOR
        draft.put(replace(taken_back(host, why, draft, now) if proved else host, heard_at=now))


def taken_back(host: Host, why: str, draft: Draft, now: datetime) -> Host:
    """Its proof by the orchestrator no longer holds."""
    draft.note(now, "fence", host.name, {"by": ORCHESTRATOR, "fence": "none", "text": why})
    return replace(host.fenced(Fence.NONE, by="", now=now), fence_at=None)


def lift(fleet: Fleet, draft: Draft, now: datetime) -> None:
    """Whoever has come back since it was to be cut off is to be let go, lost again or not: that life is over."""
    for operation in picked(fleet.operations, "verb", LIFT):
        host = draft.get(Host, str(operation.args["host"]))
        if operation.open and not (host and host.let_go_due and host.epoch == operation.args["epoch"]):
            draft.delete(operation)
    for host in picked(fleet.hosts, "let_go_due", value=True):
        if draft.get(Operation, host.unfence_key) is None:
            args = {"host": host.name, "epoch": host.epoch}
            draft.put(Operation(host.unfence_key, LIFT, "", args, Origin.AUTOMATIC, now))
            told = {
                "by": ORCHESTRATOR,
                "fence": host.fence,
                "text": f"that of epoch {host.cut_off_in} is to be lifted",
            }
            draft.note(now, "fence", host.name, told)


def _put(operation: Operation, fence: Fence, draft: Draft, now: datetime) -> None:
    host = draft.get(Host, str(operation.args["host"]))
    meant = host is not None and host.life is Life.DEAD and host.epoch == operation.args["epoch"]
    if host is not None and meant and host.fence is not Fence.PROVED:
        draft.put(host.fenced(fence, by=WAYS[operation.verb], now=now))


def objection(operation: Operation, host: Host | None, now: datetime) -> str:
    """Why its button must not be pressed any more; empty while it must."""
    if host is None or host.epoch != operation.args["epoch"]:
        return "the host has returned since this was decided"
    if now - operation.written_at > GIVE_UP:
        return f"not done within {GIVE_UP.total_seconds():.0f} s: {operation.error or 'no answer'}"
    if host.maintenance_until is not None and host.maintenance_until > now:
        return "the host is in maintenance"
    if host.attested_gone:
        return f"it is {host.attested}: attested by {host.attested_by}"
    if WAYS.get(operation.verb) == ORCHESTRATOR and host.fence is Fence.PROVED:
        return f"it is proved by {host.fence_by} already"
    if operation.verb == CYCLE:
        booted = host.boot_id != operation.args["boot_id"]
        return "the host has booted since, or is lost" if booted or host.life in LOST else ""
    return "" if host.life is Life.DEAD else "the host is not dead any more"


def objections(
    ledger: Ledger, now: Callable[[], datetime], stopped: Callable[[], Mapping[str, str]]
) -> Callable[[Operation], str]:
    """What the driver asks just before the button: the rows as they are in that instant.

    ``stopped`` are the reasons, with their texts, for which nothing may be destroyed now: a freeze, or doubts.
    """

    def object_to(operation: Operation) -> str:
        for reason, text in stopped().items():
            return f"{reason}: {text}"
        known = ledger.get(Operation, operation.key)
        if known is None or not known.open:
            return "it was given up"
        host = ledger.get(Host, str(operation.args["host"]))
        return _held(ledger, host, now()) or objection(operation, host, now())

    return object_to


def _held(ledger: Ledger, host: Host | None, now: datetime) -> str:
    """A person's hold on it, or on what it is part of, that was said since this was decided."""
    if host is None:
        return ""
    over = {(Scope.HOST, host.name), (Scope.RACK, host.rack), (Scope.REGION, host.region), (Scope.FLEET, "fleet")}
    held = [h for h in ledger.all(OperatorHold).values() if (h.scope, h.name) in over and h.covers(now)]
    return f"held by {held[0].by or 'an operator'}: {held[0].why}" if held else ""


def _heard_again(operation: Operation, fleet: Fleet) -> str:
    """A host that somebody hears keeps its power, though it has not greeted yet."""
    return heard(fleet.verdicts.get(str(operation.args["host"]))) if operation.verb in WAYS else ""


def heard(verdict: Verdict | None) -> str:
    """Who says that the host lives; empty while nobody does."""
    lives = verdict is not None and verdict.kind in _LIVES
    return f"direct evidence does not agree any more: {verdict.reason}" if verdict and lives else ""


def forgo(fleet: Fleet, draft: Draft, now: datetime) -> None:
    """End what must not be done late: its host is back, or nobody answered in time."""
    for operation in picked(fleet.operations, "open", value=True):
        if operation.verb not in (*WAYS, CYCLE):
            continue
        host = draft.get(Host, str(operation.args["host"]))
        if why := objection(operation, host, now) or _heard_again(operation, fleet):
            draft.put(replace(operation, stage=Stage.FAILED, error=why))
            if operation.verb in WAYS:
                fence_failed(operation, why, draft, now)
