"""Snapshots that are due and snapshots that are over, by what owners keep of their volumes. PURE."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from remediator.model.fleet import Fleet
from remediator.model.host import HostStatus
from remediator.model.machine import Snapshot, Volume

EVERY = timedelta(days=1)


def newest(fleet: Fleet) -> dict[str, Snapshot]:
    """The newest snapshot of each volume that has one."""
    found: dict[str, Snapshot] = {}
    for snapshot in fleet.snapshots.values():
        known = found.get(snapshot.volume)
        if known is None or (known.created_at, known.id) < (snapshot.created_at, snapshot.id):
            found[snapshot.volume] = snapshot
    return found


def due(fleet: Fleet, now: datetime) -> Iterator[Volume]:
    """Volumes of which a day has gone by without a snapshot; those with the oldest one first."""
    last = newest(fleet)
    waiting = {operation.args.get("volume_id") for operation in fleet.operations.values() if operation.open}
    wanted = [
        (last[volume.id].created_at if volume.id in last else volume.created_at, volume.id)
        for volume in fleet.volumes.values()
        if _kept(volume) and volume.id not in waiting and _answers(volume.host, fleet)
    ]
    return (fleet.volumes[name] for at, name in sorted(wanted) if now - at >= EVERY)


def over(fleet: Fleet, now: datetime) -> Iterator[Snapshot]:
    """Snapshots older than their owner keeps them, but for the newest of each volume.

    None whose volume's host is not ok, or that something is being made of: whoever may need it has time to say so.
    """
    last = newest(fleet)
    used = {operation.args.get("snapshot_id") for operation in fleet.operations.values() if operation.open}
    return (
        snapshot
        for snapshot in fleet.snapshots.values()
        if now - snapshot.created_at > timedelta(days=snapshot.retention_days)
        and snapshot != last[snapshot.volume]
        and snapshot.id not in used
        and _answers(home_of(snapshot, fleet), fleet)
    )


def _kept(volume: Volume) -> bool:
    return volume.auto_backup and volume.state == "created" and not volume.superseded_by


def home_of(snapshot: Snapshot, fleet: Fleet) -> str:
    """The host whose health its retention depends on, and whose agent forgets it."""
    volume = fleet.volumes.get(snapshot.volume)
    return volume.host if volume else snapshot.host


def _answers(host: str, fleet: Fleet) -> bool:
    known = fleet.hosts.get(host)
    return known is not None and known.status is HostStatus.OK
