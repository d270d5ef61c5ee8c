"""What probers, agents and BMCs would say each second: only of hosts with whom something is going on."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any
from zlib import crc32

from remediator.engine.evidence.vantages import Vantage
from remediator.model.evidence import Outcome
from remediator.simulate.world.bodies import Body
from remediator.simulate.world.ground import Ground
from remediator.simulate.world.judge import Powered, Probes, Report
from remediator.simulate.world.topology import Topology

# A second has four ticks; each prober and each agent speaks in one of them.
QUARTERS = 4
PROBE_TIMEOUT = 0.5
# So long after everything is well again a host is no longer looked at.
CALM = 6.0
# What the agent of a wedged host says of its disk.
HUNG = "a child cannot fsync 4 kB in 2 s"


class Senses:
    """Turns truth into messages. ``stirred`` are the hosts that are spoken of; of the others all is well."""

    def __init__(self, ground: Ground, topology: Topology) -> None:
        self._ground = ground
        self.seats = {name: topology.seat(name) for name in topology.vantages}
        self.living_on = dict(topology.vantages)
        self._vantage_phase = {name: _phase(name) for name in topology.vantages}
        self._phase: dict[str, int] = {}
        self.stirred: dict[str, float] = {}
        # As the judge has it, and as it was given last: what was given never changes.
        self._assigned: Mapping[str, tuple[Vantage, ...]] = {}
        self._given: Mapping[str, tuple[Vantage, ...]] = {}
        self._targets: dict[str, tuple[str, ...]] = {}
        # Since when a vantage no longer reaches a target, and what it said last.
        self._silent_from: dict[tuple[str, str], float] = {}
        self.heard: dict[tuple[str, str], Outcome] = {}
        self.liars: dict[str, Outcome] = {}
        self.swapped: dict[str, str] = {}

    def assign(self, assigned: Mapping[str, tuple[Vantage, ...]]) -> None:
        """Who probes whom, as the judge has it."""
        if assigned is self._given:
            return
        self._given = assigned
        if assigned == self._assigned:
            return
        self._assigned = assigned
        found: defaultdict[str, list[str]] = defaultdict(list)
        for host, vantages in assigned.items():
            for vantage in vantages:
                found[vantage.name].append(host)
        self._targets = {name: tuple(hosts) for name, hosts in found.items()}

    def votes_of(self, host: str) -> tuple[Vantage, ...]:
        return self._assigned.get(host, ())

    def stir(self, hosts: Iterable[str]) -> None:
        """Look at these hosts from now on; what was heard of them until now was good."""
        now = self._ground.queue.now
        for host in hosts:
            if host in self._ground.agents:
                if host not in self.stirred:
                    self._prime(host)
                self.stirred[host] = now

    def seen_from(self, hosts: Iterable[str]) -> set[str]:
        """These hosts, and those whom their vantages probe."""
        found = set(hosts)
        for vantage, home in self.living_on.items():
            if home in found:
                found |= set(self._targets.get(vantage, ()))
        return found

    def _prime(self, host: str) -> None:
        for vantage in self._assigned.get(host, ()):
            if vantage.name in self.seats:
                self.heard[vantage.name, host] = Outcome.OK
                self._ground.house.tell(Probes(self.seats[vantage.name], ((host, Outcome.OK),)))
        if self._ground.agents[host].session:
            self._ground.house.tell(Report(host))

    def speak(self, quarters: Iterable[int]) -> None:
        """The words of these quarters of a second."""
        wanted = set(quarters)
        for vantage, phase in self._vantage_phase.items():
            if phase in wanted:
                self._probes(vantage)
        for host in sorted(self.stirred):
            if self._phase.setdefault(host, _phase(host)) in wanted:
                self._beats(host)

    def _probes(self, vantage: str) -> None:
        home = self.living_on[vantage]
        network = self._ground.network
        if home not in network.bodies or not network.reached(home):
            return
        outcomes = [
            (host, self._outcome(vantage, home, host))
            for host in self._targets.get(vantage, ())
            if host in self.stirred and host != home
        ]
        for host, outcome in outcomes:
            self.heard[vantage, host] = outcome
        self._ground.house.tell(Probes(self.seats[vantage], tuple(outcomes)))

    def _outcome(self, vantage: str, home: str, host: str) -> Outcome:
        if vantage in self.liars:
            return self.liars[vantage]
        body = self._ground.network.bodies[host]
        outcome = self._ground.network.probe(home, self.swapped.get(host, host))
        if outcome is not Outcome.SILENT and body.loss and self._ground.chance.random() < body.loss:
            return Outcome.SILENT
        if outcome is not Outcome.SILENT:
            self._silent_from.pop((vantage, host), None)
            return outcome
        now = self._ground.queue.now
        since = self._silent_from.setdefault((vantage, host), max(body.turned, now - PROBE_TIMEOUT))
        # The probe that was under way when silence fell has not timed out yet.
        return outcome if now - since >= PROBE_TIMEOUT else self.heard.get((vantage, host), Outcome.OK)

    def _beats(self, host: str) -> None:
        agent, house = self._ground.agents[host], self._ground.house
        wedged = self._ground.network.bodies[host].troubles["wedge"]
        ails: dict[str, Any] = {"disk": {"stuck": HUNG}} if wedged else {}
        report = Report(host, agent.report() | ails) if agent.session and self._ground.in_touch(host) else None
        if report and house.tell(report):
            agent.session = False
            self._ground.greet_soon(host, self._ground.chance.uniform(0.1, 0.5))
        self._power(self._ground.network.bodies[host])

    def _power(self, body: Body) -> None:
        """A BMC is asked about hosts in doubt; it lives on standby power, which a PDU takes away too."""
        if body.place.bmc and not body.troubles["bmc"] and not self._ground.flags.holds((body.place.name, "reached")):
            state = "unknown" if body.troubles["blind"] else "on" if body.powered else "off"
            self._ground.house.tell(Powered(body.place.name, state))

    def calm_down(self) -> None:
        """No longer look at hosts with whom all has been well for a while, by truth and by the judge's word."""
        now, judge = self._ground.queue.now, self._ground.house.judge
        for host in self.stirred:
            if not self._is_well(host):
                self.stirred[host] = now
        rested = judge.well([host for host, since in self.stirred.items() if now - since > CALM])
        for host in rested:
            del self.stirred[host]
        if rested:
            judge.calm(rested)

    def _is_well(self, host: str) -> bool:
        agent, body = self._ground.agents[host], self._ground.network.bodies[host]
        if not (agent.session and self._ground.in_touch(host)) or body.loss or agent.fresh or agent.absent:
            return False
        if body.troubles["wedge"]:
            return False
        return all(
            self.heard.get((vantage.name, host), Outcome.OK) is Outcome.OK for vantage in self._assigned.get(host, ())
        )

    def silent_share(self, host: str) -> float:
        """As the store's rule counts it: silent results over assigned vantages."""
        assigned = self._assigned.get(host, ())
        silent = sum(1 for vantage in assigned if self.heard.get((vantage.name, host)) is Outcome.SILENT)
        return silent / len(assigned) if assigned else 0.0


def _phase(name: str) -> int:
    return crc32(name.encode()) % QUARTERS
