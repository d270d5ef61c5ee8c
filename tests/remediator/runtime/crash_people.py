"""Rules of what people say, of moves and purchases, of strangers at the door, and of yesterday's backup."""

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from remediator.actions.effects import Effect, Migrate, Provision
from remediator.model.host import Host
from remediator.model.machine import Machine, MachineState, Recovery
from remediator.model.people import Answer, Approval, Scope
from remediator.model.policy import Mode
from remediator.model.request import Migration
from remediator.model.said import Accept, Approve, Deny, EndMaintenance, Keep, Maintain, Undo, Unkeep, Word
from remediator.runtime.effects import written as effects
from tests.remediator.builders import BIG
from tests.remediator.runtime.crash_lab import Process, Shelf
from tests.remediator.runtime.crash_story import HOSTS, RACKS, Story

WORDS: dict[str, Any] = {
    "maintenance": lambda name: Maintain((name,)),
    "over": lambda name: EndMaintenance((name,)),
    "undo": lambda name: Undo("host_dead", name),
    "rack": lambda name: Keep(Scope.RACK, RACKS[name]),
    "app": lambda _: Keep(Scope.APP, "web"),
    "fleet": lambda _: Keep(Scope.FLEET, "fleet"),
    "go on": lambda _: Unkeep(Scope.FLEET, "fleet"),
}


class Words(Story):
    """Everything that is not done by a host, a message, the store or death itself."""

    backup: tuple[Shelf, Any] | None = None

    @rule(name=HOSTS, on=st.booleans())
    def operator_holds(self, name: str, on: bool) -> None:
        word: Word = Keep(Scope.HOST, name) if on else Unkeep(Scope.HOST, name)
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

    @rule(name=HOSTS, what=st.sampled_from(sorted(WORDS)))
    def operator_says(self, name: str, what: str) -> None:
        self._let(lambda process: self._say(process, WORDS[what](name)))

    # Another server, or another data folder, under a known name; a BMC that is another's.

    @rule(name=HOSTS)
    def host_is_wiped(self, name: str) -> None:
        self.world.wiped |= self.world.boxes[name].machines.keys()
        self.world.boxes[name].wipe()

    @rule(name=HOSTS, answer=st.sampled_from(["replaced", "renamed"]))
    def operator_accepts(self, name: str, answer: str) -> None:
        self._let(lambda process: self._say(process, Accept(name, answer)))

    @rule(name=HOSTS, other=HOSTS)
    def bmc_is_cabled_to(self, name: str, other: str) -> None:
        self.world.boxes[name].cable = "" if name == other else other

    # What playbooks that are not in force here would begin.

    @rule(number=st.integers(0, 9), there=HOSTS)
    def machine_moves(self, number: int, there: str) -> None:
        movable = [each for each in self.shelf.of(Machine).values() if self._moves_to(each, there)]
        if self.mode is Mode.AUTO and movable:
            chosen = sorted(movable, key=lambda each: each.id)[number % len(movable)]
            self._write(Migrate(chosen.id, chosen.host, "drill", self._turn(), there))

    def _moves_to(self, machine: Machine, target: str) -> bool:
        hosts, moves = self.shelf.of(Host), self.shelf.of(Migration).values()
        well = machine.state is MachineState.STARTED and machine.recovery is Recovery.NONE and not machine.adopted
        moving = any(each.open and each.machine == machine.id for each in moves)
        there = machine.host in hosts and hosts[machine.host].takes_work and hosts[target].takes_work
        return well and there and not moving and machine.host != target

    @rule(hosts=st.integers(1, 2))
    def hosts_are_bought(self, hosts: int) -> None:
        if self.mode is Mode.AUTO:
            self._write(Provision("arn", hosts, BIG, (), self._turn()))

    def _turn(self) -> int:
        self.asked += 1
        return self.asked

    def keep(self, row: Any) -> None:
        """As if it had been written by anybody."""

        async def put(process: Process) -> None:
            async with process.ledger.writing() as draft:
                draft.put(row)

        self._let(lambda process: process.run(put(process)))

    def _write(self, effect: Effect) -> None:
        async def written(process: Process) -> None:
            async with process.ledger.writing() as draft:
                effects.write(effect, draft, "", process.clock.now())

        self._let(lambda process: process.run(written(process)))

    # Yesterday's backup.

    @rule()
    def backup_is_made(self) -> None:
        self.backup = (self.shelf.copied(), self.holds.memory())

    @rule()
    def backup_is_restored(self) -> None:
        if self.backup is None:
            return
        for sleeper in self.asleep:
            sleeper.loop.bury()
        self.asleep = []
        self._bury()
        self.shelf.take(self.backup[0])
        self.holds.restore(self.backup[1])
        self._let(lambda _process: None)

    @rule()
    def operator_accepts_the_gap(self) -> None:
        self._let(self._doubts_are_answered)
