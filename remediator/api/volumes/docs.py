"""The Machines API's JSON of volumes and snapshots."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import NotRequired, TypedDict

from remediator.model.fleet import Fleet
from remediator.model.host import Host, HostStatus
from remediator.model.layered import picked
from remediator.model.machine import Snapshot, Volume

MIB = 1024 * 1024
MIB_IN_GIB = 1024
BLOCK = 4096


class VolumeDoc(TypedDict):
    """``size_mb`` is exact, ``size_gb`` rounded up. The last ones are left out of a summary."""

    id: str
    name: str
    state: str
    region: str
    zone: str
    size_gb: int
    size_mb: int
    encrypted: bool
    attached_machine_id: str | None
    attached_alloc_id: str | None
    created_at: datetime
    updated_at: datetime
    host_dedication_id: str
    snapshot_retention: int
    auto_backup_enabled: bool
    host_status: HostStatus
    superseded_by: str | None
    restored_from: str | None
    bytes_total: NotRequired[int]
    bytes_used: NotRequired[int]
    block_size: NotRequired[int]
    blocks: NotRequired[int]
    blocks_free: NotRequired[int]
    blocks_avail: NotRequired[int]


class SnapshotDoc(TypedDict):
    id: str
    status: str
    size: int
    volume_size: int
    digest: str
    created_at: datetime
    retention_days: int


class ExtendedDoc(TypedDict):
    volume: VolumeDoc
    needs_restart: bool


def volume_doc(volume: Volume, host: Host | None, *, summary: bool = False) -> VolumeDoc:
    """One volume; of a host that we do not know (any more) nobody can say how it is."""
    doc: VolumeDoc = {
        "id": volume.id,
        "name": volume.name,
        "state": volume.state,
        "region": volume.region,
        "zone": zone(volume.host),
        "size_gb": -(-volume.size_mb // MIB_IN_GIB),
        "size_mb": volume.size_mb,
        "encrypted": False,
        "attached_machine_id": volume.machine or None,
        "attached_alloc_id": None,
        "created_at": volume.created_at,
        "updated_at": volume.updated_at or volume.created_at,
        "host_dedication_id": "",
        "snapshot_retention": volume.retention_days,
        "auto_backup_enabled": volume.auto_backup,
        "host_status": host.status if host else HostStatus.UNKNOWN,
        "superseded_by": volume.superseded_by or None,
        "restored_from": volume.restored_from or None,
    }
    return doc if summary else _with_use(doc, volume)


def _with_use(doc: VolumeDoc, volume: Volume) -> VolumeDoc:
    free = max(0, volume.size_mb * MIB - volume.used_bytes) // BLOCK
    doc["bytes_total"], doc["bytes_used"] = volume.size_mb * MIB, volume.used_bytes
    doc["block_size"], doc["blocks"] = BLOCK, volume.size_mb * MIB // BLOCK
    doc["blocks_free"], doc["blocks_avail"] = free, free
    return doc


def zone(host: str) -> str:
    """Four hex digits that stand for a host without naming it."""
    return hashlib.blake2b(host.encode(), digest_size=2).hexdigest()


def snapshot_doc(snapshot: Snapshot, volume: Volume | None) -> SnapshotDoc:
    megabytes = snapshot.volume_mb or (volume.size_mb if volume else 0)
    return {
        "id": snapshot.id,
        "status": snapshot.state,
        "size": snapshot.size_bytes,
        "volume_size": megabytes * MIB or snapshot.size_bytes,
        "digest": snapshot.digest,
        "created_at": snapshot.created_at,
        "retention_days": snapshot.retention_days,
    }


def volumes_of(fleet: Fleet, app: str) -> list[Volume]:
    """Those of one app, oldest first."""
    return sorted(picked(fleet.volumes, "app", app), key=lambda volume: (volume.created_at, volume.id))


def newest_first(snapshots: Iterable[Snapshot]) -> list[Snapshot]:
    return sorted(snapshots, key=lambda snapshot: (snapshot.created_at, snapshot.id), reverse=True)
