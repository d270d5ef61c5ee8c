"""The Machines API's JSON: machines, volumes, snapshots, events, apps, regions."""

import hashlib
import re
from collections.abc import Iterable
from typing import Any

from remediator.model.fleet import Fleet, routable
from remediator.model.host import Capacity, Host, HostStatus
from remediator.model.machine import Event, Machine, MachineState, Snapshot, Volume

MIB_IN_GIB = 1024
SMALLEST = Capacity(1, 256, 0)
DIGEST = re.compile(r"@(sha256:[0-9a-f]+)$")


def host_status(host: Host | None) -> HostStatus:
    """A host that we do not know (any more) is neither well nor dead."""
    return host.status if host else HostStatus.UNKNOWN


def machine_doc(machine: Machine, host: Host | None, full: dict[str, Any] | None) -> dict[str, Any]:
    """One machine; ``full`` is its whole config and is shown only while its host is ok."""
    status = host_status(host)
    is_ok = status is HostStatus.OK
    return {
        "id": machine.id,
        "name": machine.name,
        "state": machine.state,
        "region": machine.region,
        "image_ref": image_ref(str(machine.config.get("image") or "")) if is_ok else {},
        "instance_id": machine.instance_id,
        "version": machine.instance_id,
        "private_ip": host.address if host else "",
        "created_at": machine.created_at,
        "updated_at": machine.updated_at,
        "config": full if is_ok else None,
        "incomplete_config": None if is_ok else incomplete(machine),
        "events": event_docs(machine),
        "checks": [],
        "host_status": status,
        "cordoned": bool(host and host.cordoned),
    }


def incomplete(machine: Machine) -> dict[str, Any]:
    """The scrubbed copy; guest, metadata and mounts are always there, for clients read them unchecked."""
    asks = machine.asks
    guest = {"cpu_kind": "shared", "cpus": asks.cpus, "memory_mb": asks.memory_mb}
    present = {key: value for key, value in machine.config.items() if value is not None}
    return {"guest": guest, "metadata": {}, "mounts": [], **present}


def image_ref(image: str) -> dict[str, Any]:
    """``registry/repository:tag@digest`` taken apart; what is not named is left out."""
    found = DIGEST.search(image)
    name = image[: found.start()] if found else image
    head, slash, rest = name.partition("/")
    has_registry = bool(slash) and ("." in head or ":" in head or head == "localhost")
    repository, _, tag = (rest if has_registry else name).partition(":")
    parts = {
        "registry": head if has_registry else "",
        "repository": repository,
        "tag": tag,
        "digest": found.group(1) if found else "",
    }
    return {key: value for key, value in parts.items() if value}


def event_docs(machine: Machine) -> list[dict[str, Any]]:
    """Newest first, moments in milliseconds."""
    return [_event_doc(machine.id, event) for event in machine.events]


def _event_doc(machine_id: str, event: Event) -> dict[str, Any]:
    at = int(event.at.timestamp() * 1000)
    doc: dict[str, Any] = {
        "id": f"{machine_id}-{at}-{event.kind}",
        "type": event.kind,
        "status": event.status,
        "source": event.source,
        "timestamp": at,
        "text": event.text,
    }
    if event.kind == "exit":
        # Clients read exit events without asking whether this is there.
        doc["request"] = {"exit_event": {"exited_at": event.at}}
    return doc


def volume_doc(volume: Volume, host: Host | None) -> dict[str, Any]:
    return {
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
        "host_dedication_id": "",
        "snapshot_retention": 5,
        "auto_backup_enabled": False,
        "host_status": host_status(host),
        "bytes_total": volume.size_mb * 1024 * 1024,
        "bytes_used": volume.used_bytes,
        "superseded_by": volume.superseded_by or None,
        "restored_from": volume.restored_from or None,
    }


def zone(host: str) -> str:
    """Four hex digits that stand for a host without naming it."""
    return hashlib.blake2b(host.encode(), digest_size=2).hexdigest()


def snapshot_doc(snapshot: Snapshot, volume: Volume | None) -> dict[str, Any]:
    return {
        "id": snapshot.id,
        "status": snapshot.state,
        "size": snapshot.size_bytes,
        "volume_size": volume.size_mb * 1024 * 1024 if volume else snapshot.size_bytes,
        "digest": snapshot.digest,
        "created_at": snapshot.created_at,
        "retention_days": snapshot.retention_days,
    }


def route_docs(fleet: Fleet, app: str) -> list[dict[str, Any]]:
    """Where the app's traffic may go now."""
    return [
        _route_doc(machine, fleet.hosts[machine.host])
        for machine in machines_of(fleet, app)
        if machine.port and routable(machine, fleet.hosts.get(machine.host))
    ]


def _route_doc(machine: Machine, host: Host) -> dict[str, Any]:
    authority = f"[{host.address}]" if ":" in host.address else host.address
    return {
        "machine": machine.id,
        "name": machine.name,
        "host": host.name,
        "region": machine.region,
        "address": host.address,
        "port": machine.port,
        "url": f"http://{authority}:{machine.port}",
    }


def machines_of(fleet: Fleet, app: str) -> list[Machine]:
    """Those of one app, oldest first."""
    mine = [machine for machine in fleet.machines.values() if machine.app == app]
    return sorted(mine, key=lambda machine: (machine.created_at, machine.id))


def volumes_of(fleet: Fleet, app: str) -> list[Volume]:
    mine = [volume for volume in fleet.volumes.values() if volume.app == app]
    return sorted(mine, key=lambda volume: (volume.created_at, volume.id))


def app_doc(app: str, organisation: str, machines: list[Machine], volumes: list[Volume]) -> dict[str, Any]:
    standing = [machine for machine in machines if machine.state is not MachineState.DESTROYED]
    return {
        "id": app,
        "name": app,
        "internal_numeric_id": int.from_bytes(hashlib.blake2b(app.encode(), digest_size=3).digest(), "big"),
        "network": "default",
        "status": "deployed" if standing else "pending",
        "machine_count": len(standing),
        "volume_count": len(volumes),
        "organization": {"name": organisation, "slug": organisation},
    }


def regions_doc(fleet: Fleet) -> dict[str, Any]:
    """Every region that has a host; ``capacity`` counts the smallest machines (1 cpu, 256 MiB) that still fit."""
    codes = sorted({host.region for host in fleet.hosts.values()})
    room = dict.fromkeys(codes, 0)
    for name, part in slices(fleet).items():
        host = fleet.hosts[name]
        if host.takes_work:
            room[host.region] += _slots(part.free_on(host))
    return {"Regions": [_region_doc(code, room[code]) for code in codes], "Nearest": next(iter(codes), "")}


def _slots(free: Capacity) -> int:
    return max(0, min(int(free.cpus / SMALLEST.cpus), free.memory_mb // SMALLEST.memory_mb))


def _region_doc(code: str, capacity: int) -> dict[str, Any]:
    return {
        "code": code,
        "name": code,
        "latitude": 0.0,
        "longitude": 0.0,
        "gateway_available": True,
        "requires_paid_plan": False,
        "deprecated": False,
        "capacity": capacity,
        "geo_region": "",
        "mpg_available": False,
    }


def slices(fleet: Fleet) -> dict[str, Fleet]:
    """What touches each host, so that asking every host for its room does not walk the fleet once per host."""
    machines: dict[str, dict[str, Machine]] = {name: {} for name in fleet.hosts}
    volumes: dict[str, dict[str, Volume]] = {name: {} for name in fleet.hosts}
    for machine in fleet.machines.values():
        machines.setdefault(machine.host, {})[machine.id] = machine
    for volume in fleet.volumes.values():
        volumes.setdefault(volume.host, {})[volume.id] = volume
    coming = [migration for migration in fleet.migrations.values() if migration.open]
    for migration in coming:
        if migration.machine in fleet.machines:
            machines.setdefault(migration.target, {})[migration.machine] = fleet.machines[migration.machine]
    arriving = {migration.id: migration for migration in coming}
    return {name: Fleet(machines=machines[name], volumes=volumes[name], migrations=arriving) for name in fleet.hosts}


def newest_first(snapshots: Iterable[Snapshot]) -> list[Snapshot]:
    return sorted(snapshots, key=lambda snapshot: (snapshot.created_at, snapshot.id), reverse=True)
