"""`GET /internal/state`: the fleet in numbers, for the orchestrator exporter."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from remediator.api.control import Control, Placements
from remediator.api.requests import RequestCounter
from remediator.api.shapes import slices
from remediator.model.fleet import Fleet, routable
from remediator.model.host import Capacity, Host
from remediator.model.machine import Machine, MachineState, Volume


class StateFeed:
    """Knows whether anything changed since a reader's last look.

    Its sequence is its own: API counts and undead seconds change without the journal's, and after a restart
    it must not repeat a number under which a reader still keeps other values. So it begins at the start's
    milliseconds and rises by one with each change.
    """

    def __init__(self, control: Control, requests: RequestCounter, deploys: Mapping[str, datetime]) -> None:
        self._control = control
        self._requests = requests
        self._deploys = dict(deploys) or {requests.version: control.now()}
        self._sequence = int(control.now().timestamp() * 1000)
        self._seen: object = None

    def since(self, known: int) -> dict[str, Any]:
        """All of it, or ``unchanged`` when ``known`` is the newest sequence."""
        mark = self._mark()
        if mark != self._seen:
            self._seen = mark
            self._sequence += 1
        if known == self._sequence:
            return {"sequence": self._sequence, "unchanged": True}
        return {"sequence": self._sequence, "unchanged": False, **self._whole()}

    def _mark(self) -> object:
        control, placed = self._control, self._control.placements()
        parts = (dict(placed.requests), dict(placed.failures), dict(placed.unmet))
        return control.sequence(), self._requests.total, dict(control.undead()), parts

    def _whole(self) -> dict[str, Any]:
        fleet = self._control.fleet()
        return {
            **state_doc(fleet),
            "placement": placement_doc(self._control.placements()),
            "api": self._requests.rows(),
            "undead": [
                {
                    "host": name,
                    "region": _region(fleet, name),
                    "machines": seen.machines,
                    "seconds_total": seen.seconds_total,
                }
                for name, seen in sorted(self._control.undead().items())
            ],
            "deploys": [{"version": version, "at": at.timestamp()} for version, at in sorted(self._deploys.items())],
        }


def state_doc(fleet: Fleet) -> dict[str, Any]:
    """The journalled part: hosts, machines, volumes and open requests."""
    parts = slices(fleet)
    newest = _newest_snapshots(fleet)
    return {
        "hosts": [_host_doc(host, parts[name].free_on(host)) for name, host in sorted(fleet.hosts.items())],
        "machines": [
            _machine_doc(machine, fleet.hosts.get(machine.host))
            for machine in fleet.machines.values()
            if machine.state is not MachineState.DESTROYED
        ],
        "volumes": [_volume_doc(volume, newest.get(volume.id)) for volume in fleet.volumes.values()],
        "destroys": _destroy_docs(fleet),
        "migrations": [
            {"stage": migration.stage, "region": _region(fleet, migration.source)}
            for migration in fleet.migrations.values()
        ],
        "bursts": [{"region": burst.region, "stage": burst.stage} for burst in fleet.bursts.values()],
    }


def _destroy_docs(fleet: Fleet) -> list[dict[str, Any]]:
    return [
        {
            "machine": destroy.machine,
            "host": destroy.host,
            "region": _region(fleet, destroy.host),
            "stage": destroy.stage,
            "asked_at": destroy.asked_at.timestamp(),
        }
        for destroy in fleet.destroys.values()
        if destroy.open
    ]


def placement_doc(placements: Placements) -> dict[str, Any]:
    return {
        "requests": dict(placements.requests),
        "failures": [
            {"region": region, "reason": reason, "count": count}
            for (region, reason), count in sorted(placements.failures.items())
        ],
        "unmet": [{"region": region, "count": count} for region, count in sorted(placements.unmet.items())],
    }


def _host_doc(host: Host, free: Capacity) -> dict[str, Any]:
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


def _machine_doc(machine: Machine, host: Host | None) -> dict[str, Any]:
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


def _volume_doc(volume: Volume, snapshot_at: datetime | None) -> dict[str, Any]:
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


def _newest_snapshots(fleet: Fleet) -> dict[str, datetime]:
    newest: dict[str, datetime] = {}
    for snapshot in fleet.snapshots.values():
        if snapshot.state == "created":
            newest[snapshot.volume] = max(newest.get(snapshot.volume, snapshot.created_at), snapshot.created_at)
    return newest


def _region(fleet: Fleet, host: str) -> str:
    return fleet.hosts[host].region if host in fleet.hosts else ""
