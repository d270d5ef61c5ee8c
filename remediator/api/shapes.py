"""The Machines API's JSON: machines, their events and routes."""

import re
from typing import Any

from remediator.api.machine_docs import CheckDoc, EventDoc, MachineDoc
from remediator.model.fleet import Fleet, routable
from remediator.model.host import Host, HostStatus
from remediator.model.layered import picked
from remediator.model.machine import Event, Machine, Volume

DIGEST = re.compile(r"@(sha256:[0-9a-f]+)$")
# Events are kept by the state that they led to; clients know them by what happened.
_TYPES = {
    "starting": "start", "started": "start", "stopping": "stop", "stopped": "exit", "failed": "exit",
    "suspended": "suspend",
}  # fmt: skip
_ENDING = frozenset({"stop", "stopping", "restart", "update"})


def host_status(host: Host | None) -> HostStatus:
    """A host that we do not know (any more) is neither well nor dead."""
    return host.status if host else HostStatus.UNKNOWN


def status_of(machine: Machine, host: Host | None) -> HostStatus:
    """Its host's; unknown where that is well and has it not, or not yet: its full config is nowhere to be read."""
    status = host_status(host)
    away = status is HostStatus.OK and (machine.coming or machine.missing)
    return HostStatus.UNKNOWN if away else status


def machine_doc(machine: Machine, host: Host | None, full: dict[str, Any] | None) -> MachineDoc:
    """One machine; ``full`` is its whole config and is shown only while its host is ok."""
    doc = summary_doc(machine, host)
    is_ok = doc["host_status"] is HostStatus.OK
    doc["image_ref"] = image_ref(str(machine.config.get("image") or "")) if is_ok else {}
    doc["config"] = full if is_ok else None
    doc["incomplete_config"] = None if is_ok else incomplete(machine)
    doc["events"] = event_docs(machine)
    # Of a lost host's machines nobody knows.
    doc["checks"] = check_docs(machine) if is_ok else []
    return doc


def check_docs(machine: Machine) -> list[CheckDoc]:
    return [
        {"name": check.name, "status": check.status, "output": check.output, "updated_at": check.updated_at}
        for check in machine.checks
    ]


def summary_doc(machine: Machine, host: Host | None) -> MachineDoc:
    """What is told of a machine in short."""
    return {
        "id": machine.id,
        "name": machine.name,
        "state": machine.state,
        "region": machine.region,
        "instance_id": machine.instance_id,
        "version": machine.instance_id,
        "private_ip": host.address if host else "",
        "created_at": machine.created_at,
        "updated_at": machine.updated_at,
        "host_status": status_of(machine, host),
        "cordoned": machine.cordoned,
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


def event_docs(machine: Machine) -> list[EventDoc]:
    """Newest first, moments in milliseconds."""
    # Of each, what came before it: an end that was asked for is another one than a crash.
    before = [*(event.kind for event in machine.events[1:]), ""]
    return [_event_doc(machine.id, event, was) for event, was in zip(machine.events, before, strict=False)]


def _event_doc(machine_id: str, event: Event, before: str) -> EventDoc:
    at = int(event.at.timestamp() * 1000)
    kind = _TYPES.get(event.kind, event.kind)
    doc: EventDoc = {
        "id": f"{machine_id}-{at}-{event.kind}",
        "type": kind,
        "status": event.status,
        "source": event.source,
        "timestamp": at,
        "text": event.text,
    }
    if kind == "exit":
        # Clients read exit events without asking whether this is there.
        doc["request"] = {"exit_event": _exit(event, requested=before in _ENDING)}
    return doc


def _exit(event: Event, *, requested: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"exited_at": event.at, "requested_stop": requested, "oom_killed": False}
    if event.exit_code is None:
        return told
    code = event.exit_code
    # As a shell tells a signal.
    return told | {"exit_code": code, "guest_exit_code": code, "guest_signal": code - 128 if code > 128 else -1}


def routed(fleet: Fleet, app: str) -> list[tuple[Machine, Host]]:
    """Where the app's traffic may go now, oldest first: the one rule of routes and of service discovery."""
    return [
        (machine, fleet.hosts[machine.host])
        for machine in machines_of(fleet, app)
        if machine.port and routable(machine, fleet.hosts.get(machine.host))
    ]


def route_docs(fleet: Fleet, app: str) -> list[dict[str, Any]]:
    return [_route_doc(machine, host) for machine, host in routed(fleet, app)]


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
    return sorted(picked(fleet.machines, "app", app), key=lambda machine: (machine.created_at, machine.id))


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
