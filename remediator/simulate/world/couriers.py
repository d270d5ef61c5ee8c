"""Commands on their way: to agents, to BMCs, to an orchestrator, to a provider; and how they end."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from remediator.drivers.fencing import meant_by
from remediator.drivers.orchestrator import Proof, Statement, unproved
from remediator.model.errors import PermanentError
from remediator.model.host import Capacity
from remediator.model.request import Operation
from remediator.simulate.world.agents import TAKES, Agent, record_of
from remediator.simulate.world.bodies import Body
from remediator.simulate.world.ground import Ground
from remediator.simulate.world.house import START
from remediator.simulate.world.judge import Ended, Mark
from remediator.simulate.world.record import Sent
from remediator.simulate.world.told import Told
from remediator.simulate.world.topology import Place

ON_THE_WAY = 0.05
# What a caller waits for an answer, and what a provider takes to deliver a host.
PATIENCE, HANGS, DELIVERY = 5.0, 30.0, 60.0
BUTTONS = frozenset({"power_off", "power_cycle"})


def _off(body: Body) -> None:
    body.troubles["power"] += 1


def _on(body: Body) -> None:
    body.troubles["power"] -= 1


class Couriers:
    """``send`` is what a judge is given."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self.ground: Ground
        self.flying = 0
        self._taken_back: set[str] = set()
        self._verbs: dict[str, Callable[[Operation, Agent], dict[str, Any]]] = {
            "create": self._create,
            "destroy": self._destroy,
            "start": self._run,
            "restart": self._run,
            "stop": self._run,
            "create_volume": self._volume,
            "snapshot": self._snapshot,
            "export": self._export,
        }

    def send(self, operation: Operation, mark: Mark) -> None:
        queue = self.ground.queue
        sent = Sent(operation.key, operation.verb, operation.host, operation.machine, operation.origin, queue.now)
        self._told.command(replace(sent, term=mark.term))
        self.flying += 1
        queue.after(ON_THE_WAY, lambda: self._arrives(operation, mark))

    def _arrives(self, operation: Operation, mark: Mark) -> None:
        if operation.verb == "webhook":
            self._ends(operation, Ended(operation.key), "done", 0.1)
        elif operation.verb == "provision":
            self._provision(operation)
        elif operation.verb == "give_back":
            self._give_back(operation)
        elif operation.verb == "fence_host":
            self._fence(operation)
        elif operation.verb == "unfence_host":
            self._unfence(operation)
        elif operation.verb in BUTTONS:
            self._button(operation)
        else:
            self._command(operation, mark)

    def _ends(self, operation: Operation, ended: Ended, result: str, after: float = 0.0) -> None:
        def told() -> None:
            self.flying -= 1
            self._told.ended(operation.key, result)
            self.ground.house.tell(ended)

        self.ground.queue.after(after, told)

    def _lost(self, operation: Operation, after: float = PATIENCE) -> None:
        text = f"{operation.host} did not answer in time"
        self._ends(operation, Ended(operation.key, error=text, again=True), "lost", after)

    def _command(self, operation: Operation, mark: Mark) -> None:
        ground, host = self.ground, operation.host
        if host not in ground.agents or not ground.in_touch(host) or not ground.agents[host].session:
            self._lost(operation)
            return
        agent = ground.agents[host]
        if why := agent.refuses(mark):
            ground.log(f"{host} refuses {operation.verb}: {why}")
            self._ends(operation, Ended(operation.key, error=why, again=True), "refused")
            return
        agent.term, agent.sequence = max((agent.term, agent.sequence), (mark.term, mark.sequence))
        if operation.key in agent.results:
            self._ends(operation, agent.results[operation.key], "done", 0.05)
            return
        if ground.network.bodies[host].troubles["wedge"] and operation.verb != "export":
            self._lost(operation, HANGS)
            return
        ground.queue.after(TAKES.get(operation.verb, 0.3), lambda: self._performs(operation, agent))

    def _performs(self, operation: Operation, agent: Agent) -> None:
        body = self.ground.network.bodies[operation.host]
        if not body.agent:
            self._lost(operation)
            return
        if body.troubles["full"] and operation.verb == "create_volume":
            ended = Ended(operation.key, error="no space left on device")
        else:
            ended = Ended(operation.key, self._verbs[operation.verb](operation, agent))
        agent.results[operation.key] = ended
        if self.ground.in_touch(operation.host):
            self._ends(operation, ended, "failed" if ended.error else "done", ON_THE_WAY)
        else:
            self._lost(operation)

    def _create(self, operation: Operation, agent: Agent) -> dict[str, Any]:
        args, ground = operation.args, self.ground
        machine = args["machine_id"]
        line = ground.lines.get(args.get("source", machine), machine)
        ground.lines[machine] = line
        ground.apps.setdefault(line, args["app"])
        scrubbed = ground.scrubbed.get(line, {"guest": args.get("guest", {})})
        recoverable = line not in ground.unrecoverable
        record = record_of(args, scrubbed, operation.host, agent.epoch, recoverable=recoverable)
        kept = agent.born(operation, line, record)
        kept.wanted = kept.running = bool(args.get("start", True))
        ground.ran_on(operation.host, machine)
        return {"record": agent.told(machine)}

    def _destroy(self, operation: Operation, _agent: Agent) -> dict[str, Any]:
        self.ground.kill(operation.host, operation.machine, "destroyed")
        return {}

    def _run(self, operation: Operation, agent: Agent) -> dict[str, Any]:
        kept = agent.machines.get(operation.machine)
        if kept is None:
            return {}
        kept.wanted = kept.running = operation.verb != "stop"
        self.ground.ran_on(operation.host, operation.machine)
        return {"record": agent.told(operation.machine)}

    def _volume(self, operation: Operation, agent: Agent) -> dict[str, Any]:
        volume = operation.args["volume_id"]
        agent.volumes[volume] = {"id": volume, "used_bytes": 0}
        return {}

    def _snapshot(self, operation: Operation, _agent: Agent) -> dict[str, Any]:
        args = operation.args
        at = START + timedelta(seconds=self.ground.queue.now)
        told = {"id": args["snapshot_id"], "volume": args["volume_id"], "app": "", "size_bytes": 0, "digest": ""}
        return {"snapshot": {**told, "created_at": at.isoformat()}}

    def _export(self, _operation: Operation, _agent: Agent) -> dict[str, Any]:
        return {"sealed_config": "", "digest": "d"}

    def _button(self, operation: Operation) -> None:
        """A BMC is asked to cut the power, or to cut it and give it back; it is read again before."""
        ground, host = self.ground, str(operation.args.get("host") or operation.host)
        body = ground.network.bodies.get(host)
        if body is None or not body.place.bmc or body.troubles["bmc"] or body.troubles["blind"]:
            self._lost(operation)
            return
        meant = operation.args.get("uuid", "")
        if meant and meant != ground.identity(host)["uuid"]:
            self._ends(operation, Ended(operation.key, error="its BMC is another server's"), "failed")
            return
        found = not body.powered
        if not found:
            ground.log(f"{host} is switched off by its BMC")
            ground.change([host], _off)
        if operation.verb == "power_cycle":
            ground.queue.after(2.0, lambda: ground.change([host], _on))
        self._ends(operation, Ended(operation.key, {"state": "off", "found": found}), "done", 1.0)

    def _fence(self, operation: Operation) -> None:
        """The orchestrator stops the host, and says whom; what that proves its real driver judges."""
        ground, meant = self.ground, meant_by(operation)
        if ground.orchestrator == "silent":
            self._lost(operation)
            return
        now = START + timedelta(seconds=ground.queue.now)
        chassis = "uuid-of-another" if ground.orchestrator else ground.identity(meant.host)["uuid"]
        proof = Proof(now, "hypervisor", chassis, meant.epoch, meant.boot_id)
        try:
            unproved(Statement("fenced", chassis, proof), meant, now)
        except PermanentError as error:
            self._ends(operation, Ended(operation.key, error=str(error)), "failed", 0.5)
            return
        if ground.network.bodies[meant.host].powered:
            ground.log(f"{meant.host} is stopped by the orchestrator")
            ground.change([meant.host], _off)
        self._ends(operation, Ended(operation.key, {"by": proof.by, "at": now.isoformat()}), "done", 1.0)

    def _unfence(self, operation: Operation) -> None:
        if self.ground.orchestrator == "silent":
            self._lost(operation)
        else:
            self._ends(operation, Ended(operation.key), "done", 0.5)

    def _provision(self, operation: Operation) -> None:
        args = operation.args
        if self.ground.provider == "sold_out":
            self._ends(operation, Ended(operation.key, error="sold out"), "failed", 0.5)
            return
        size = args.get("size", {})
        capacity = Capacity(size.get("cpus", 4), size.get("memory_mb", 4096), size.get("disk_mb", 1024))
        rack = f"{args['region']}-burst"
        for name in args["names"]:
            place = Place(
                name, args["region"], rack, f"sw-{rack}", f"pdu-{rack}", "provider", bmc=False, capacity=capacity
            )
            if self.ground.provider != "never_delivers":
                self.ground.queue.after(DELIVERY, lambda place=place: self._delivered(place))  # type: ignore[misc]
        self._ends(operation, Ended(operation.key, {"hosts": list(args["names"])}), "done", 0.5)

    def _give_back(self, operation: Operation) -> None:
        """A provider switches it off for good; one that it has not delivered never comes."""
        ground, host = self.ground, str(operation.args["host"])
        self._taken_back.add(host)
        found = host in ground.network.bodies
        if found:
            ground.log(f"{host} is taken back")
            ground.change([host], _off)
        self._ends(operation, Ended(operation.key, {"found": found}), "done", 0.5)

    def _delivered(self, place: Place) -> None:
        if place.name not in self.ground.agents and place.name not in self._taken_back:
            self.ground.log(f"{place.name} is delivered")
            self.ground.join(place)
