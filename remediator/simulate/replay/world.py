"""The fleet in virtual time: what befell it is applied, what is decided is imagined as done."""

from collections import ChainMap
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from remediator.engine.coming import Spans
from remediator.engine.decide import decide
from remediator.engine.waits import waits
from remediator.journal.codec import KINDS
from remediator.journal.protocol import Stored
from remediator.model.alert import Alert
from remediator.model.decision import Decision, DecisionOutcome
from remediator.model.evidence import Gate
from remediator.model.fleet import Fleet
from remediator.model.host import Host, Life
from remediator.model.loan import LoanStage
from remediator.model.request import Origin
from remediator.simulate.replay.answers import Answers
from remediator.simulate.replay.driver import Driver, joining
from remediator.simulate.replay.house import House, Paces, Setting
from remediator.simulate.replay.lives import lived
from remediator.simulate.replay.past import Befell, Past
from remediator.simulate.replay.witness import InTouch, Witnesses

Key = tuple[str, str, str]
_FORGET_EVERY = timedelta(minutes=1)
_DEAF = frozenset({Life.DEAD, Life.RETIRED})


class World:
    """Rows in memory under the running code's own rules; ``tick`` is one round of its loop."""

    def __init__(self, house: House, setting: Setting, past: Past, paces: Paces) -> None:
        self._house = house
        self.setting = setting
        self._paces = paces
        self.alerts: dict[object, Alert] = {}
        self.holds: dict[Key, Decision] = {}
        self.witnesses = Witnesses()
        self.answers = Answers()
        self.names: dict[str, str] = {}
        self._all_names = ChainMap(self.names, past.names)
        self._joins: list[Befell] = []
        self._stored: dict[str, dict[str, Stored]] = {kind: {} for kind in KINDS}
        self.views: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
        for kind, rows in past.rows.items():
            for identifier, value in rows.items():
                self._publish(kind, identifier, value)
        self._gate, self._frozen = (past.gate_open, past.gate_reason), past.frozen
        self.began = past.began
        self.backlog_since, self._doubts = dict(past.backlog_since), dict(past.doubts)
        self._wanted: dict[str, Any] = {}
        self._driver = Driver(paces)
        self.spans = Spans(setting.policy, setting.actions)
        self._in_touch = InTouch(self.hosts)
        self._forgot_at: datetime | None = None

    @property
    def hosts(self) -> Mapping[str, Host]:
        return self.views["Host"]

    def begin(self, standing: list[Decision]) -> None:
        """Holds that were said before the beginning are not said again while they stand."""
        held = [each for each in standing if each.outcome is not DecisionOutcome.ACT]
        self.holds = {(each.playbook, each.target, each.action): each for each in held}

    def troubled(self) -> list[Host]:
        return [host for host in self.hosts.values() if host.joined and host.life is not Life.HEALTHY]

    def _lent(self) -> list[Host]:
        """Of whom it is asked whether they are plainly well."""
        return [self.hosts[name] for name in self.views["Loan"] if name in self.hosts]

    def fleet(self, now: datetime) -> Fleet:
        """The fleet at that moment, as ``decide`` may read it; a live view."""
        rows: dict[str, Any] = {name: self.views[kind] for name, kind in _PARTS.items()}
        return Fleet(
            **rows,
            sightings=self._in_touch,
            verdicts={host.name: self.witnesses.verdict(host, now) for host in (*self.troubled(), *self._lent())},
            alerts=tuple(self.alerts.values()),
            gate=Gate(open=self._gate[0], reason=self._gate[1], since=now),
            frozen=self._frozen,
            term_began=self.began,
            on_return=self.setting.on_return,
            backlog_since=self.backlog_since,
            doubts=self._doubts,
        )

    def apply(self, befell: Befell) -> None:
        """One thing that happened by itself."""
        value = befell.value
        match befell.kind:
            case "host":
                self._host(befell)
            case "heard":
                self.witnesses.told(befell)
            case "asks":
                self._asks(befell)
            case "destroyed_by":
                draft = self._house.draft(self._stored)
                self._house.condemn(draft, befell.subject, value, befell.at, Origin.OWNER)
                self._commit(draft)
            case "gate" | "frozen" | "anew" | "backlog" | "doubts" | "verdict":
                self._stands(befell)
            case "said" if value[0] == "Approval":
                self.answers.learn(value[1])
            case "said":
                self._publish(value[0], befell.subject, value[1])
            case _:
                self._thing(befell)

    def _stands(self, befell: Befell) -> None:
        match befell.kind:
            case "gate":
                self._gate = befell.value
            case "frozen":
                self._frozen = befell.value
            case "anew":
                self.began = befell.at
            case "backlog":
                self.backlog_since = dict(befell.value)
            case "doubts":
                self._doubts = dict(befell.value)
            case _:
                self.witnesses.differs(befell.subject, befell.value)

    def _asks(self, befell: Befell) -> None:
        """An alert that may be acted upon, or may no longer."""
        if befell.value is None:
            self.alerts.pop(befell.subject, None)
        else:
            self.alerts[befell.subject] = befell.value

    def _host(self, befell: Befell) -> None:
        before = self.hosts.get(befell.subject)
        after = lived(before, befell)
        if after is not None:
            self._publish("Host", befell.subject, after)
            self.witnesses.moved(before, after, befell.at)
            self.witnesses.told(befell)

    def _thing(self, befell: Befell) -> None:
        kind, identifier, value = befell.kind.capitalize(), befell.subject, befell.value
        known = self.views.get(kind, {}).get(identifier)
        if kind == "Machine" and known is not None:
            if known.alive and known.host == value.host and value.alive:
                self._publish(kind, identifier, replace(known, state=value.state, sealed=value.sealed))
        elif kind == "Demand":
            self._demanded(identifier, value)
        elif kind in self.views:
            self._publish(kind, identifier, value)

    def _demanded(self, key: str, demand: Any) -> None:
        """An owner's wish for room; what our own replacements want follows from decisions."""
        if key.rpartition("/")[2] in self.views["Machine"]:
            return
        self._wanted.pop(key, None)
        if demand is not None:
            self._wanted[key] = demand
        self._publish("Demand", key, demand)

    def tick(self, now: datetime) -> list[Decision]:
        """End what is due, settle, decide, write: the decisions that are new."""
        self._end_operations(now)
        for answered in list(self.answers.due(self.views["Approval"], self._all_names, now)):
            self._publish("Approval", answered.key, answered)
        for key, demand in self._wanted.items():
            if key in self.views["Demand"]:
                self._publish("Demand", key, replace(demand, last_asked=now))
        fleet, draft = self.fleet(now), self._house.draft(self._stored)
        # Lives are told, not judged: nobody was judged anew, so the running code leaves them alone.
        lent = {host.name: self.witnesses.verdict(host, now) for host in self._lent()}
        seen = replace(fleet, verdicts=lent, judged=frozenset())
        self._house.settle(seen, self.setting.times, draft, now, self.setting.correlated)
        if self._forgot_at is None or now - self._forgot_at >= _FORGET_EVERY:
            self._forgot_at = now
            self._house.forget(fleet, draft, now)
        seen, setting = self._house.overlaid(fleet, draft), self.setting
        verdicts = decide(setting.policy, setting.actions, setting.liveness_playbook, seen, now)
        draft.put(*verdicts.remediations, *verdicts.approvals, *verdicts.records)
        waiting = [(decision, ()) for decision in waits(self._house.overlaid(fleet, draft), now)]
        fresh = self._written([*verdicts.decisions, *waiting], draft, now)
        self._house.demands(verdicts.unplaced, fleet, draft, now)
        self._commit(draft)
        self._driver.begin(self.fleet(now), now)
        return fresh

    def _written(self, decisions: list[tuple[Decision, Any]], draft: Any, now: datetime) -> list[Decision]:
        fresh: list[Decision] = []
        holds: dict[Key, Decision] = {}
        for decision, wanted in decisions:
            if decision.outcome is DecisionOutcome.ACT:
                fresh.append(decision)
                for effect in wanted:
                    self._house.write(effect, draft, decision.id, now)
                continue
            key = (decision.playbook, decision.target, decision.action)
            before = self.holds.get(key)
            same = before is not None and before.sameness == decision.sameness
            holds[key] = before if same and before else decision
            fresh += [] if same else [decision]
        self.holds = holds
        return fresh

    def _end_operations(self, now: datetime) -> None:
        for operation, value in self._driver.ended(self.fleet(now), now):
            draft = self._house.draft(self._stored)
            self._house.ended(operation, value, draft, now)
            self._commit(draft)
            if operation.verb == "provision":
                later = now + self._paces.join
                self._joins += [Befell(later, "joined", host.name, host) for host in joining(operation, later)]

    def join(self, now: datetime) -> None:
        """Hosts that were asked for and are there now, unless the past has brought them already."""
        for befell in [each for each in self._joins if each.at <= now]:
            self._joins.remove(befell)
            if befell.subject not in self.hosts:
                self._publish("Host", befell.subject, befell.value)

    def probation(self, now: datetime) -> None:
        """Hosts whose probation is over are well."""
        for host in self.troubled():
            if host.life is Life.PROBATION and now - host.since >= self.setting.times.probation:
                self._publish("Host", host.name, host.moved_to(Life.HEALTHY, now=now, reason="probation is over"))

    def next_operation(self) -> datetime | None:
        """When an operation ends, or a host joins."""
        moments = [each.at for each in self._joins] + [at for at in (self._driver.next(),) if at]
        return min(moments, default=None)

    def busy(self) -> bool:
        """Whether anything may still follow from time alone."""
        views = self.views
        open_things = (*views["Operation"].values(), *views["Migration"].values(), *views["Burst"].values())
        remediations = views["Remediation"].values()
        asked = any(alert.playbook in self.setting.policy.playbooks for alert in self.alerts.values())
        return asked or bool(
            self.troubled()
            or any(each.open for each in remediations)
            or any(each.open for each in open_things)
            or views["Demand"]
            or any(each.stage is LoanStage.CLOSING for each in views["Loan"].values())
            or any(each.open and self._alive(each.host) for each in views["Destroy"].values())
        )

    def _alive(self, name: str) -> bool:
        host = self.hosts.get(name)
        return host is not None and host.life not in _DEAF

    def _commit(self, draft: Any) -> None:
        for row in draft.rows():
            self._publish(row.kind, row.id, row.value)

    def _publish(self, kind: str, identifier: str, value: Any) -> None:
        if value is None:
            self._stored[kind].pop(identifier, None)
            self.views[kind].pop(identifier, None)
            return
        if kind == "Machine":
            self.names[identifier] = f"{value.app}/{value.name}"
        known = self._stored[kind].get(identifier)
        self._stored[kind][identifier] = Stored(known.version + 1 if known else 1, value)
        self.views[kind][identifier] = value


_PARTS = {
    "hosts": "Host",
    "machines": "Machine",
    "volumes": "Volume",
    "snapshots": "Snapshot",
    "destroys": "Destroy",
    "migrations": "Migration",
    "bursts": "Burst",
    "loans": "Loan",
    "demands": "Demand",
    "operations": "Operation",
    "remediations": "Remediation",
    "operator_holds": "OperatorHold",
    "releases": "Release",
    "approvals": "Approval",
    "records": "Record",
    "incidents": "Incident",
    "suspicions": "Suspicion",
    "base_rates": "BaseRate",
}
