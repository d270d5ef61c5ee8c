"""A fleet with which all has been well, and a remediator that is begun anew where it has died: what rules act on."""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant

from remediator.clock import FakeClock
from remediator.engine.machines.refusals import Refused
from remediator.journal.protocol import Row
from remediator.model.enrolment import Enrolment
from remediator.model.errors import BadInput, PermanentError
from remediator.model.host import Host, Identity
from remediator.model.machine import Machine, Snapshot, Volume
from remediator.model.people import OperatorHold
from remediator.model.policy import Mode
from remediator.model.said import Accept, EndMaintenance, Said, Unkeep, Word
from tests.remediator.builders import NOON, host, machine, volume
from tests.remediator.runtime.crash_fleet import Box, World, held_of
from tests.remediator.runtime.crash_invariants import Invariants
from tests.remediator.runtime.crash_lab import BOX_KEY, Dial, Process, Shelf, rules, start
from tests.remediator.runtime.stepped import Died

RACKS = {"h1": "r1", "h2": "r2", "h3": "r3", "h4": "r1"}
HOSTS = st.sampled_from(sorted(RACKS))
# Machine, app, host, volumes.
WORK = (("m1", "web", "h1", ()), ("m2", "api", "h1", ()), ("m3", "db", "h1", ("v1",)), ("m4", "web", "h2", ()))
POLICIES = {mode: rules(mode) for mode in (Mode.AUTO, Mode.APPROVE, Mode.SHADOW)}
# Long enough for patience, the rules, a cooldown's turn and probation.
SETTLED_WITHIN = 300


def rows() -> list[Any]:
    """A fleet with which all has been well."""
    found: list[Any] = []
    for name, rack in RACKS.items():
        identity = Identity(f"u-{name}", "", f"d-{name}")
        known = host(name, rack, identity=identity, boot_id=f"boot-{name}-1", bmc_uuid=f"u-{name}", bmc_at=NOON)
        known = replace(known, orchestrator_uuid=f"u-{name}", orchestrator_at=NOON)
        found += [known, Enrolment(name, "agent", "arn", rack, NOON, "v", BOX_KEY)]
    found += [machine(name, on, app=app, volumes=volumes) for name, app, on, volumes in WORK]
    found += [volume("v1", "h1", machine="m3"), Snapshot("s1", "v1", "db", NOON, 1, "d")]
    return found


def boxes() -> dict[str, Box]:
    found = {name: Box(name, rack) for name, rack in RACKS.items()}
    for name, app, on, volumes in WORK:
        found[on].machines[name] = held_of(name, on, app=app, volumes=list(volumes))
        found[on].volumes |= set(volumes)
    return found


def ids(value: Any) -> str:
    for name in ("name", "id"):
        if hasattr(value, name) and not isinstance(value, Enrolment | Machine | Volume):
            return str(getattr(value, name))
    return value.key if isinstance(value, Enrolment) else str(value.id)


class Story(RuleBasedStateMachine):
    """What there is, how anything happens to it, and how it must end."""

    @initialize(mode=st.sampled_from([Mode.AUTO, Mode.AUTO, Mode.APPROVE, Mode.SHADOW]))
    def all_is_well(self, mode: Mode) -> None:
        self.clock, self.world = FakeClock(NOON), World(boxes())
        self.dial = Dial(self.clock.now)
        self.shelf, self.mode = Shelf(), mode
        self.shelf.commit([Row(type(each).__name__, ids(each), 0, each) for each in rows()], [])
        self.holds = Invariants(self.shelf, self.world, self.dial, mode)
        self.shelf.heard = self.holds.committed
        self.process: Process | None = None
        self.asleep: list[Process] = []
        self.asked = 0
        self._let(lambda _process: None)
        self._pass(6)

    def _say(self, process: Process, word: Word) -> bool:
        said = Said(word, "anna", "drill", self.clock.now() + timedelta(minutes=5))
        try:
            process.run(process.people.hear(said))
        except (BadInput, Refused):
            return False
        return True

    # The invariants, after every step.

    @invariant()
    def nothing_is_broken(self) -> None:
        if not hasattr(self, "holds"):
            return
        truth = [] if self.holds.restored else self.world.wrong
        found = [*self.holds.wrong, *truth, *self.holds.remembered(self.clock.now())]
        assert found == [], found

    def teardown(self) -> None:
        """All is mended from outside; what is ours to mend follows."""
        if not hasattr(self, "holds") or self.holds.wrong or self.world.wrong:
            return
        try:
            self._settles()
        finally:
            self._bury()
            for sleeper in self.asleep:
                sleeper.loop.bury()

    def _settles(self) -> None:
        if self.process is not None:
            self.process.doom.left = None
        self.dial.open, self.dial.stopped = True, ""
        for box in self.world.boxes.values():
            box.come_back()
            box.cable = ""
        self.holds.holds.clear()
        self._let(self._words_are_over)
        for _ in range(SETTLED_WITHIN):
            self._pass(1)
            self._let(self._doubts_are_answered)
            self.nothing_is_broken()
            if not self.holds.unsettled():
                return
        unsettled = self.holds.unsettled()
        assert unsettled == [], unsettled

    def _words_are_over(self, process: Process) -> None:
        for row in list(self.shelf.of(OperatorHold).values()):
            self._say(process, Unkeep(row.scope, row.name))
        self._say(process, EndMaintenance(tuple(RACKS)))

    def _doubts_are_answered(self, process: Process) -> None:
        """Who stands at the door is taken for another server; the gap is accepted."""
        for name in [each.name for each in self.shelf.of(Host).values() if each.identity_claim]:
            self._say(process, Accept(name, "replaced"))
        if process.rewound.reason:
            with contextlib.suppress(PermanentError):
                process.run(process.rewound.accept("anna", "drill", silent=len(RACKS)))

    def _pass(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.set(self.clock.now() + timedelta(seconds=1))
            self._let(Process.second)

    def _let(self, act: Callable[[Process], Any]) -> None:
        """Something happens to the process, which is begun anew where it has died before; it may die of this."""
        try:
            process = self._alive()
            act(process)
        except Died:
            self._bury()

    def _alive(self) -> Process:
        if self.process is None:
            self.process = start(self.shelf, self.world, self.dial, self.clock, POLICIES[self.mode])
            self.process.begin(self.holds.called)
        return self.process

    def _bury(self) -> None:
        if self.process is not None:
            self.process.loop.bury()
        self.process = None
