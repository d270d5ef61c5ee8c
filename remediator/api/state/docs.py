"""Records of `GET /internal/state` as they go over the wire."""

from datetime import datetime
from typing import Any

from remediator.api.control import Placements, Undead
from remediator.model.fleet import routable
from remediator.model.host import Capacity, Host
from remediator.model.loan import Loan
from remediator.model.machine import Machine, Volume
from remediator.model.request import Burst, Destroy, Migration


def host_doc(host: Host, free: Capacity) -> dict[str, Any]:
    return {
        "name": host.name,
        "region": host.region,
        "rack": host.rack,
        "role": host.role,
        "provider": host.provider,
        "status": host.status,
        "life": host.life,
        "cordoned": bool(host.cordoned),
        "version": host.version,
        "capacity": capacity_doc(host.capacity),
        "free": capacity_doc(free),
    }


def capacity_doc(capacity: Capacity) -> dict[str, Any]:
    return {"cpus": capacity.cpus, "memory_mb": capacity.memory_mb, "disk_mb": capacity.disk_mb}


def machine_doc(machine: Machine, host: Host | None) -> dict[str, Any]:
    return {
        "id": machine.id,
        "app": machine.app,
        "host": machine.host,
        "region": machine.region,
        "state": machine.state,
        "recovery": machine.recovery,
        "condemned": machine.condemned,
        "routable": routable(machine, host),
    }


def volume_doc(volume: Volume, snapshot_at: datetime | None) -> dict[str, Any]:
    return {
        "id": volume.id,
        "app": volume.app,
        "host": volume.host,
        "region": volume.region,
        "state": volume.state,
        "size_mb": volume.size_mb,
        "used_bytes": volume.used_bytes,
        "snapshot_at": snapshot_at.timestamp() if snapshot_at else None,
    }


def destroy_doc(destroy: Destroy, host: Host | None) -> dict[str, Any]:
    return {
        "machine": destroy.machine,
        "host": destroy.host,
        "region": region_of(host),
        "stage": destroy.stage,
        "asked_at": destroy.asked_at.timestamp(),
    }


def migration_doc(migration: Migration, source: Host | None) -> dict[str, Any]:
    return {"id": migration.id, "stage": migration.stage, "region": region_of(source)}


def burst_doc(burst: Burst) -> dict[str, Any]:
    return {"id": burst.id, "region": burst.region, "stage": burst.stage}


def loan_doc(loan: Loan) -> dict[str, Any]:
    """Since when it is awaited, or idle; 0 where it is neither."""
    awaited = 0.0 if loan.joined_at else loan.asked_at.timestamp()
    idle = loan.idle_since.timestamp() if loan.idle_since else 0.0
    return {"host": loan.host, "region": loan.region, "idle_since": idle, "awaited_since": awaited}


def placement_doc(placements: Placements) -> dict[str, Any]:
    return {
        "requests": dict(placements.requests),
        "failures": [
            {"region": region, "reason": reason, "count": count}
            for (region, reason), count in sorted(placements.failures.items())
        ],
        "unmet": [{"region": region, "count": count} for region, count in sorted(placements.unmet.items())],
    }


def undead_doc(name: str, host: Host | None, seen: Undead) -> dict[str, Any]:
    return {
        "host": name,
        "region": region_of(host),
        "machines": seen.machines,
        "seconds_total": seen.seconds_total,
    }


def region_of(host: Host | None) -> str:
    """Empty for a host that is no longer known."""
    return host.region if host else ""
