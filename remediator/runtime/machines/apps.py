"""Apps created and deleted: journalled rows, and with an app all that it has."""

from dataclasses import replace
from datetime import timedelta

from remediator.clock import Clock
from remediator.engine.machines import destroys
from remediator.engine.machines.refusals import Refused, Terms, not_found, precondition
from remediator.engine.machines.volume_asks import ending
from remediator.model.app import App, AppAsk
from remediator.model.host import Host
from remediator.model.layered import picked
from remediator.model.machine import Machine, MachineState, Snapshot, Volume
from remediator.model.request import Origin
from remediator.runtime.agents.watch import Watch
from remediator.runtime.effects.written import condemn
from remediator.runtime.ledger import Draft, Ledger


class Apps:
    """Each coroutine is one request; refused means nothing was changed.

    ``limit`` is that of fresh losses, ``organisation`` has the apps that nobody created.
    """

    def __init__(
        self, ledger: Ledger, watch: Watch, clock: Clock, limit: timedelta, organisation: str = "personal"
    ) -> None:
        self._ledger = ledger
        self._watch = watch
        self._clock = clock
        self._limit = limit
        self._organisation = organisation

    async def create(self, ask: AppAsk) -> App:
        """A name is one app's, whoever asks: its row, its machines and its volumes all keep it taken.

        For another organisation so does whatever is remembered: it would read of what was never its own.
        """
        now = self._clock.now()
        made = App(ask.name, ask.organisation, ask.network, now, ask.role, ask.by)
        async with self._ledger.writing() as draft:
            row = draft.get(App, ask.name)
            former = row.organisation if row else self._organisation
            kept = former != ask.organisation and self._remembered(ask.name)
            if (row and not row.deleted_at) or kept or self._machines(ask.name) or self._volumes(ask.name):
                raise Refused("Name has already been taken", Terms(422, "name_taken"))
            draft.put(made)
            draft.note(now, "app", ask.name, {"made": ask.organisation, "by": ask.by})
        return made

    async def delete(self, name: str, *, force: bool, origin: Origin, who: str) -> None:
        """With ``force`` its machines and volumes are destroyed as if each were asked for; without, it has none."""
        async with self._ledger.writing() as draft:
            row, machines, volumes = draft.get(App, name), self._machines(name), self._volumes(name)
            if (row is None or row.deleted_at) and not machines and not volumes:
                raise not_found("app")
            if not force and (volumes or any(machine.alive for machine in machines)):
                told = f"{len(machines)} machines and {len(volumes)} volumes"
                raise precondition(f"app {name} has {told}; all of it goes with force=true")
            self._condemn(machines, draft, origin, who)
            for volume in volumes:
                if not volume.doomed:
                    draft.put(replace(draft.get(Volume, volume.id) or volume, state=ending(volume)))
            self._drop_old(draft)
            if row and self._remembered(name):
                draft.put(replace(row, deleted_at=row.deleted_at or self._clock.now()))
            elif row:
                draft.delete(row)
            draft.note(self._clock.now(), "app", name, {"deleted": who, "machines": len(machines)})
        self._watch.wake()

    def _condemn(self, machines: list[Machine], draft: Draft, origin: Origin, who: str) -> None:
        now = self._clock.now()
        for machine in machines:
            host, sighting = draft.get(Host, machine.host), self._watch.sighting(machine.host)
            refused = destroys.refusal(machine, host, sighting, force=True, now=now, limit=self._limit)
            if refused and machine.alive:
                raise refused
            condemn(draft, machine.id, f"its app was deleted by {who}", now, origin)

    def _drop_old(self, draft: Draft) -> None:
        """Deleted ones of which nothing is left."""
        for app in self._ledger.all(App).values():
            if app.deleted_at and not self._remembered(app.name):
                draft.delete(app)

    def _remembered(self, app: str) -> bool:
        """Whether anything of it could still be read, or restored: machines that are destroyed, snapshots."""
        kinds = (Machine, Volume, Snapshot)
        return any(picked(self._ledger.all(kind), "app", app) for kind in kinds)

    def _machines(self, app: str) -> list[Machine]:
        mine = picked(self._ledger.all(Machine), "app", app)
        return [machine for machine in mine if machine.state is not MachineState.DESTROYED]

    def _volumes(self, app: str) -> list[Volume]:
        return picked(self._ledger.all(Volume), "app", app)
