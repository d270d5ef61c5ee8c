"""The remediator dies between any two steps, and what was promised holds: a state machine over the real runtime."""

import asyncio
import contextlib
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from nacl.public import PrivateKey

from remediator.clock import FakeClock
from remediator.engine.refusals import Refused
from remediator.journal.protocol import Conflict, LeaseLost, Row
from remediator.model.asks import LaunchAsk
from remediator.model.enrolment import Enrolment
from remediator.model.errors import BadInput, FleetmendError, PermanentError
from remediator.model.host import Host, Identity, Life
from remediator.model.machine import Machine, MachineState, Snapshot, Volume
from remediator.model.people import Answer, Approval, Scope
from remediator.model.policy import Mode
from remediator.model.request import Origin
from remediator.model.said import Approve, Deny, Keep, Said, Unkeep, Word
from remediator.wire.keys import key_text
from tests.remediator.builders import NOON, host, machine, volume
from tests.remediator.runtime.crash_fleet import Box, World, held_of
from tests.remediator.runtime.crash_invariants import Invariants
from tests.remediator.runtime.crash_lab import Dial, Process, Shelf, rules, start
from tests.remediator.runtime.stepped import Died

RACKS = {"h1": "r1", "h2": "r2", "h3": "r3", "h4": "r1"}
HOSTS = st.sampled_from(sorted(RACKS))
# Machine, app, host, volumes.
WORK = (("m1", "web", "h1", ()), ("m2", "api", "h1", ()), ("m3", "db", "h1", ("v1",)), ("m4", "web", "h2", ()))
POLICIES = {mode: rules(mode) for mode in (Mode.AUTO, Mode.APPROVE, Mode.SHADOW)}
# Long enough for patience, the rules, a cooldown's turn and probation.
SETTLED_WITHIN = 300
BOX_KEY = key_text(PrivateKey.generate().public_key)


def rows() -> list[Any]:
    """A fleet with which all has been well."""
    found: list[Any] = []
    for name, rack in RACKS.items():
        identity = Identity(f"u-{name}", "", f"d-{name}")
        known = host(name, rack, identity=identity, boot_id=f"boot-{name}-1", bmc_uuid=f"u-{name}", bmc_at=NOON)
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


class CrashMachine(RuleBasedStateMachine):
    """What befalls hosts, store, people and the remediator itself, in any order."""

    @initialize(mode=st.sampled_from([Mode.AUTO, Mode.AUTO, Mode.APPROVE, Mode.SHADOW]))
    def all_is_well(self, mode: Mode) -> None:
        self.clock, self.dial, self.world = FakeClock(NOON), Dial(), World(boxes())
        self.shelf, self.mode = Shelf(), mode
        self.shelf.commit([Row(type(each).__name__, ids(each), 0, each) for each in rows()], [])
        self.holds = Invariants(self.shelf, self.world, mode)
        self.shelf.heard = self.holds.committed
        self.process: Process | None = None
        self.asleep: list[Process] = []
        self.asked = 0
        self._let(lambda _process: None)
        self._pass(6)

    # What befalls hosts.

    @rule(name=HOSTS)
    def power_is_lost(self, name: str) -> None:
        self.world.boxes[name].lose_power()

    @rule(name=HOSTS)
    def network_is_lost(self, name: str) -> None:
        self.world.boxes[name].cut()

    @rule(name=HOSTS)
    def host_returns(self, name: str) -> None:
        self.world.boxes[name].come_back()

    @rule(answers=st.booleans())
    def bmcs(self, answers: bool) -> None:
        self.world.bmc_answers = answers

    @rule(name=HOSTS)
    def link_flaps(self, name: str) -> None:
        box = self.world.boxes[name]
        box.session = False
        box.reports.clear()

    # What befalls messages.

    @rule(name=HOSTS)
    def report_is_told_twice(self, name: str) -> None:
        self.world.boxes[name].reports *= 2

    @rule(name=HOSTS)
    def reports_are_reordered(self, name: str) -> None:
        self.world.boxes[name].reports.reverse()

    @rule()
    def command_arrives_late(self) -> None:
        """What a dead or deposed process had sent."""
        for asked, mark in self.world.on_the_way[:1]:
            try:
                self.world.arrive(asked, mark)
            except (PermanentError, ConnectionError):
                continue

    # The store, people, time.

    @rule(opened=st.booleans())
    def gate_turns(self, opened: bool) -> None:
        self.dial.open, self.dial.since = opened, self.clock.now()

    @rule(stopped=st.sampled_from(["", "by anna: drill"]))
    def freeze_turns(self, stopped: str) -> None:
        self.dial.stopped = stopped

    @rule(number=st.integers(0, 9), cancel_after=st.integers(0, 8))
    def owner_destroys(self, number: int, cancel_after: int) -> None:
        living = sorted(
            each.id for each in self.shelf.of(Machine).values() if each.state is not MachineState.DESTROYED
        )
        if not living:
            return
        name = living[number % len(living)]

        def ask(process: Process) -> None:
            asked = process.requests.destroy_machine(name, force=True, origin=Origin.OWNER, who="owner")
            try:
                process.run(asked, cancel_after)
                self.holds.destroys.add(name)
            except asyncio.CancelledError:
                return
            except Refused as no:
                self._rightly_refused(name, no)

        self._let(ask)

    def _rightly_refused(self, machine: str, no: Refused) -> None:
        """19: for nothing but a loss that is too fresh."""
        known = self.shelf.of(Host)[self.shelf.of(Machine)[machine].host]
        fresh = (
            known.life is Life.SUSPECT or known.status.value == "unknown" or not self.world.boxes[known.name].session
        )
        assert fresh, f"19: the destroy of {machine} on {known.name} ({known.life}) is refused: {no}"
        assert known.life is not Life.DEAD, f"19: {machine} on a dead host: {no}"

    @rule(cancel_after=st.integers(0, 12))
    def tenant_creates(self, cancel_after: int) -> None:
        self.asked += 1
        ask = LaunchAsk("shop", {"guest": {"cpus": 1, "memory_mb": 64}, "metadata": {"recoverable": "true"}})
        named = replace(ask, name=f"shop-{self.asked}", region="arn")

        def create(process: Process) -> None:
            try:
                made = process.run(_in_time(process, named), cancel_after)
                self.holds.machines.add(made.id)
            except (FleetmendError, asyncio.CancelledError):
                return

        self._let(create)

    @rule(name=HOSTS, on=st.booleans())
    def operator_holds(self, name: str, on: bool) -> None:
        word = Keep(Scope.HOST, name) if on else Unkeep(Scope.HOST, name)
        until = self.clock.now() + timedelta(minutes=5)

        def say(process: Process) -> None:
            key = f"host/{name}"
            if not on:
                # It may be gone from here on.
                self.holds.holds.pop(key, None)
            if self._say(process, word) and on:
                self.holds.holds[key] = until

        self._let(say)

    @rule(yes=st.booleans())
    def operator_answers(self, yes: bool) -> None:
        def answer(process: Process) -> None:
            open_ones = [each for each in self.shelf.of(Approval).values() if each.answer is Answer.ASKED]
            for each in open_ones[:1]:
                self._say(process, Approve(each.key) if yes else Deny(each.key))

        self._let(answer)

    def _say(self, process: Process, word: Word) -> bool:
        said = Said(word, "anna", "drill", self.clock.now() + timedelta(minutes=5))
        try:
            process.run(process.people.hear(said))
        except (BadInput, Refused):
            return False
        return True

    @rule(seconds=st.sampled_from([1, 2, 5, 12, 40]))
    def time_passes(self, seconds: int) -> None:
        self._pass(seconds)

    # What befalls the remediator.

    @rule(steps=st.integers(1, 80))
    def is_to_die(self, steps: int) -> None:
        """At that step from now, whatever it is doing then."""
        if self.process is not None:
            self.process.doom.left = steps

    @rule(seconds=st.sampled_from([1, 10, 60]))
    def is_down_for(self, seconds: int) -> None:
        self._bury()
        self.clock.set(self.clock.now() + timedelta(seconds=seconds))

    @rule()
    def sleeps_and_is_succeeded(self) -> None:
        """A pause, not a death: it wakes when another leads."""
        if self.process is not None:
            self.asleep.append(self.process)
            self.process = None

    @rule()
    def sleeper_wakes(self) -> None:
        """16: it changes nothing any more."""
        for sleeper in self.asleep:
            before = self.shelf.head()
            with contextlib.suppress(LeaseLost, Conflict, Died):
                sleeper.tick()
            if sleeper.number != self.shelf.leader:
                assert self.shelf.head() == before, "16: one that was succeeded has written"

    # The invariants, after every step.

    @invariant()
    def nothing_is_broken(self) -> None:
        if not hasattr(self, "holds"):
            return
        found = [*self.holds.wrong, *self.world.wrong, *self.holds.remembered(self.clock.now())]
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
        for _ in range(SETTLED_WITHIN):
            self._pass(1)
            self.nothing_is_broken()
            if not self.holds.unsettled():
                return
        unsettled = self.holds.unsettled()
        assert unsettled == [], unsettled

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


async def _in_time(process: Process, ask: LaunchAsk) -> Machine:
    """A client that waits for the answer while the remediator goes on."""
    asked = asyncio.ensure_future(process.requests.create_machine(ask))
    for _ in range(20):
        await asyncio.sleep(0)
        if asked.done():
            break
        await process.judge.tick(process.dial)
    if not asked.done():
        asked.cancel()
    return await asked


def played(examples: int, steps: int) -> None:
    """The same examples at each run; FLEETMEND_CRASH_EXAMPLES=5000 looks for new ones."""
    wanted = int(os.environ.get("FLEETMEND_CRASH_EXAMPLES", "0"))
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    chosen = settings(
        max_examples=wanted or examples,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=checks,
        derandomize=not wanted,
        database=None,
        print_blob=bool(wanted),
    )
    run_state_machine_as_test(CrashMachine, settings=chosen)


def test_whatever_dies_what_was_promised_holds() -> None:
    played(40, 12)


@pytest.mark.slow
def test_whatever_dies_what_was_promised_holds_at_length() -> None:
    played(400, 30)


@pytest.mark.parametrize("gate_open", [True, False])
def test_a_host_that_returns_just_after_a_restore_mounts_nothing_twice(gate_open: bool) -> None:
    """What the machine once found, with the gate open and with it closed."""
    story = CrashMachine()
    story.all_is_well(Mode.AUTO)
    story.gate_turns(gate_open)
    story.power_is_lost("h1")
    story.time_passes(5)
    story.nothing_is_broken()
    story.host_returns("h1")
    story.time_passes(2)
    story.nothing_is_broken()
    story.teardown()


def test_one_that_slept_sends_nothing_of_what_it_had_written_before() -> None:
    """What the machine once found: with nothing to write, no journal told the sleeper that another leads."""
    story = CrashMachine()
    story.all_is_well(Mode.AUTO)
    story.tenant_creates(3)
    story.sleeps_and_is_succeeded()
    story.owner_destroys(0, 0)
    story.sleeper_wakes()
    story.nothing_is_broken()
    story.teardown()
