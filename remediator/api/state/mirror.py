"""What the state feed knows of the journal's rows, and which of its records a changed row touches."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from remediator.api.state.docs import (
    burst_doc,
    destroy_doc,
    host_doc,
    loan_doc,
    machine_doc,
    migration_doc,
    volume_doc,
)
from remediator.api.state.log import Key
from remediator.model.host import LOST, Capacity, Host
from remediator.model.loan import Loan
from remediator.model.machine import Machine, MachineState, Snapshot, Volume
from remediator.model.request import Burst, Destroy, Migration

# Hosts first: what is told of machines depends on them.
KINDS = (Host, Machine, Volume, Snapshot, Destroy, Migration, Burst, Loan)
# CPUs, memory and disk in MiB: plain, for there is one for each machine, and the garbage collector passes over them.
Room = tuple[float, int, int]
NOTHING: Room = (0.0, 0, 0)
# Kinds of records, and of the rows that they are made of.
ROWS_OF = {
    "hosts": "Host",
    "machines": "Machine",
    "volumes": "Volume",
    "destroys": "Destroy",
    "migrations": "Migration",
    "bursts": "Burst",
    "loans": "Loan",
}


class Mirror:
    """Rows by kind and id, with the indexes that tell what belongs together."""

    def __init__(self) -> None:
        self.hosts: dict[str, Host] = {}
        self.machines: dict[str, Machine] = {}
        self.volumes: dict[str, Volume] = {}
        self.snapshots: dict[str, Snapshot] = {}
        self.destroys: dict[str, Destroy] = {}
        self.migrations: dict[str, Migration] = {}
        self.bursts: dict[str, Burst] = {}
        self.loans: dict[str, Loan] = {}
        # Hosts whose free room is to be counted again.
        self.unsure: set[str] = set()
        self._free: dict[str, Capacity] = {}
        # What takes how much room, and where.
        self._taken: defaultdict[str, dict[str, Room]] = defaultdict(dict)
        self._seats: dict[str, str] = {}
        self._machines_on: defaultdict[str, dict[str, Machine]] = defaultdict(dict)
        self._snapshots_of: defaultdict[str, dict[str, Snapshot]] = defaultdict(dict)
        held: list[dict[str, Any]] = [self.hosts, self.machines, self.volumes, self.snapshots]
        held += [self.destroys, self.migrations, self.bursts, self.loans]
        self._rows = {kind.__name__: rows for kind, rows in zip(KINDS, held, strict=True)}
        self._touched_by: dict[str, Callable[[str, Any, Any], Iterable[Key]]] = {
            "Host": self._host_changed,
            "Machine": self._machine_changed,
            "Volume": self._volume_changed,
            "Snapshot": self._snapshot_changed,
            "Destroy": lambda name, *_: [("destroys", name)],
            "Migration": self._migration_changed,
            "Burst": lambda name, *_: [("bursts", name)],
            "Loan": lambda name, *_: [("loans", name)],
        }

    def names(self, kind: str) -> list[str]:
        """Ids of all rows of a kind that are held now."""
        return list(self._rows[kind])

    def put(self, kind: str, name: str, new: Any) -> Iterable[Key]:
        """Take over one row, None if it is gone; the records that it touches. A row is never changed in place."""
        held = self._rows[kind]
        old = held.pop(name, None) if new is None else held.get(name)
        if old is new:
            return ()
        if new is not None:
            held[name] = new
        return self._touched_by[kind](name, old, new)

    def recount(self, name: str) -> bool:
        """Count a host's free room, as ``Fleet.free_on`` does; whether it is other than it was."""
        host = self.hosts.get(name)
        if host is None:
            self._free.pop(name, None)
            return False
        cpus, memory, disk = zip(*self._taken.get(name, {}).values(), NOTHING, strict=True)
        free = host.capacity - Capacity(math.fsum(cpus), sum(memory), sum(disk))
        changed = self._free.get(name) != free
        self._free[name] = free
        return changed

    def shows(self, key: Key) -> bool:
        """Whether there is such a record to tell of."""
        kind, name = key
        match kind:
            case "machines":
                machine = self.machines.get(name)
                return machine is not None and machine.state is not MachineState.DESTROYED
            case "destroys":
                destroy = self.destroys.get(name)
                return destroy is not None and destroy.open
            case "loans":
                loan = self.loans.get(name)
                return loan is not None and not loan.over
            case "hosts" | "volumes" | "migrations" | "bursts":
                return name in self._rows[ROWS_OF[kind]]
            case _:
                return True

    def doc(self, key: Key) -> dict[str, Any]:
        """A record that ``shows``, as it goes over the wire."""
        kind, name = key
        match kind:
            case "hosts":
                return host_doc(self.hosts[name], self._free.get(name, Capacity()))
            case "machines":
                machine = self.machines[name]
                return machine_doc(machine, self.hosts.get(machine.host))
            case "volumes":
                return volume_doc(self.volumes[name], self._newest_snapshot(name))
            case "destroys":
                destroy = self.destroys[name]
                return destroy_doc(destroy, self.hosts.get(destroy.host))
            case "migrations":
                migration = self.migrations[name]
                return migration_doc(migration, self.hosts.get(migration.source))
            case "loans":
                return loan_doc(self.loans[name])
            case _:
                return burst_doc(self.bursts[name])

    def _host_changed(self, name: str, old: Host | None, new: Host | None) -> Iterable[Key]:
        self.unsure.add(name)
        if _standing(old) == _standing(new):
            return [("hosts", name)]
        return [
            ("hosts", name),
            *(("machines", machine) for machine in self._machines_on.get(name, ())),
            *(("destroys", each) for each, destroy in self.destroys.items() if destroy.host == name),
            *(("migrations", each) for each, migration in self.migrations.items() if migration.source == name),
        ]

    def _machine_changed(self, name: str, old: Machine | None, new: Machine | None) -> Iterable[Key]:
        if _weight(old) != _weight(new):
            there = new is not None and new.state is not MachineState.DESTROYED
            self._seat(f"machine/{name}", new.host if new and there else "", _room(new))
            for each in self.migrations.values():
                if each.machine == name:
                    self._seat_migration(each.id, each)
        if old and (new is None or new.host != old.host):
            _discard(self._machines_on, old.host, name)
        if new:
            self._machines_on[new.host][name] = new
        return [("machines", name)]

    def _volume_changed(self, name: str, old: Volume | None, new: Volume | None) -> Iterable[Key]:
        if old is None or new is None or (old.host, old.size_mb) != (new.host, new.size_mb):
            self._seat(f"volume/{name}", new.host if new else "", (0.0, 0, new.size_mb if new else 0))
        return [("volumes", name)]

    def _snapshot_changed(self, name: str, old: Snapshot | None, new: Snapshot | None) -> Iterable[Key]:
        if old:
            _discard(self._snapshots_of, old.volume, name)
        if new:
            self._snapshots_of[new.volume][name] = new
        return [("volumes", one.volume) for one in (old, new) if one]

    def _migration_changed(self, name: str, _old: Migration | None, new: Migration | None) -> Iterable[Key]:
        self._seat_migration(name, new)
        return [("migrations", name)]

    def _seat_migration(self, name: str, migration: Migration | None) -> None:
        """One that is under way takes its machine's room where it goes."""
        moving = self.machines.get(migration.machine) if migration and migration.open else None
        target = migration.target if migration and moving else ""
        self._seat(f"migration/{name}", target, _room(moving))

    def _seat(self, what: str, host: str, room: Room) -> None:
        """Let something take room on a host, and no longer where it did; on none if ``host`` is empty."""
        was = self._seats.pop(what, "")
        if was:
            _discard(self._taken, was, what)
        if host:
            self._seats[what] = host
            self._taken[host][what] = room
        self.unsure.update({was, host} - {""})

    def _newest_snapshot(self, volume: str) -> datetime | None:
        good = (each.created_at for each in self._snapshots_of.get(volume, {}).values() if each.state == "created")
        return max(good, default=None)


def _standing(host: Host | None) -> tuple[str, bool] | None:
    """What of a host is told with its machines and requests."""
    return (host.region, host.life in LOST) if host else None


def _room(machine: Machine | None) -> Room:
    asks = machine.asks if machine else Capacity()
    return asks.cpus, asks.memory_mb, asks.disk_mb


def _weight(machine: Machine | None) -> tuple[str, bool, int] | None:
    """What of a machine is told with its host; a config is replaced, never changed in place."""
    return (machine.host, machine.state is MachineState.DESTROYED, id(machine.config)) if machine else None


def _discard(index: defaultdict[str, dict[str, Any]], group: str, name: str) -> None:
    index[group].pop(name, None)
    if not index[group]:
        del index[group]
