"""How a baseline has things done, and what the record is told of it."""

from collections.abc import Collection, Mapping
from typing import Any

from remediator.model.request import Operation, Origin
from remediator.simulate.baselines.book import At, Book, Instance, Pending
from remediator.simulate.world.house import START
from remediator.simulate.world.judge import Ended, Mark
from remediator.simulate.world.record import Act
from remediator.simulate.world.told import Setting

# A command without an answer is tried again after so long.
AGAIN = 5.0


class Doing:
    """Over one book, in one process."""

    def __init__(self, setting: Setting, book: Book) -> None:
        self._told = setting.told
        self._send = setting.send
        self._book = book
        self._sequence = 0

    def mark(self, host: str) -> None:
        self._told.act(Act(0.0, "mark_dead", host))
        self._told.line(f"{host} is taken for lost")

    def fence(self, host: str) -> None:
        self._told.act(Act(0.0, "fence", host))
        self._book.count += 1
        self._command("power_off", host, "", f"off:{host}:{self._book.count}", {}, Origin.AUTOMATIC)

    def write_off(self, each: Instance) -> None:
        each.at = At.WRITTEN_OFF
        self._told.act(Act(0.0, "condemn", each.host, machine=each.machine, line=each.line))
        self._told.routed(each.machine, each.line, each.host, on=False)
        self._book.pending.pop(f"create:{each.machine}", None)

    def start_elsewhere(self, lost: Instance, host: str) -> None:
        """A new instance of the same line."""
        book = self._book
        book.count += 1
        new = f"{lost.line}~{book.count}"
        self._told.named(new, lost.line, again=True)
        self._told.act(Act(0.0, "recreate", lost.host, machine=lost.machine, line=lost.line, target=host))
        book.instances[new] = Instance(
            new, lost.line, lost.app, lost.name, host, lost.region, (), lost.memory_mb, At.STARTING
        )
        args = {
            "machine_id": new, "app": lost.app, "name": lost.name, "region": lost.region, "instance_id": f"{new}-1",
            "volumes": (), "start": True, "source": lost.line, "guest": {"cpus": 1, "memory_mb": lost.memory_mb},
        }  # fmt: skip
        self._command("create", host, new, f"create:{new}", args, Origin.AUTOMATIC)

    def destroy_line(self, machine: str, who: str) -> None:
        """By its owner's word: every instance of it, wherever it is."""
        line = self._book.instances[machine].line
        for each in [one for one in self._book.instances.values() if one.line == line and one.at is not At.GONE]:
            each.ended = True
            each.at = At.WRITTEN_OFF
            self._told.routed(each.machine, each.line, each.host, on=False)
            self._book.pending.pop(f"create:{each.machine}", None)
            origin = Origin.OPERATOR if who == "operator" else Origin.OWNER
            self._command("destroy", each.host, each.machine, f"destroy:{each.machine}", {}, origin)

    def _command(self, verb: str, host: str, machine: str, key: str, args: dict[str, Any], origin: Origin) -> None:
        operation = Operation(key, verb, host, args, origin, START, machine)
        self._book.pending[key] = Pending(operation)

    def send_due(self, now: float, lost: Mapping[str, float]) -> bool:
        """Whatever is not under way and can be heard; a power cut needs no agent."""
        sent = False
        for pending in list(self._book.pending.values()):
            operation = pending.operation
            if pending.flying or pending.due > now or (operation.host in lost and operation.verb != "power_off"):
                continue
            pending.flying = sent = True
            self._sequence += 1
            epoch = self._book.epochs.get(operation.host, 0)
            self._send(operation, Mark(self._book.term, self._sequence, epoch))
        return sent

    def ended(self, ended: Ended, now: float) -> str:
        """A host whose power is off by this, or nothing."""
        pending = self._book.pending.get(ended.key)
        if pending is None:
            return ""
        if ended.again:
            pending.flying, pending.due = False, now + AGAIN
            return ""
        del self._book.pending[ended.key]
        operation = pending.operation
        if operation.verb == "create" and not ended.error:
            self._serves(operation.machine)
        return operation.host if operation.verb == "power_off" and operation.host in self._book.fencing else ""

    def _serves(self, machine: str) -> None:
        each = self._book.instances[machine]
        if each.at is At.STARTING:
            each.at = At.SERVING
            self._told.routed(each.machine, each.line, each.host, on=True)

    def stop_written_off(self, host: str) -> None:
        """It is back without a greeting: its agent is told by hand."""
        for machine in self._book.written_off(host):
            key = f"destroy:{machine}"
            if key not in self._book.pending:
                each = self._book.instances[machine]
                self._told.act(Act(0.0, "destroy", host, machine=machine, line=each.line))
                self._command("destroy", host, machine, key, {}, Origin.AUTOMATIC)

    def absent(self, machines: Collection[str]) -> None:
        for machine in machines:
            each = self._book.instances.get(machine)
            if each is not None and each.at is not At.GONE:
                each.at = At.GONE
                self._told.routed(each.machine, each.line, each.host, on=False)
                self._book.pending.pop(f"destroy:{machine}", None)
                self._told.destroyed.setdefault(machine, self._told.now)

    def reconcile(self, host: str, there: set[str], now: float) -> None:
        """A host that greets tells what it has: what was written off and is not there is gone."""
        written_off = [machine for machine in self._book.written_off(host) if machine not in there]
        self.absent(written_off)
        for pending in self._book.pending.values():
            if pending.operation.host == host:
                pending.flying, pending.due = False, now

    def routes(self, host: str, *, on: bool) -> None:
        """Endpoints follow readiness."""
        for each in self._book.on(host):
            if each.at is At.SERVING:
                self._told.routed(each.machine, each.line, each.host, on=on)
