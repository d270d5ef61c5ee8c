"""Power written down: what becomes of a fence or a power cycle, what its end means, when it is forgone."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from remediator.actions.effects import Fence as FenceEffect
from remediator.actions.effects import PowerCycle
from remediator.actions.fence import VERBS
from remediator.model.evidence import ANSWERING, VerdictKind
from remediator.model.fleet import Fleet
from remediator.model.host import LOST, Fence, Host, Life
from remediator.model.layered import picked
from remediator.model.people import OperatorHold, Scope
from remediator.model.request import Operation, Origin, Stage
from remediator.runtime.ledger import Draft, Ledger

WAYS = {verb: way for way, verb in VERBS.items()}
CYCLE = "power_cycle"
_LIVES = ANSWERING | {VerdictKind.PARTITIONED, VerdictKind.AGENT_GONE}
# A button that could not be pressed in this time is not pressed late: the host may be another by then.
GIVE_UP = timedelta(seconds=60)


def write_fence(effect: FenceEffect, draft: Draft, decision: str, now: datetime) -> None:
    """The host's fence is pending, and the operation that proves it is in the outbox."""
    host = draft.get(Host, effect.host)
    if host is None or host.life is not Life.DEAD:
        return
    args = {"host": effect.host, "epoch": effect.epoch, "uuid": effect.uuid}
    draft.put(host.fenced(Fence.PENDING, by=effect.via, now=now))
    # Its host is in the arguments: it is away, and another carries this out.
    draft.put(Operation(effect.key, VERBS[effect.via], "", args, Origin.AUTOMATIC, now, decision=decision))


def write_power_cycle(effect: PowerCycle, draft: Draft, decision: str, now: datetime) -> None:
    args = {"host": effect.host, "epoch": effect.epoch, "uuid": effect.uuid, "boot_id": effect.boot_id}
    draft.put(Operation(effect.key, CYCLE, "", args, Origin.AUTOMATIC, now, decision=decision))


def fence_done(operation: Operation, value: dict[str, Any], draft: Draft, now: datetime) -> None:
    """It was seen to be off: proved, for the life of the host that was meant."""
    _put(operation, Fence.PROVED, draft, now)
    told = "found off" if value.get("found") else "turned off"
    draft.note(
        now, "fence", str(operation.args["host"]), {"by": WAYS[operation.verb], "fence": "proved", "text": told}
    )


def fence_failed(operation: Operation, text: str, draft: Draft, now: datetime) -> None:
    _put(operation, Fence.FAILED, draft, now)
    body = {"by": WAYS[operation.verb], "fence": "failed", "text": text}
    draft.note(now, "fence", str(operation.args["host"]), body)


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
    verdict = fleet.verdicts.get(str(operation.args["host"]))
    lives = verdict is not None and verdict.kind in _LIVES and operation.verb in WAYS
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
