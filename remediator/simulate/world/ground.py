"""The fleet as it is: bodies and agents together, what really runs where, and what follows when a body changes."""

from collections.abc import Callable, Iterable
from random import Random

from remediator.simulate.world.agents import COLD_START, Agent, Kept, record_of
from remediator.simulate.world.bodies import REMEDIATOR, Body, Network
from remediator.simulate.world.house import House
from remediator.simulate.world.judge import Hello, HungUp
from remediator.simulate.world.queue import Queue
from remediator.simulate.world.record import HostTruth
from remediator.simulate.world.story import Story, Workload
from remediator.simulate.world.topology import Place
from remediator.simulate.world.tracks import Tracks

# An agent that hears nothing for this long dials anew; a session of which nothing is heard is closed after so long.
GIVES_UP, CLOSED = 3.0, 10.0
RETRY = (0.1, 2.0)
BOOT = (30.0, 60.0)
START_MACHINES = 1.0
Run = tuple[str, str, str, str, tuple[str, ...]]
Change = Callable[[Body], None]


def _unheard(_text: str) -> None:
    """What happens before the beginning is no news."""


class Ground:
    """Truth, and the agents that live in it; every change of a body passes through ``change``."""

    def __init__(self, story: Story, house: House, queue: Queue, chance: Random) -> None:
        self.story = story
        self.house = house
        self.queue = queue
        self.chance = chance
        self.network = Network(story.topology.places.values())
        self.agents = {name: Agent(place) for name, place in story.topology.places.items()}
        self.flags: Tracks[tuple[str, str]] = Tracks()
        # What is wrong with the provider of hosts: sold_out or never_delivers.
        self.provider = ""
        # And with the orchestrator: silent, or its answer is of_another identity.
        self.orchestrator = ""
        self.runs: Tracks[Run] = Tracks()
        self.lines: dict[str, str] = {}
        self.apps: dict[str, str] = {}
        self.scrubbed: dict[str, dict[str, object]] = {}
        self.unrecoverable: set[str] = set()
        self.log: Callable[[str], None] = _unheard
        # Told whenever a host's condition has changed.
        self.on_change: list[Callable[[set[str]], None]] = []
        for workload in story.workloads:
            self._settle_in(workload)
        self.look_at(self.agents)

    def _settle_in(self, workload: Workload) -> None:
        name = workload.name
        volumes = (f"{name}-volume",) if workload.volume else ()
        scrubbed = workload.config
        region = self.agents[workload.host].place.region
        args = {"machine_id": name, "app": workload.app, "name": name, "region": region,
                "instance_id": f"{name}-1", "volumes": volumes}  # fmt: skip
        self.scrubbed[name], self.lines[name], self.apps[name] = scrubbed, name, workload.app
        if not workload.recoverable:
            self.unrecoverable.add(name)
        record = record_of(args, scrubbed, workload.host, 1, recoverable=workload.recoverable)
        agent, wanted = self.agents[workload.host], workload.state == "started"
        agent.machines[name] = Kept(record, name, wanted, wanted, volumes)
        for volume in volumes:
            agent.volumes[volume] = {"id": volume, "used_bytes": 0}

    def join(self, place: Place) -> None:
        """A host that was bought: it boots, and its agent greets."""
        self.network.bodies[place.name] = Body(place)
        agent = self.agents[place.name] = Agent(place, session=False)
        agent.greets_at = self.queue.now
        self.look_at([place.name])
        self.greet_soon(place.name, 0.1)

    def change(self, hosts: Iterable[str], how: Change) -> None:
        """Change these bodies, and everything that follows from it."""
        named = [host for host in dict.fromkeys(hosts) if host in self.network.bodies]
        for host in named:
            how(self.network.bodies[host])
        self.look_at(named)

    def look_at(self, hosts: Iterable[str]) -> None:
        """What became of these hosts: spans, machines, sessions."""
        changed: set[str] = set()
        for host in hosts:
            body = self.network.bodies[host]
            self._off(body)
            if self._flagged(host, body):
                changed.add(host)
                self._session(host, body)
            for machine, kept in self.agents[host].machines.items():
                self._runs(host, machine, kept, "" if body.powered else "power")
        for told in self.on_change:
            told(changed)

    def _off(self, body: Body) -> None:
        """Without power nothing runs; with power back it boots."""
        agent = self.agents[body.place.name]
        if not body.powered and body.booted:
            body.booted = False
            for kept in agent.machines.values():
                kept.running = False
        elif body.powered and not body.booted and not body.troubles["booting"]:
            body.troubles["booting"] = 1
            self.queue.after(self.chance.uniform(*BOOT), lambda: self._boots(body))

    def _boots(self, body: Body) -> None:
        body.troubles["booting"] = 0
        if not body.powered:
            return
        body.booted, body.boots = True, body.boots + 1
        agent = self.agents[body.place.name]
        agent.session, agent.alone_since = False, self.queue.now
        for kept in agent.machines.values():
            kept.running = False
        self.log(f"{body.place.name} has booted")
        self.look_at([body.place.name])
        boot = body.boots
        self.queue.after(COLD_START, lambda: self._black_start(body, boot))

    def _black_start(self, body: Body, boot: int) -> None:
        """No remediator for so long: what ran last starts, but for what was condemned."""
        agent = self.agents[body.place.name]
        if not agent.session and body.agent and body.boots == boot:
            self.start_machines(body.place.name)

    def _flagged(self, host: str, body: Body) -> bool:
        now = self.queue.now
        reached = self.network.reached(host)
        words = {
            "kernel": body.kernel,
            "agent": body.agent,
            "reached": reached,
            "wedged": bool(body.kernel and body.troubles["wedge"]),
        }
        found = [self.flags.set((host, word), now, on=on) for word, on in words.items()]
        return any(found)

    def in_touch(self, host: str) -> bool:
        """Whether its agent and the remediator's network can exchange packets."""
        return self.flags.holds((host, "reached")) and self.network.bodies[host].agent

    def _session(self, host: str, body: Body) -> None:
        agent = self.agents[host]
        if self.in_touch(host):
            if not agent.session:
                self.greet_soon(host, self.chance.uniform(*RETRY))
            return
        body.turned = now = self.queue.now
        if body.kernel and not body.agent:
            agent.session = False
            self.house.tell(HungUp(host))
            return
        self.queue.after(GIVES_UP, lambda: self._given_up(host, now))
        self.queue.after(CLOSED, lambda: self._closed(host, now))

    def _given_up(self, host: str, since: float) -> None:
        if not self.in_touch(host) and self.network.bodies[host].turned == since:
            agent = self.agents[host]
            agent.session, agent.alone_since = False, since

    def _closed(self, host: str, since: float) -> None:
        if not self.in_touch(host) and self.network.bodies[host].turned == since:
            self.house.tell(HungUp(host))

    def greet_soon(self, host: str, seconds: float) -> None:
        agent = self.agents[host]
        due = agent.greets_at = self.queue.now + seconds
        self.queue.after(seconds, lambda: self._greet(host, due))

    def _greet(self, host: str, due: float) -> None:
        agent, body = self.agents[host], self.network.bodies[host]
        if agent.session or agent.greets_at != due or not self.in_touch(host):
            return
        hello = Hello(host, agent.hello(f"{host}-boot{body.boots}", self.identity(host)))
        word = self.house.greet(hello)
        if word is None or word.refused:
            if word is not None and agent.refused != word.refused:
                agent.refused = word.refused
                self.log(f"{host} is not welcomed: {word.refused}")
            self.greet_soon(host, self.chance.uniform(1.0, 2.0) if word is None else 10.0)
            return
        before = agent.epoch
        agent.welcomed(word)
        agent.fresh.clear()
        agent.absent.clear()
        gone = [machine for machine in agent.condemned - agent.held if machine in agent.machines]
        if gone or word.epoch != before:
            lost = f", must lose {', '.join(sorted(gone))}" if gone else ""
            self.log(f"{host} greets, epoch {word.epoch}{lost}")
        for machine in sorted(gone):
            self.queue.after(0.3, lambda machine=machine: self.kill(host, machine, "condemned"))  # type: ignore[misc]
        self.queue.after(START_MACHINES, lambda: self.start_machines(host, writers=word.admit))

    def identity(self, host: str) -> dict[str, str]:
        body = self.network.bodies[host]
        board = body.board or host
        return {
            "uuid": f"uuid-{board}",
            "agent_key": f"key-{board}{body.data}",
            "data_id": f"data-{board}{body.data}",
        }

    def start_machines(self, host: str, *, writers: bool = True) -> None:
        """After a boot: whatever should run and is not condemned; ``writers`` too that may live on elsewhere."""
        agent, body = self.agents[host], self.network.bodies[host]
        if not body.agent or body.troubles["wedge"]:
            return
        for machine, kept in agent.machines.items():
            waits = not writers and kept.volumes and kept.line not in self.unrecoverable
            if kept.wanted and not kept.running and not waits and machine not in agent.condemned:
                kept.running = True
                agent.fresh.add(machine)
                self._runs(host, machine, kept, "")

    def kill(self, host: str, machine: str, why: str) -> None:
        """It is gone from this host, at once and for good, unless the host cannot do it."""
        agent, body = self.agents[host], self.network.bodies[host]
        kept = agent.machines.get(machine)
        if kept is None or not body.agent:
            return
        if body.troubles["wedge"]:
            # Its disks do not answer: the process cannot end.
            self.queue.after(5.0, lambda: self.kill(host, machine, why))
            return
        agent.absent.append(machine)
        if body.troubles["lies"]:
            return
        kept.running = False
        self._runs(host, machine, kept, why)
        del agent.machines[machine]
        agent.fresh.discard(machine)

    def _runs(self, host: str, machine: str, kept: Kept, why: str) -> None:
        if self.runs.set(self._key(host, machine, kept), self.queue.now, on=kept.running):
            self.log(f"{machine} {'runs' if kept.running else 'stops'} on {host}" + (f": {why}" if why else ""))

    def _key(self, host: str, machine: str, kept: Kept) -> Run:
        return (machine, kept.line, self.apps.get(kept.line, ""), host, kept.volumes)

    def ran_on(self, host: str, machine: str) -> None:
        """Bring a machine's truth up to date after a command."""
        kept = self.agents[host].machines.get(machine)
        if kept is not None:
            self._runs(host, machine, kept, "")

    def forget_runs(self, host: str) -> None:
        """What runs there will be known by another name."""
        for machine, kept in self.agents[host].machines.items():
            self.runs.set(self._key(host, machine, kept), self.queue.now, on=False)

    def truths(self) -> dict[str, HostTruth]:
        return {
            name: HostTruth(
                name, place.region, place.rack, place.switch, place.pdu, place.provider, place.bmc,
                **{word: self.flags.of((name, word)) for word in ("kernel", "agent", "reached", "wedged")},
            )
            for name, place in ((name, body.place) for name, body in self.network.bodies.items())
        }  # fmt: skip

    def __contains__(self, host: str) -> bool:
        return host in self.agents or host == REMEDIATOR
