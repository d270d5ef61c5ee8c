"""The remediator dies between any two steps, and what was promised holds: a state machine over the real runtime."""

import asyncio
import contextlib
import os
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from remediator.engine.machines.refusals import Refused
from remediator.journal.protocol import Conflict, LeaseLost
from remediator.model.asks import LaunchAsk
from remediator.model.enrolment import Term
from remediator.model.errors import FleetmendError, PermanentError
from remediator.model.host import Host, Life
from remediator.model.machine import Machine, MachineState
from remediator.model.policy import Mode
from remediator.model.request import Operation, Origin
from tests.remediator.builders import SECOND, operation
from tests.remediator.runtime.crash_lab import Process
from tests.remediator.runtime.crash_people import Words
from tests.remediator.runtime.crash_story import HOSTS
from tests.remediator.runtime.stepped import Died


class CrashMachine(Words):
    """What befalls hosts, store, people and the remediator itself, in any order."""

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

    @rule(seconds=st.sampled_from([1, 2, 5, 12, 40, 130]))
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
    played(28, 12)


@pytest.mark.slow
def test_whatever_dies_what_was_promised_holds_at_length() -> None:
    played(240, 30)


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


PATIENCE = 120


def begun(mode: Mode = Mode.AUTO) -> CrashMachine:
    story = CrashMachine()
    story.all_is_well(mode)
    return story


@pytest.mark.parametrize("steps", range(20, 27))
def test_dead_between_a_destroys_commit_and_its_call_it_waits_for_a_gate_that_has_closed(steps: int) -> None:
    """What the machine once found: the next process sent what the one before had written, with the gate not known."""
    story = begun()
    story.network_is_lost("h1")
    story.time_passes(12)
    story.host_returns("h1")
    story.is_to_die(steps)
    story.time_passes(2)
    story.gate_turns(False)
    story.time_passes(2)
    story.nothing_is_broken()
    story._bury()


def test_one_who_is_heard_keeps_its_power_although_it_has_not_greeted() -> None:
    """Its life is over until it greets, and it cannot: another identity stands under its name."""
    story = begun()
    story.bmcs(False)
    story.network_is_lost("h1")
    story.time_passes(PATIENCE + 6)
    assert [each.open for each in story.shelf.of(Operation).values() if each.verb == "power_off"] == [True]
    story.host_is_wiped("h1")
    story.time_passes(1)
    story.bmcs(True)
    story.time_passes(12)
    story.nothing_is_broken()
    assert story.world.boxes["h1"].powered
    story.teardown()


def test_no_button_is_pressed_on_a_chassis_that_took_another_s_place() -> None:
    story = begun()
    story.bmc_is_cabled_to("h1", "h2")
    story.network_is_lost("h1")
    story.time_passes(PATIENCE + 6)
    assert "another chassis" in next(o.error for o in story.shelf.of(Operation).values() if o.verb == "power_off")
    story.nothing_is_broken()
    assert story.world.boxes["h2"].powered
    story.teardown()


def test_with_yesterdays_journal_nothing_is_sent_until_a_person_has_accepted() -> None:
    """The copy is of the very term that agents heard last: it is the epochs that tell."""
    story = begun()
    story.network_is_lost("h1")
    later = operation("k1", on="h2", machine="m4", not_before=story.clock.now() + 9 * SECOND, origin=Origin.OWNER)
    story.keep(later)
    story.backup_is_made()
    story.time_passes(5)
    story.host_returns("h1")
    story.time_passes(5)
    story.backup_is_restored()
    story.time_passes(5)
    assert story.shelf.of(Operation)["k1"].open
    story.nothing_is_broken()
    assert "h1 was given epoch" in story.shelf.of(Term)["term"].rewound.replace("its host", "h1")
    story.teardown()


@pytest.mark.slow
def test_a_machine_that_moves_is_served_and_mounted_once_wherever_the_remediator_dies() -> None:
    for steps in range(1, 60, 3):
        story = begun()
        story.machine_moves(2, "h2")
        story.is_to_die(steps)
        story.time_passes(5)
        story.nothing_is_broken()
        story.teardown()


def test_hosts_that_were_bought_are_bought_once() -> None:
    story = begun()
    for steps in (3, 6, 9):
        story.hosts_are_bought(2)
        story.is_to_die(steps)
        story.time_passes(2)
    story.teardown()
    assert sorted(len(names) for names in story.world.bought.values()) == [2, 2, 2]


def test_a_host_comes_in_although_one_of_its_machines_failed_here_and_in_its_place() -> None:
    """What the machine once found: the whole host waited for ever for either of two that had nothing to run from."""
    story = begun()
    story.host_is_wiped("h1")
    story.network_is_lost("h1")
    story.time_passes(6)
    for name in ("h2", "h3", "h4"):
        story.host_is_wiped(name)
    story.teardown()
    assert {each.life for each in story.shelf.of(Host).values()} <= {Life.PROBATION, Life.HEALTHY}


def test_a_machine_that_a_move_had_stopped_runs_again_when_its_host_is_back() -> None:
    """What the machine once found: rolled back while its host rebooted, it was started by nobody."""
    story = begun()
    story.network_is_lost("h3")
    story.machine_moves(0, "h3")
    story.time_passes(1)
    story.power_is_lost("h1")
    story.host_returns("h1")
    story.teardown()
