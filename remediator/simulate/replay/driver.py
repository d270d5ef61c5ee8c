"""The imagined fleet's answers: each operation that was written down succeeds a moment after its host can hear it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec

from remediator.model.fleet import Fleet
from remediator.model.host import Capacity, Host, Life
from remediator.model.machine import Machine
from remediator.model.request import Operation, Origin
from remediator.simulate.replay.house import Paces

Value = dict[str, Any]
_RUNS = {"create": "started", "start": "started", "restart": "started", "stop": "stopped"}
_DEAF = frozenset({Life.DEAD, Life.RETIRED})


class Driver:
    """Says which operations end when; a host that is lost in between makes them wait anew."""

    def __init__(self, paces: Paces) -> None:
        self._paces = paces
        self._due: dict[tuple[str, datetime], datetime] = {}

    def ended(self, fleet: Fleet, now: datetime) -> Iterator[tuple[Operation, Value]]:
        """What has ended by now, each with the value that its host or provider answers."""
        for operation in list(fleet.operations.values()):
            if not operation.open:
                continue
            life = (operation.key, operation.written_at)
            if not _heard(operation, fleet):
                self._due.pop(life, None)
            elif life in self._due and self._due[life] <= now:
                del self._due[life]
                yield operation, answer(operation, fleet, now)

    def begin(self, fleet: Fleet, now: datetime) -> None:
        """From now on, not from the next tick on, their hosts are at what was just written down."""
        for operation in fleet.operations.values():
            if operation.open and _heard(operation, fleet):
                self._due.setdefault((operation.key, operation.written_at), now + self._paces.of(operation.verb))

    def next(self) -> datetime | None:
        """When the next one ends."""
        return min(self._due.values(), default=None)


def _heard(operation: Operation, fleet: Fleet) -> bool:
    if fleet.frozen and operation.origin is Origin.AUTOMATIC:
        return False
    host = fleet.hosts.get(operation.host)
    return not operation.host or (host is not None and host.joined and host.life not in _DEAF)


def answer(operation: Operation, fleet: Fleet, now: datetime) -> Value:
    """What a host that does as it is told says in the end."""
    match operation.verb:
        case "create" | "start" | "stop" | "restart":
            return {"record": _record(operation, fleet)} if operation.machine in fleet.machines else {}
        case "export":
            return {"sealed_config": "", "digest": ""}
        case "snapshot":
            volume = fleet.volumes.get(operation.args["volume_id"])
            taken = {"id": operation.args["snapshot_id"], "volume": operation.args["volume_id"]}
            told = {"created_at": now.isoformat(), "size_bytes": 0, "digest": ""}
            return {"snapshot": {**taken, **told, "app": volume.app if volume else ""}}
        case "provision":
            return {"hosts": operation.args["names"]}
        case _:
            return {}


def _record(operation: Operation, fleet: Fleet) -> Value:
    machine = fleet.machines[operation.machine]
    sealed = _sealed(machine, fleet.machines.get(machine.replaces), operation.host)
    names = ("id", "app", "name", "region", "instance_id", "digest", "volumes", "port")
    told = {name: getattr(machine, name) for name in names}
    if operation.verb == "create":
        told["volumes"] = operation.args.get("volumes", [])
    return {**told, "state": _RUNS[operation.verb], "scrubbed": machine.config, "sealed": sealed}


def _sealed(machine: Machine, original: Machine | None, host: str) -> Value | None:
    """A replacement is sealed by its host as its original was."""
    source = machine.sealed or (original.sealed if original else None)
    if source is None:
        return None
    mine = replace(source, machine=machine.id, instance_id=machine.instance_id, host=host)
    found: Value = msgspec.to_builtins(mine)
    return found


def joining(operation: Operation, now: datetime) -> list[Host]:
    """The hosts that a provider makes of a request."""
    region, size = operation.args["region"], msgspec.convert(operation.args["size"], Capacity)
    return [
        replace(
            Host(name, region, f"{region}-burst", since=now, status_since=now, epoch=1),
            provider="provider", capacity=size, joined=True,
        )
        for name in operation.args["names"]
    ]  # fmt: skip
