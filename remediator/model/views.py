"""What is asked of a fleet most: what is on a host, who runs an app, who takes work, and what is taken."""

from collections.abc import Mapping
from dataclasses import replace
from operator import attrgetter

from remediator.model.grouping import Grouped, Once, Tallied, under
from remediator.model.host import Capacity, Host
from remediator.model.machine import Machine, MachineState, Volume
from remediator.model.request import Migration

NOTHING = Capacity()


class Views:
    """One memory for each question; ``replace`` of a fleet hands them on, and so may one look to the next."""

    def __init__(self) -> None:
        self.machines: Grouped[Machine] = Grouped(attrgetter("host"))
        self.volumes: Grouped[Volume] = Grouped(attrgetter("host"))
        self.apps: Grouped[Machine] = Grouped(attrgetter("app"))
        self.standbys: Grouped[Machine] = Grouped(lambda machine: machine.app if machine.stands_by else "")
        self.takers: Grouped[Host] = Grouped(lambda host: host.region if host.takes_work else "")
        # For placement: free capacity of a region, in order, and who runs an app; for correlation: hosts by label.
        self.orders, self.moved, self.siblings = Once(), Once(), Once()
        self.sizes: dict[str, Tallied[Host]] = {}
        # For the index: hosts and verdicts as they lie beneath, looked through once.
        self.scanned, self.told = Once(), Once()
        # Operations that recreate a machine, of all that are kept.
        self.creates, self.moving = Once(), Once()
        self.moves: Grouped[Migration] = Grouped(attrgetter("source"))
        self._coming = Once()
        self._known = Once()

    def taken(
        self,
        host: str,
        machines: Mapping[str, Machine],
        volumes: Mapping[str, Volume],
        migrations: Mapping[str, Migration],
    ) -> Capacity:
        """What stands on a host, is allocated to its volumes, and is on its way there."""
        coming = self._coming.of((migrations, machines), lambda: _coming(migrations, machines)).get(host)
        known: dict[str, Capacity] = self._known.of((under(machines), under(volumes)), dict)
        fresh = self.machines.touched(machines, host) or self.volumes.touched(volumes, host)
        found = None if fresh else known.get(host)
        if found is None:
            found = _standing(self.machines.of(machines, host), self.volumes.of(volumes, host))
            if not fresh:
                known[host] = found
        return found + coming if coming else found


def _standing(machines: list[Machine], volumes: list[Volume]) -> Capacity:
    cpus, memory, disk = 0.0, 0, sum(volume.size_mb for volume in volumes)
    for machine in machines:
        if machine.state is not MachineState.DESTROYED:
            asks = machine.asks
            cpus += asks.cpus
            memory += asks.memory_mb
            disk += asks.disk_mb
    return Capacity(cpus, memory, disk)


def _coming(migrations: Mapping[str, Migration], machines: Mapping[str, Machine]) -> dict[str, Capacity]:
    found: dict[str, Capacity] = {}
    for migration in migrations.values():
        machine = machines.get(migration.machine)
        if migration.open and machine is not None:
            coming = replace(machine, config=migration.anew.config) if migration.anew else machine
            found[migration.target] = found.get(migration.target, NOTHING) + coming.asks
    return found
