"""The runtime's face: what the HTTP surface may ask, in one place."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from remediator.clock import Clock
from remediator.engine.evidence.vantages import Vantage
from remediator.engine.evidence.weights import VantageHealth
from remediator.engine.whatif import Assumptions, Outlook
from remediator.model.app import App, AppAsk
from remediator.model.asks import (
    Changes,
    JoinAsk,
    LaunchAsk,
    Placements,
    ProbeTarget,
    Undead,
    VantageReport,
    VolumeAsk,
    VolumeKept,
)
from remediator.model.decision import Decision
from remediator.model.enrolment import Enrolment
from remediator.model.errors import PermanentError
from remediator.model.fleet import Fleet
from remediator.model.grouping import Once
from remediator.model.host import LOST, Host
from remediator.model.machine import Machine, Snapshot, Volume
from remediator.model.people import OperatorHold, Release
from remediator.model.policy import InForce
from remediator.model.reconciling import Gap
from remediator.model.request import Demand, Destroy, Migration, Origin
from remediator.model.said import Heard, Said
from remediator.runtime.agents.configs import ConfigCache
from remediator.runtime.agents.door import Agents
from remediator.runtime.agents.enrol import Enrolments
from remediator.runtime.agents.watch import Watch
from remediator.runtime.ledger import Ledger
from remediator.runtime.loop import Loop
from remediator.runtime.machines.desk import MachineDesk
from remediator.runtime.machines.requests import Requests
from remediator.runtime.people.freezer import Freezer
from remediator.runtime.people.spoken import People
from remediator.runtime.reload import Reload
from remediator.runtime.rewound import Rewound

# What the public API reads of the fleet.
_READ: dict[str, type[Any]] = {
    "hosts": Host,
    "machines": Machine,
    "volumes": Volume,
    "snapshots": Snapshot,
    "destroys": Destroy,
    "migrations": Migration,
}


@dataclass(frozen=True, slots=True)
class Parts:
    """What the desk speaks for."""

    ledger: Ledger
    watch: Watch
    loop: Loop
    requests: Requests
    enrolments: Enrolments
    agents: Agents
    configs: ConfigCache
    freezer: Freezer
    reload: Reload
    life: MachineDesk
    clock: Clock


class Desk:
    """Answers from memory, and passes requests on to who carries them out."""

    def __init__(self, parts: Parts) -> None:
        self._ledger = parts.ledger
        self._watch = parts.watch
        self._loop = parts.loop
        self._requests = parts.requests
        self._enrolments = parts.enrolments
        self._agents = parts.agents
        self._configs = parts.configs
        self._freezer = parts.freezer
        self._reload = parts.reload
        self._clock = parts.clock
        self.life = parts.life
        self._rows_of, self._rows = -1, Fleet()
        self._held = Once()
        self._people = People(parts.ledger, parts.watch, lambda: parts.loop.rules.policy.playbooks, parts.clock)
        self.api_requests: Callable[[], int] = int
        self.looked: Callable[[], Outlook] = Outlook
        self.journal_head: Callable[[], dict[str, Any]] = dict
        self.cautions: Callable[[], list[str]] = list
        self.rewound: Rewound | None = None

    def now(self) -> datetime:
        return self._clock.now()

    def gap(self) -> Gap:
        return self.rewound.gap() if self.rewound else Gap("")

    async def accept_gap(self, by: str, why: str, silent: int) -> Gap:
        if self.rewound is None:
            raise PermanentError("nothing here can be rewound")
        return await self.rewound.accept(by, why, silent)

    def fleet(self) -> Fleet:
        return self._watch.fleet()

    def rows(self) -> Fleet:
        """What is written down, and nothing that was only heard: the same object until the next commit."""
        if self._rows_of != self._ledger.sequence:
            # Grouped once for all who read before the next one.
            kinds: dict[str, Any] = {name: self._ledger.all(kind) for name, kind in _READ.items()}
            self._rows_of, self._rows = self._ledger.sequence, Fleet(**kinds)
        return self._rows

    def sequence(self) -> int:
        """Grows with whatever a reader of the state may see: commits, requests, and the seconds of the undead."""
        return self._ledger.sequence + self.api_requests()

    def changed(self, since: int, kinds: Sequence[type]) -> Changes:
        return self._ledger.changed_since(since, kinds)

    def decisions(self, limit: int) -> list[Decision]:
        return list(self._loop.recent)[:limit]

    def decision(self, identifier: str) -> Decision | None:
        return next((decision for decision in self._loop.recent if decision.id == identifier), None)

    def holds(self) -> list[Decision]:
        return list(self._loop.holds.values())

    def holds_of(self, target: str) -> list[Decision]:
        """Sorted once a look: a list of a dead region's machines asks for each."""
        holds = self._loop.holds
        known: dict[str, list[Decision]] = self._held.of((holds,), lambda: _by_target(holds.values()))
        return known.get(target, [])

    def full_config(self, machine_id: str) -> dict[str, Any] | None:
        machine = self._ledger.get(Machine, machine_id)
        return self._configs.get(machine_id, machine.host) if machine else None

    def unready(self) -> list[str]:
        return [self._loop.trouble] if self._loop.trouble else []

    def degraded(self) -> list[str]:
        gate, frozen = self._watch.gate, self._watch.frozen
        told = [] if gate.open else [f"gate closed: {gate.reason}"]
        refused = self._reload.in_force.refused
        wrong = [f"rules: a newer set is refused, the one before stays in force: {refused[0]}"] if refused else []
        return told + ([f"frozen: {frozen}"] if frozen else []) + wrong + self.cautions()

    def undead(self) -> Mapping[str, Undead]:
        """Condemned machines seen running, and their seconds so far, those of this moment included."""
        now = self._clock.now()
        agents = self._agents
        return {
            host: Undead(
                len(agents.undead[host]),
                agents.undead_seconds[host] + sum((now - at).total_seconds() for at in agents.undead[host].values()),
            )
            for host in set(agents.undead) | set(agents.undead_seconds)
        }

    def placements(self) -> Placements:
        unmet: dict[str, int] = {}
        for demand in self._ledger.all(Demand).values():
            unmet[demand.region] = unmet.get(demand.region, 0) + demand.count
        return Placements(dict(self._requests.placements), dict(self._requests.failures), unmet)

    def modes(self) -> Mapping[str, str]:
        return {name: playbook.mode.value for name, playbook in self._loop.rules.policy.playbooks.items()}

    def rules(self) -> InForce:
        return self._reload.in_force

    async def reload(self) -> InForce:
        return await self._reload.reload()

    def assumed(self) -> Assumptions:
        rules = self._loop.rules
        return Assumptions(rules.policy, rules.actions, rules.liveness_playbook, rules.times)

    def outlook(self) -> Outlook:
        return self.looked()

    def mark(self) -> object:
        """Differs when each host's prospects may be others: rules, gate, freeze, who is lost or spared."""
        spared = {h.name: (h.life in LOST, h.maintenance_until) for h in self._ledger.all(Host).values()}
        said = tuple(self._ledger.all(OperatorHold).values()), tuple(self._ledger.all(Release).values())
        return self._loop.rules.policy.digest, self._watch.gate.open, self._watch.frozen, spared, said

    def frozen(self) -> str:
        return self._watch.frozen

    async def create_machine(self, ask: LaunchAsk) -> Machine:
        return await self._requests.create_machine(ask)

    async def destroy_machine(
        self, machine_id: str, *, force: bool, origin: Origin, who: str, nonce: str = ""
    ) -> Destroy:
        return await self._requests.destroy_machine(machine_id, force=force, origin=origin, who=who, nonce=nonce)

    async def create_volume(self, ask: VolumeAsk) -> Volume:
        return await self._requests.volumes.create(ask)

    async def snapshot_volume(self, volume_id: str) -> Snapshot:
        return await self._requests.volumes.snapshot(volume_id)

    async def extend_volume(self, volume_id: str, size_mb: int) -> tuple[Volume, bool]:
        return await self._requests.volumes.extend(volume_id, size_mb)

    async def update_volume(self, volume_id: str, kept: VolumeKept) -> Volume:
        return await self._requests.volumes.update(volume_id, kept)

    async def destroy_volume(self, volume_id: str, *, origin: Origin, who: str) -> Volume:
        return await self._requests.volumes.destroy(volume_id, origin=origin, who=who)

    def apps(self) -> Mapping[str, App]:
        return self._ledger.all(App)

    async def create_app(self, ask: AppAsk) -> App:
        return await self._requests.apps.create(ask)

    async def delete_app(self, name: str, *, force: bool, origin: Origin, who: str) -> None:
        await self._requests.apps.delete(name, force=force, origin=origin, who=who)

    async def hear(self, said: Said) -> Heard:
        return await self._people.hear(said)

    async def said(self, limit: int) -> list[dict[str, Any]]:
        return await self._people.said(limit)

    async def unsealings(self, app: str, limit: int) -> list[dict[str, Any]]:
        return await self._people.unsealings(app, limit)

    async def freeze(self, statement: dict[str, Any]) -> None:
        """In force from the moment this returns: the file is written and nothing new is sent."""
        self._freezer.accept(statement)
        self._watch.frozen = self._freezer.frozen()
        self._watch.wake()

    async def mint_join_token(self, name: str, kind: str) -> str:
        return await self._enrolments.mint(name, kind=kind)

    async def join(self, ask: JoinAsk) -> dict[str, Any]:
        return await self._enrolments.join(ask)

    def vantage_for(self, token: str) -> str:
        return self._enrolments.vantage_for(token)

    def take_report(self, report: VantageReport) -> list[ProbeTarget]:
        """Votes in, targets out: the answer is the vantage's assignment, none for one that is not enrolled."""
        enrolled = self._ledger.get(Enrolment, f"vantage/{report.vantage}")
        if enrolled is None:
            return []
        now = self._clock.now()
        # Its place weighs its votes: what it says of itself each second counts for nothing.
        vantage = Vantage(enrolled.name, enrolled.region, enrolled.rack, report.address)
        evidence = self._watch.evidence
        evidence.reported(vantage, now, VantageHealth(report.loop_lag_seconds, report.gateway))
        for result in report.results:
            evidence.voted(vantage, result.host, result.outcome, now)
        # More of the same is no news: of hundreds of vantages somebody reports at every moment.
        if evidence.stirred:
            self._watch.wake()
        hosts = self._ledger.all(Host)
        return [_target(hosts[name]) for name in self._watch.targets(vantage.name)]


def _by_target(holds: Iterable[Decision]) -> dict[str, list[Decision]]:
    found: dict[str, list[Decision]] = {}
    for each in holds:
        found.setdefault(each.target, []).append(each)
    return found


def _target(host: Host) -> ProbeTarget:
    return ProbeTarget(host.name, host.region, host.rack, host.address, host.agent_port)
