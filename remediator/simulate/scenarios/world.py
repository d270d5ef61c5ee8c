"""A fleet in virtual time: what happens to it, what is known of it, what is decided, and what that changes."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from remediator.actions.effects import Migrate, Recreate
from remediator.actions.spec import ActionSpec
from remediator.engine.decide import Verdicts, decide
from remediator.engine.evidence.lives import LifeTimes, next_host
from remediator.engine.evidence.verdicts import judge
from remediator.engine.guards.table import ALL, Guarding
from remediator.engine.incidents.exits import settled
from remediator.engine.index import Index, doubted
from remediator.engine.machines import bursts, destroys, loans
from remediator.engine.machines.admission import Admission, admission
from remediator.engine.people.maintenance import seen_healthy
from remediator.engine.waits import may_send, waits
from remediator.model.decision import Decision
from remediator.model.evidence import Gate, Sighting
from remediator.model.fleet import Fleet
from remediator.model.host import Host, HostStatus, Life
from remediator.model.loan import LoanStage
from remediator.model.machine import MachineState, Recovery
from remediator.model.policy import Mode, Policy
from remediator.model.request import Demand, Destroy, DestroyStage
from remediator.model.suspicion import Suspicion
from remediator.simulate.scenarios.alerts import Alerts
from remediator.simulate.scenarios.effects import Works
from remediator.simulate.scenarios.evidence import Condition, Sightings
from remediator.simulate.scenarios.fleet import add_demand, rows_of, vantages_of, verdicts_of
from remediator.simulate.scenarios.people import add_hold, add_record, answer
from remediator.simulate.scenarios.scenario import Scenario
from remediator.simulate.scenarios.schema import EventFields

START = datetime(2026, 1, 1, tzinfo=UTC)
# Nothing is a backlog, and no gate is young, unless the scenario says so.
LONG_AGO = timedelta(days=1)
TIMES = LifeTimes()
_CONDITIONS = {each.value: each for each in Condition} | {"returns": Condition.WELL}


class World:
    """One scenario at work, from ``start`` on; ``tick`` goes on to a later moment and tells what was decided then."""

    start = START

    def __init__(
        self,
        scenario: Scenario,
        policy: Policy,
        actions: Mapping[str, ActionSpec],
        liveness: str,
        guarding: Guarding = ALL,
    ) -> None:
        fields = scenario.fields
        self._policy = _with_modes(policy, fields.modes)
        self._actions = actions
        self._liveness = liveness
        self._guarding = guarding
        self._rows = rows_of(scenario, START)
        self._seen = Sightings(vantages_of(scenario), START - LONG_AGO)
        self._alerts = Alerts(policy)
        self._works = Works(self._rows, fields.takes, self._seen.is_well)
        self._verdicts = verdicts_of(scenario, START)
        self._doubts: dict[str, str] = {}
        self._gate = Gate(fields.gate == "open", "" if fields.gate == "open" else "closed", START - LONG_AGO)
        self._frozen = fields.frozen
        self._term_began = START - LONG_AGO
        self._backlog_since: dict[str, datetime] = {}
        for name in fields.ineffective:
            add_record(self._rows, self._policy.playbooks[name], START)

    def happens(self, event: EventFields, now: datetime) -> None:
        """Take one event of the scenario."""
        given = getattr(event, event.verb)
        if event.verb in ("fires", "signal", "clear"):
            self._alerts.happens(event, self._rows.hosts, now)
        elif event.verb in _CONDITIONS:
            for host in given:
                self._befalls(host, event.verb, now)
        elif event.verb in ("gate", "freeze", "thaw", "restarts", "rules_changed", "doubt", "trust"):
            self._turned(event, now)
        else:
            self._told(event, now)

    def tick(self, now: datetime) -> list[Decision]:
        """As the runtime does it: look, settle, decide, write; all decisions and holds of this moment."""
        self._works.carry_on(now)
        sightings = self._judge(now)
        self._settle(sightings, now)
        fleet = self._fleet(sightings, now)
        verdicts = decide(self._policy, self._actions, self._liveness, fleet, now, self._guarding)
        self._write(verdicts, now)
        return [*(each for each, _ in verdicts.decisions), *waits(self._fleet(sightings, now), now)]

    def _befalls(self, name: str, verb: str, now: datetime) -> None:
        self._seen.happens(name, _CONDITIONS[verb], now)
        host = self._rows.hosts[name]
        if verb == "returns" and host.life in (Life.DEAD, Life.SUSPECT):
            self._rows.hosts[name] = host.moved_to(Life.RETURNING, now=now, reason="rebooted")

    def _turned(self, event: EventFields, now: datetime) -> None:
        match event.verb:
            case "gate":
                self._gate = Gate(event.gate == "open", "" if event.gate == "open" else "closed", now)
            case "freeze" | "thaw":
                self._frozen = event.freeze or ""
            case "doubt" | "trust":
                self._doubts = {event.doubt: "as the scenario says"} if event.doubt else {}
            case "restarts":
                self._term_began, self._verdicts = now, {}
                self._alerts.restarted()
                self._backlog_since = dict.fromkeys(self._policy.playbooks, now)
            case _:
                self._backlog_since |= dict.fromkeys(event.rules_changed or (), now)

    def _told(self, event: EventFields, now: datetime) -> None:
        hosts = self._rows.hosts
        for name in (*(event.cordon or ()), *(event.uncordon or ())):
            hosts[name] = replace(hosts[name], cordoned="by hand" if event.cordon else "")
        for name, span in (event.maintain or {}).items():
            hosts[name] = replace(hosts[name], maintenance_until=now + span)
        for region, count in (event.demand or {}).items():
            add_demand(self._rows, region, count, now)
        for thing, span in (event.hold or {}).items():
            add_hold(self._rows, thing, span, now)
        for target, action in (event.approve or event.deny or {}).items():
            answer(self._rows, target, action, now, approved=event.approve is not None)

    def _judge(self, now: datetime) -> dict[str, Sighting]:
        hosts = self._rows.hosts
        sightings = self._seen.at(hosts.values(), self._term_began, now)
        known, times = self._verdicts, TIMES.evidence
        self._verdicts = {
            name: judge(sighting, hosts[name].rack, known.get(name), times, now)
            for name, sighting in sightings.items()
        }
        for name, sighting in sightings.items():
            moved = next_host(hosts[name], self._verdicts[name], sighting, TIMES, now)
            hosts[name] = seen_healthy(moved, self._verdicts[name], now)
        return sightings

    def _settle(self, sightings: Mapping[str, Sighting], now: datetime) -> None:
        """What follows without any playbook."""
        rows = self._rows
        self._correlate(self._fleet(sightings, now), now)
        fleet = self._fleet(sightings, now)
        for destroy in destroys.blocked(fleet):
            rows.destroys[destroy.machine] = destroy.moved_to(DestroyStage.BLOCKED, now)
        for destroy in destroys.due(fleet):
            if not may_send(destroy, fleet, now):
                self._destroy(destroy, now)
        for host in fleet.hosts.values():
            if host.life is Life.RETURNING:
                self._admit(fleet, host, now)
        self._loans(fleet, now)
        rows.bursts = {key: bursts.advance(burst, fleet, now) for key, burst in rows.bursts.items()}
        rows.demands = {key: replace(each, last_asked=now) for key, each in rows.demands.items()}

    def _loans(self, fleet: Fleet, now: datetime) -> None:
        """Lent hosts that are idle, closed, let work on, or asked back."""
        for before in fleet.loans.values():
            after = loans.advance(before, fleet, now)
            if after is None or after is before:
                continue
            self._rows.loans[before.host] = after
            if after.stage is LoanStage.ASKED:
                self._works.ask_back(replace(after, tries=1), now)
            elif after.stage is LoanStage.JOINED and before.stage is LoanStage.CLOSING:
                host = self._rows.hosts[before.host]
                self._rows.hosts[host.name] = replace(host, cordoned="")

    def _correlate(self, fleet: Fleet, now: datetime) -> None:
        """Who is in doubt, and what that makes of incidents."""
        playbook, rows = self._policy.playbooks.get(self._liveness), self._rows
        for name, since in doubted(fleet).items():
            before = rows.suspicions.get(name) or Suspicion(name)
            rows.suspicions[name] = before.doubted(since).pruned(now)
        for name, before in list(rows.suspicions.items()):
            if name not in doubted(fleet):
                rows.suspicions[name] = before.cleared(now).pruned(now)
        if playbook is not None and playbook.correlated is not None:
            index = Index(replace(fleet, suspicions=rows.suspicions.copy()), now)
            rows.incidents |= {each.id: each for each in settled(index, playbook.correlated)}

    def _destroy(self, destroy: Destroy, now: datetime) -> None:
        sent = destroy.moved_to(DestroyStage.SENT, now, self._rows.hosts[destroy.host].epoch)
        self._rows.destroys[destroy.machine] = sent

        def absent(then: datetime) -> bool:
            if not self._seen.is_well(destroy.host):
                return False
            machine, mine = self._rows.machines[destroy.machine], self._rows.destroys[destroy.machine]
            self._rows.machines[machine.id] = replace(machine, state=MachineState.DESTROYED)
            if mine.open:
                self._rows.destroys[machine.id] = mine.moved_to(DestroyStage.VERIFIED_ABSENT, then)
            return True

        self._works.later(now, absent)

    def _admit(self, fleet: Fleet, host: Host, now: datetime) -> None:
        found = admission(fleet, host, now)
        if not isinstance(found, Admission):
            return
        for going in found.condemn or found.withdraw:
            self._works.doom(going, "one of original and replacement is kept", now)
        if found.condemn:
            return
        admitted = host.moved_to(Life.PROBATION, now=now, reason="admitted").with_status(HostStatus.OK, now)
        self._rows.hosts[host.name] = admitted
        for machine in fleet.machines_on(host.name):
            if machine.alive and machine.recovery is not Recovery.NONE:
                kept = replace(machine, replaced_by="").recovering(Recovery.NONE, "its host is back", now)
                self._rows.machines[machine.id] = kept

    def _fleet(self, sightings: Mapping[str, Sighting], now: datetime) -> Fleet:
        rows = self._rows
        return Fleet(
            **{name: getattr(rows, name).copy() for name in rows.__slots__},
            sightings=sightings,
            verdicts=self._verdicts,
            alerts=self._alerts.at(now, gate_open=self._gate.open),
            gate=self._gate,
            frozen=self._frozen,
            term_began=self._term_began,
            backlog_since=self._backlog_since,
            doubts=self._doubts,
        )

    def _write(self, verdicts: Verdicts, now: datetime) -> None:
        rows = self._rows
        rows.remediations |= {each.key: each for each in verdicts.remediations}
        rows.approvals |= {each.key: each for each in verdicts.approvals}
        rows.records |= {each.playbook: each for each in verdicts.records}
        for _, effects in verdicts.decisions:
            for effect in effects:
                self._works.begin(effect, now)
        for wish in verdicts.unplaced:
            machine = rows.machines[wish.machine]
            key = f"{machine.app}/{machine.id}"
            if isinstance(wish, Recreate | Migrate) and key not in rows.demands:
                rows.demands[key] = Demand(key, machine.app, machine.region, machine.asks, 1, now, now)


def _with_modes(policy: Policy, modes: Mapping[str, str]) -> Policy:
    changed = {name: replace(policy.playbooks[name], mode=Mode(mode)) for name, mode in modes.items()}
    return replace(policy, playbooks={**policy.playbooks, **changed})


def moments(scenario: Scenario) -> Iterator[timedelta]:
    """From 0 on, one tick after the other, up to the scenario's end."""
    passed = timedelta()
    while passed <= scenario.until:
        yield passed
        passed += scenario.fields.tick
