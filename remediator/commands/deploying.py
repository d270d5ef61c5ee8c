"""A deploy as it is carried out: step by step, planned anew where a host is lost on the way."""

import time

from remediator.commands.client import Answered, CommandFailed
from remediator.commands.doing import progress
from remediator.commands.rollout import Drop, Keep, Replace, Step, Update, Wanted, planned
from remediator.commands.settling import settled
from remediator.commands.tenant import App, Json

# A loss becomes certain, or passes, within a minute; until then destroys are refused.
PATIENCE_SECONDS = 120.0
# Hosts that die while it goes on are planned for anew; a fleet that never rests is not waited for.
ROUNDS = 4
_DOING = {Update: "updating", Replace: "replacing", Drop: "destroying"}
BAD_INPUT, NOT_FOUND = 400, 404
RESTING = frozenset({"created", "stopped", "suspended"})
NOT_BEGUN = "not begun"
ADVICE = """Where the data may be lost:  fleetmend machine destroy --force ID, then fleetmend scale count N
where a snapshot will do:    fleetmend volumes snapshots list VOLUME
                             fleetmend volumes create NAME --region REGION --snapshot-id SNAPSHOT, then deploy"""


class Deploy:
    """What became of each machine stands in ``lines``, by its id, at any moment."""

    def __init__(self, app: App, wanted: Wanted, group: str) -> None:
        self._app = app
        self._wanted = wanted
        self._group = group
        self.lines: dict[str, Json] = {}
        self.begun = False

    def plan(self) -> list[Step]:
        """The steps from what is so now.

        Raises:
            CommandFailed: something stands in the way, all of which is told.
        """
        machines = settled(self._app, self._group)
        if not machines:
            wanted = f"fleetmend scale count N --config FILE --app {self._app.name}"
            raise CommandFailed(f"app {self._app.name} has no machines to deploy to: {wanted}")
        steps, problems = planned(machines, self._app.volumes(), self._wanted)
        if problems:
            unchanged = [] if self.begun else ["Nothing was changed."]
            raise CommandFailed("\n".join([*problems, *unchanged, ADVICE]))
        return steps

    def carry_out(self, steps: list[Step]) -> None:
        """All of it; where hosts were lost on the way, the rest as it is to be now."""
        for _ in range(ROUNDS):
            for step in steps:
                self._note(step.machine, NOT_BEGUN)
            lost = [step.machine for number, step in enumerate(steps, 1) if not self._taken(step, number, len(steps))]
            if not lost:
                return
            again = {machine["id"] for machine in lost}
            steps = [step for step in self.plan() if step.machine["id"] in again]
        raise CommandFailed("hosts go on being lost: deploy again when it is calmer")

    def _taken(self, step: Step, number: int, of: int) -> bool:
        """Whether the step was done; not where its host was lost before."""
        if isinstance(step, Keep):
            self._note(step.machine, "as wanted")
            return True
        begun, self.begun = self.begun, True
        self._note(step.machine, "begun, and not known to be done")
        try:
            doing = _DOING[type(step)]
            progress(f"[{number}/{of}] {doing} {step.machine['id']} ({step.machine['name']})")
            return self._carried_out(step)
        except Answered as error:
            # A bad config is refused before anything is done with it.
            self.begun = begun or error.status != BAD_INPUT
            self._note(step.machine, f"failed: {error}")
            raise

    def _carried_out(self, step: Update | Replace | Drop) -> bool:
        match step:
            case Update(machine, config):
                return self._updated(machine, config)
            case Replace(machine, config):
                self._replaced(machine, config)
            case Drop(machine, twin):
                self._ended(machine)
                self._note(machine, f"destroyed: {twin} serves in its place")
        return True

    def _updated(self, machine: Json, config: Json) -> bool:
        identifier = machine["id"]
        try:
            with self._app.leased(identifier) as nonce:
                self._app.update(identifier, _body(machine, config), nonce)
                if not _rests(machine) and self._in_touch(identifier):
                    self._app.wait(identifier, "started")
        except Answered:
            if self._in_touch(identifier):
                raise
        if not self._in_touch(identifier):
            self._note(machine, "its host was lost")
            return False
        self._note(machine, "updated")
        return True

    def _in_touch(self, identifier: str) -> bool:
        return bool(self._app.machine(identifier)["host_status"] == "ok")

    def _replaced(self, machine: Json, config: Json) -> None:
        """The new one first: whatever cuts this short, a second deploy finds it and destroys the other alone."""
        fresh = self._app.launch(_body(machine, config))
        self._note(machine, f"{fresh['id']} was launched in its stead; it is not destroyed yet", by=fresh["id"])
        if not _rests(machine):
            self._app.wait(fresh["id"], "started")
        self._ended(machine)
        self._note(machine, f"replaced by {fresh['id']}", by=fresh["id"])

    def _ended(self, machine: Json) -> None:
        try:
            destroyed(self._app, machine["id"])
        except Answered as error:
            # Somebody else was faster.
            if error.status != NOT_FOUND:
                raise

    def _note(self, machine: Json, outcome: str, **more: str) -> None:
        self.lines[machine["id"]] = line(machine, outcome, **more)


def _rests(machine: Json) -> bool:
    """Whether its owner had stopped it: it is not started by a deploy."""
    return machine["state"] in RESTING


def _body(machine: Json, config: Json) -> Json:
    return {"config": config, "region": machine["region"], "skip_launch": _rests(machine)}


def line(machine: Json, outcome: str, **more: str) -> Json:
    """What is told of one machine."""
    return {"id": machine["id"], "name": machine["name"], "outcome": outcome, **more}


def destroyed(app: App, identifier: str) -> None:
    """Destroyed by force; a host that was lost a moment ago is waited for, as the answer says."""
    left = PATIENCE_SECONDS
    while True:
        try:
            app.destroy(identifier, force=True)
        except Answered as error:
            left -= error.retry_after or PATIENCE_SECONDS + 1
            if error.retry_after is None or left < 0:
                raise
            progress(f"{error}; again in {error.retry_after:g} s")
            time.sleep(error.retry_after)
        else:
            return
