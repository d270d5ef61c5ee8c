"""How volumes end and grow: what follows in the very transaction that made it so, and when an operation ended."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from remediator.clock import Clock
from remediator.model.host import Host, Life
from remediator.model.machine import PENDING_DESTROY, Snapshot, Volume
from remediator.model.request import Operation, Origin
from remediator.runtime.ledger import Draft, Ledger

# What departs with a retired host has this state.
_LOST = "lost"


class VolumeEnds:
    """Called with every draft before it is committed: stamps what changed, and ends what was waiting for it."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock

    def __call__(self, draft: Draft) -> None:
        now = draft.at or self._clock.now()
        for before, after in draft.changes(Volume):
            if before is None or before == after:
                continue
            if _over(before, after, draft):
                draft.delete(after)
                draft.note(now, "volume_destroyed", after.id, {"host": after.host, "why": "its host left for good"})
                drop_operations(after.id, self._ledger, draft)
            else:
                draft.put(_ended(before, _stamped(before, after, now), draft, now))


def drop_operations(volume_id: str, ledger: Ledger, draft: Draft) -> None:
    """Whatever was to make a volume, to make it larger or to end it is sent no more."""
    for operation in ledger.all(Operation).values():
        if operation.open and operation.args.get("volume_id") == volume_id:
            draft.delete(operation)


def _stamped(before: Volume, after: Volume, now: datetime) -> Volume:
    """How full it is is no change of it."""
    return after if replace(after, used_bytes=before.used_bytes) == before else replace(after, updated_at=now)


def _over(before: Volume, after: Volume, draft: Draft) -> bool:
    """Its owner wants it gone, and there is no host left that could have it."""
    if not (before.doomed or after.doomed):
        return False
    host = draft.get(Host, after.host)
    return after.state == _LOST or (not after.machine and (host is None or host.life is Life.RETIRED))


def _ended(before: Volume, after: Volume, draft: Draft, now: datetime) -> Volume:
    """Sent for as soon as no machine has it; its operation waits in the outbox for as long as its host is away."""
    if after.machine or not after.doomed or before.state == PENDING_DESTROY:
        return after
    key = f"destroy-volume:{after.id}:{now.isoformat()}"
    draft.put(Operation(key, "destroy_volume", after.host, {"volume_id": after.id}, Origin.OWNER, now))
    return replace(after, state=PENDING_DESTROY)


def volume_succeeded(operation: Operation, value: dict[str, Any], draft: Draft, now: datetime) -> None:
    """What follows from the end of a volume or a snapshot, or from growth; nothing from any other operation."""
    if operation.verb == "destroy_volume":
        _destroyed(operation, draft, now)
    elif operation.verb == "extend_volume":
        # Whoever asked for it reads in its operation whether the machine must restart.
        known = draft.get(Operation, operation.key) or operation
        draft.put(replace(known, args={**known.args, "needs_restart": bool(value.get("needs_restart"))}))
    elif operation.verb == "drop_snapshot" and (dropped := draft.get(Snapshot, operation.args["snapshot_id"])):
        draft.delete(dropped)
        draft.note(now, "snapshot_dropped", dropped.id, {"volume": dropped.volume, "days": dropped.retention_days})


def volume_failed(operation: Operation, draft: Draft) -> None:
    """Its host refuses for good: a doomed volume stays and its owner may ask again; promised room is free again."""
    volume = draft.get(Volume, operation.args.get("volume_id", ""))
    if volume is None:
        return
    if operation.verb == "destroy_volume" and volume.doomed:
        draft.put(replace(volume, state="created"))
    elif operation.verb == "extend_volume" and volume.size_mb == operation.args["size_mb"]:
        draft.put(replace(volume, size_mb=operation.args["was_mb"]))


def _destroyed(operation: Operation, draft: Draft, now: datetime) -> None:
    """Its host has it no longer; its snapshots stay."""
    gone = draft.get(Volume, operation.args["volume_id"])
    if gone:
        draft.delete(gone)
        draft.note(now, "volume_destroyed", gone.id, {"host": gone.host, "origin": operation.origin})
