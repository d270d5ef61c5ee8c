"""What actions change in a scenario's world: effects become rows, and are carried out after their time."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from remediator.actions.effects import (
    Condemn,
    Cordon,
    Effect,
    GiveBack,
    GiveUpDemands,
    Migrate,
    NoteRecovery,
    Provision,
    Quarantine,
    Recreate,
    RestoreVolume,
    StandIn,
    Uncordon,
)
from remediator.engine.machines.loans import asked
from remediator.engine.people.leaving import left
from remediator.model.host import Host
from remediator.model.loan import Loan, LoanStage
from remediator.model.machine import Machine, MachineState, Recovery, Volume
from remediator.model.request import Burst, BurstStage, Destroy, Migration, MigrationStage, Operation, Origin, Stage
from remediator.model.stuck import QUARANTINED
from remediator.simulate.scenarios.fleet import Rows
from remediator.simulate.scenarios.schema import TakesFields

# Done at that moment; returns whether it could be: what could not is tried at each tick.
Deed = Callable[[datetime], bool]


class Works:
    """Effects under way; ``reached`` says whether a host can be told anything."""

    def __init__(self, rows: Rows, takes: TakesFields, reached: Callable[[str], bool]) -> None:
        self._rows = rows
        self._takes = takes
        self._reached = reached
        self._deeds: list[tuple[datetime, Deed]] = []
        self._count = 0

    def begin(self, effect: Effect, now: datetime) -> None:
        """Write down what an effect means; one that only tells changes nothing."""
        begin = _BEGINNERS.get(type(effect))
        if begin:
            begin(self, effect, now)

    def later(self, due: datetime, deed: Deed) -> None:
        self._deeds.append((due, deed))

    def carry_on(self, now: datetime) -> None:
        """Whatever is due is done."""
        waiting, self._deeds = self._deeds, []
        self._deeds += [(due, deed) for due, deed in waiting if due > now or not deed(now)]

    def doom(self, machine_id: str, why: str, now: datetime) -> None:
        """From now on it is never routable again; it is destroyed when its host answers."""
        machine = self._rows.machines[machine_id]
        if machine.alive:
            doomed = replace(machine, state=MachineState.DESTROYING, condemned_at=now, condemned_why=why)
            self._rows.machines[machine_id] = doomed
            self._rows.destroys[machine_id] = Destroy(
                machine_id, machine.app, machine.host, Origin.AUTOMATIC, why, now
            )

    def recreate(self, effect: Recreate, now: datetime) -> None:
        original = self._rows.machines[effect.machine]
        self._count += 1
        new_id = f"{original.name}-new{self._count}"
        blank = Machine(new_id, original.app, original.name, original.region, effect.target, f"{new_id}-1", now, now)
        seal = replace(original.sealed, machine=new_id, instance_id=f"{new_id}-1") if original.sealed else None
        made = replace(blank, config=original.config, volumes=effect.volumes, replaces=original.id, sealed=seal)
        self._rows.machines[new_id] = made
        reason = f"being recreated on {effect.target}"
        self._rows.machines[original.id] = original.recovering(Recovery.PLACED, reason, now, new_id)
        args = {"source": original.id, "epoch": effect.epoch}
        self._operation(f"create:{new_id}", "create", effect.target, args, now)
        self.later(now + self._takes.recreate, partial(self._started, original.id, new_id))

    def _started(self, original_id: str, new_id: str, now: datetime) -> bool:
        made, original = self._rows.machines[new_id], self._rows.machines[original_id]
        if not made.alive:
            return True
        if not self._reached(made.host):
            return False
        self._rows.machines[new_id] = replace(made, state=MachineState.STARTED)
        self._done(f"create:{new_id}")
        if original.replaced_by == new_id:
            text = f"replaced by {new_id} on {made.host}"
            self._rows.machines[original_id] = original.recovering(Recovery.SERVING, text, now)
        return True

    def stand_in(self, effect: StandIn, now: datetime) -> None:
        original, standby = self._rows.machines[effect.machine], self._rows.machines[effect.standby]
        self._rows.machines[standby.id] = replace(standby, standing_for=original.id)
        reason = f"its standby {standby.id} on {standby.host} is being started"
        self._rows.machines[original.id] = original.recovering(Recovery.PLACED, reason, now)
        args = {"machine_id": standby.id, "stands_for": original.id}
        self._operation(effect.key, "start", standby.host, args, now)
        self.later(now + self._takes.recreate, partial(self._stands_in, effect))

    def _stands_in(self, effect: StandIn, now: datetime) -> bool:
        original, standby = self._rows.machines[effect.machine], self._rows.machines[effect.standby]
        if not self._reached(standby.host):
            return False
        self._rows.machines[standby.id] = replace(standby, state=MachineState.STARTED)
        self._done(effect.key)
        if original.recovery is Recovery.PLACED:
            text = f"its standby {standby.id} on {standby.host} stands in"
            self._rows.machines[original.id] = original.recovering(Recovery.SERVING, text, now)
        return True

    def restore(self, effect: RestoreVolume, now: datetime) -> None:
        old = self._rows.volumes[effect.volume]
        self._count += 1
        new_id = f"{old.id}-new{self._count}"
        blank = Volume(new_id, old.app, old.name, old.region, effect.target, old.size_mb, now, state="restoring")
        self._rows.volumes[new_id] = replace(blank, restored_from=effect.snapshot)
        args = {"supersedes": old.id, "volume_id": new_id, "snapshot_id": effect.snapshot}
        self._operation(f"restore:{new_id}", "create_volume", effect.target, args, now)
        self.later(now + self._takes.restore, partial(self._restored, old.id, new_id))

    def _restored(self, old_id: str, new_id: str, _now: datetime) -> bool:
        volumes = self._rows.volumes
        if not self._reached(volumes[new_id].host):
            return False
        volumes[new_id] = replace(volumes[new_id], state="created")
        volumes[old_id] = replace(volumes[old_id], superseded_by=new_id)
        self._done(f"restore:{new_id}")
        return True

    def note(self, effect: NoteRecovery, now: datetime) -> None:
        machine = self._rows.machines[effect.machine]
        self._rows.machines[effect.machine] = machine.recovering(effect.stage, effect.reason, now, word=effect.word)

    def quarantine(self, effect: Quarantine, now: datetime) -> None:
        machine = replace(self._rows.machines[effect.machine], quarantined=effect.why)
        self._rows.machines[effect.machine] = machine.recovering(Recovery.HELD, effect.why, now, word=QUARANTINED)

    def condemn(self, effect: Condemn, now: datetime) -> None:
        self.doom(effect.machine, effect.why, now)

    def cordon(self, effect: Cordon | Uncordon, _now: datetime) -> None:
        host = self._rows.hosts[effect.host]
        self._rows.hosts[effect.host] = replace(host, cordoned=effect.why if isinstance(effect, Cordon) else "")

    def migrate(self, effect: Migrate, now: datetime) -> None:
        machine = self._rows.machines[effect.machine]
        move = Migration(effect.key, machine.id, machine.app, effect.source, effect.target, now, effect.reason)
        self._rows.migrations[effect.key] = move
        self.later(now + self._takes.migrate, partial(self._moved, effect.key))

    def _moved(self, key: str, now: datetime) -> bool:
        move = self._rows.migrations[key]
        machine = self._rows.machines[move.machine]
        if not (self._reached(move.source) and self._reached(move.target)):
            return False
        self._rows.machines[machine.id] = replace(machine, host=move.target)
        for volume in machine.volumes:
            self._rows.volumes[volume] = replace(self._rows.volumes[volume], host=move.target)
        self._rows.migrations[key] = replace(move, stage=MigrationStage.DONE, moved_at=now)
        return True

    def provision(self, effect: Provision, now: datetime) -> None:
        names = tuple(f"{effect.region}-burst{effect.round}-{number + 1}" for number in range(effect.hosts))
        burst = Burst(effect.key, effect.region, effect.hosts, effect.size, now, effect.demands, names=names)
        self._rows.bursts[burst.id] = burst.moved_to(BurstStage.REQUESTED, now)
        self.later(now + self._takes.provision, partial(self._joined, burst.id))

    def give_up(self, effect: GiveUpDemands, now: datetime) -> None:
        wanted = Burst(effect.key, effect.region, 0, effect.size, now, effect.demands)
        self._rows.bursts[wanted.id] = wanted.moved_to(BurstStage.STUCK, now, effect.why)

    def give_back(self, effect: GiveBack, now: datetime) -> None:
        loan, host = replace(self._rows.loans[effect.host], by=effect.by), self._rows.hosts.get(effect.host)
        if host is None:
            self.ask_back(asked(loan, now), now)
            return
        self._rows.hosts[host.name] = replace(host, cordoned=effect.by)
        self._rows.loans[host.name] = loan.moved_to(LoanStage.CLOSING, now)

    def ask_back(self, loan: Loan, now: datetime) -> None:
        """Its provider is asked, and takes it."""
        self._rows.loans[loan.host] = loan
        self._operation(loan.operation, "give_back", "", {"host": loan.host}, now)
        self.later(now + self._takes.give_back, partial(self._returned, loan.host))

    def _returned(self, name: str, now: datetime) -> bool:
        loan, host = self._rows.loans[name], self._rows.hosts.get(name)
        self._done(loan.operation)
        self._rows.loans[name] = loan.moved_to(LoanStage.RETURNED, now)
        if host is not None:
            self._rows.hosts[name] = left(replace(host, attested="destroyed"), now)
        return True

    def _joined(self, key: str, now: datetime) -> bool:
        """The hosts are there, and what was asked for finds its place on them."""
        burst = self._rows.bursts[key]
        self._rows.bursts[key] = burst.moved_to(BurstStage.PROVISIONING, now)
        for name in burst.names:
            host = Host(name, burst.region, "burst", since=now, status_since=now, capacity=burst.size, joined=True)
            self._rows.hosts[name] = replace(host, epoch=1)
        for demand in burst.demands:
            self._rows.demands.pop(demand, None)
        return True

    def _operation(self, key: str, verb: str, host: str, args: dict[str, Any], now: datetime) -> None:
        self._rows.operations[key] = Operation(key, verb, host, args, Origin.AUTOMATIC, now)

    def _done(self, key: str) -> None:
        self._rows.operations[key] = replace(self._rows.operations[key], stage=Stage.DONE)


_BEGINNERS: dict[type, Callable[[Works, Any, datetime], None]] = {
    Recreate: Works.recreate,
    StandIn: Works.stand_in,
    RestoreVolume: Works.restore,
    NoteRecovery: Works.note,
    Quarantine: Works.quarantine,
    Condemn: Works.condemn,
    Cordon: Works.cordon,
    Uncordon: Works.cordon,
    Migrate: Works.migrate,
    Provision: Works.provision,
    GiveUpDemands: Works.give_up,
    GiveBack: Works.give_back,
}
