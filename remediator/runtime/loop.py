"""The loop: observe, settle, decide, write down, send. Decisions never say how; the loop never asks whether."""

import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Protocol

import msgspec

from remediator.actions.effects import Migrate, Placeable, Recreate
from remediator.actions.spec import ActionSpec
from remediator.clock import Clock
from remediator.engine.coming import Spans
from remediator.engine.decide import Verdicts, decide
from remediator.engine.evidence.lives import LifeTimes
from remediator.engine.guards.facts import topology_of
from remediator.engine.waits import waits
from remediator.model.changing import changed
from remediator.model.decision import Decision, DecisionOutcome
from remediator.model.errors import FleetmendError
from remediator.model.evidence import Gate
from remediator.model.fleet import Fleet
from remediator.model.machine import Event, Machine
from remediator.model.people import Approval
from remediator.model.policy import Correlated, Policy
from remediator.model.record import Record
from remediator.model.request import Demand
from remediator.runtime import reconcile
from remediator.runtime.agents.door import Agents
from remediator.runtime.agents.watch import ROWS, Watch
from remediator.runtime.chronicle import Told, changes, told_of
from remediator.runtime.doubts import LEASE_LOST
from remediator.runtime.effects import written as effects
from remediator.runtime.effects.outbox import Outbox
from remediator.runtime.ledger import Draft, Ledger
from remediator.runtime.living import live
from remediator.runtime.rest import Rest
from remediator.runtime.rewound import DOUBT

log = logging.getLogger("fleetmend.loop")
TICK = 0.25
# Longer than this between two looks is a pause: of the process, or of the whole machine.
PAUSE = 1.5
# Decisions kept in memory for people to read; the journal has them all.
RECENT = 2000
_FORGET_EVERY = timedelta(minutes=1)
_DEMAND_REFRESH = timedelta(seconds=20)


class Counted(Protocol):
    """Where ticks and decisions are counted."""

    def decided(self, playbook: str, action: str, outcome: str) -> None: ...

    def ticked(self, seconds: float) -> None: ...


class Gauge(Protocol):
    """The store's health, and whatever else stops acting, as read before each look."""

    def gate(self) -> Gate: ...

    def frozen(self) -> str: ...


@dataclass(frozen=True)
class Rules:
    """What decides: the policy, the actions it may name, and the playbook that a dead verdict asks for."""

    policy: Policy
    actions: Mapping[str, ActionSpec]
    liveness_playbook: str
    times: LifeTimes

    @cached_property
    def spans(self) -> Spans:
        return Spans(self.policy, self.actions)

    @property
    def correlated(self) -> Correlated | None:
        """From when on dead hosts are one incident."""
        playbook = self.policy.playbooks.get(self.liveness_playbook)
        return playbook.correlated if playbook else None


@dataclass(frozen=True, slots=True)
class _Told:
    """What one tick has to tell: decisions that are new, and every hold that stands."""

    fresh: list[Decision] = field(default_factory=list)
    holds: dict[tuple[str, str, str], Decision] = field(default_factory=dict)
    questions: tuple[Approval, ...] = ()
    chronicled: Told = field(default_factory=Told)


class Loop:
    """Ticks four times a second, and at once when something was heard."""

    def __init__(
        self,
        ledger: Ledger,
        watch: Watch,
        outbox: Outbox,
        agents: Agents,
        rules: Rules,
        clock: Clock,
        counted: Counted,
    ) -> None:
        self._ledger = ledger
        self._watch = watch
        self._outbox = outbox
        self._agents = agents
        self._clock = clock
        self._counted = counted
        self.rules = rules
        watch.lives = rules.times
        self.holds: dict[tuple[str, str, str], Decision] = {}
        self.recent: deque[Decision] = deque(maxlen=RECENT)
        self.trouble = ""
        # Told after each look how late it was, and by how much the clock was stepped.
        self.looked: Callable[[float, float], None] = lambda _between, _stepped: None
        self._chronicled = Told()
        self.rest = Rest()
        self._forgot_at = self._ticked_on = clock.now()
        self._ticked_at = clock.monotonic()

    def policy(self) -> Policy:
        """The rules in force."""
        return self.rules.policy

    async def remember(self) -> None:
        """Read the newest decisions of earlier lives."""
        entries = await self._ledger.entries("decision", RECENT)
        self.recent.extend(msgspec.convert(entry.body, Decision) for entry in entries)

    async def run(self, gauge: Gauge) -> None:
        """Tick for ever; a tick that fails is told, counted in ``trouble``, and followed by the next."""
        while True:
            began = self._clock.monotonic()
            try:
                await self.tick(gauge)
                self.trouble = ""
            except FleetmendError as error:
                self._stumbled(str(error))
            except Exception as error:
                self._stumbled(f"{type(error).__name__} in a tick")
                log.exception("a tick failed")
            self._counted.ticked(self._clock.monotonic() - began)
            await self._watch.rest(TICK)

    def idle(self, gauge: Gauge) -> bool:
        """Whether a tick now would find, change and send nothing."""
        self._watch.gate, self._watch.frozen = gauge.gate(), gauge.frozen()
        self._mind_the_gap()
        now, connected = self._clock.now(), self._watch.evidence.connected()
        if not self._watch.still() or any(self._outbox.due(connected, self._watch.frozen, now)):
            return False
        return self.rest.lasts(self._watch.known(), self.rules, now)

    async def tick(self, gauge: Gauge) -> None:
        """One round, in one transaction: what is decided is durable before anything is sent."""
        if self.idle(gauge):
            return
        before = self._ledger.sequence
        async with self._ledger.writing() as draft:
            # The clock is read inside: what is judged is what stands when it is written.
            now = draft.at = self._clock.now()
            fleet = self._watch.look()
            live(fleet, self.rules.times, draft, now)
            whole = self._moved(draft) or not self.rest.lasts(fleet, self.rules, now)
            told = self._round(fleet, draft, now) if whole else None
        if told is not None:
            self._had(told, fleet, now, rests=self._ledger.sequence == before)
        # Whoever has been succeeded sends nothing, though it had nothing to write that would have told it so.
        if not fleet.doubts.keys() & {DOUBT, LEASE_LOST}:
            self._outbox.send_due(self._watch.evidence.connected(), self._watch.frozen, now)
        self._agents.drop_lost()

    def _moved(self, draft: Draft) -> bool:
        """Whether evidence has moved anything: then all of it is gone through."""
        return self._watch.news or bool(draft.kinds or draft.entries)

    def _round(self, fleet: Fleet, draft: Draft, now: datetime) -> _Told:
        """All that follows from evidence, and what is decided then."""
        self.rest.over()
        fleet = changed(fleet, limits=self.rules.policy.limits)
        reconcile.follow(fleet, draft, now, self.rules.correlated)
        self._forget(fleet, draft, now)
        told = self._write(self._decide(with_draft(fleet, draft), now), fleet, draft, now)
        chronicled = told_of(fleet, self.rules.policy.digest)
        draft.entries += changes(self._chronicled, chronicled, fleet, now, self._watch.freeze_word)
        return replace(told, chronicled=chronicled)

    def _had(self, told: _Told, fleet: Fleet, now: datetime, *, rests: bool) -> None:
        """A whole round is durable; one that changed nothing need not be repeated at once."""
        self._chronicled = told.chronicled
        self._tell(told)
        self._watch.news = False
        if rests:
            self.rest.begins(fleet, self.rules, self._forgot_at + _FORGET_EVERY, now)

    def _mind_the_gap(self) -> None:
        """A pause of ours, or a stepped clock, makes stale words look fresh: all evidence is earned again."""
        now, wall = self._clock.monotonic(), self._clock.now()
        slept = now - self._ticked_at
        stepped = abs((wall - self._ticked_on).total_seconds() - slept)
        if slept > PAUSE or stepped > PAUSE:
            log.warning("slept for %.1f s, clock stepped by %.1f s: evidence is earned anew", slept, stepped)
            self._watch.began_anew()
        self.looked(slept, stepped)
        self._ticked_at, self._ticked_on = now, wall

    def _decide(self, fleet: Fleet, now: datetime) -> Verdicts:
        rules = self.rules
        return decide(rules.policy, rules.actions, rules.liveness_playbook, fleet, now)

    def _write(self, verdicts: Verdicts, fleet: Fleet, draft: Draft, now: datetime) -> _Told:
        draft.put(*verdicts.remediations, *verdicts.approvals, *verdicts.records)
        note_questions(verdicts.approvals, draft, now)
        note_records(verdicts.records, fleet, draft, now)
        told = _Told()
        waiting = [(decision, ()) for decision in waits(with_draft(fleet, draft), now)]
        for decision, wanted in (*verdicts.decisions, *waiting):
            key = (decision.playbook, decision.target, decision.action)
            if decision.outcome is DecisionOutcome.ACT:
                told.fresh.append(decision)
                for effect in wanted:
                    effects.write(effect, draft, decision.id, now)
                continue
            before = self.holds.get(key)
            same = before is not None and before.sameness == decision.sameness
            told.holds[key] = replace(decision, id=before.id, at=before.at) if same and before else decision
            if not same:
                told.fresh.append(decision)
        self._note(told.fresh, fleet, draft)
        note_demands(verdicts.unplaced, fleet, draft, now)
        return replace(told, questions=verdicts.approvals)

    def _note(self, decisions: list[Decision], fleet: Fleet, draft: Draft) -> None:
        """Into the journal, with digests of the rules and of the hosts that they were taken under."""
        under = {"policy": self.rules.policy.digest, "topology": topology_of(fleet.hosts)} if decisions else {}
        for decision in decisions:
            whole = replace(decision, facts={**decision.facts, **under})
            draft.note(decision.at, "decision", decision.target, msgspec.to_builtins(whole), decision.id)

    def _tell(self, told: _Told) -> None:
        """Shown, counted and logged once it is durable: what could not be written was not decided."""
        self.holds = told.holds
        for decision in told.fresh:
            self.recent.appendleft(decision)
            self._counted.decided(decision.playbook, decision.action, decision.outcome.value)
            what = (decision.playbook, decision.target, decision.action, decision.reason, decision.text)
            log.info("%s %s %s %s: %s", *what)
        for row in told.questions:
            log.warning("question %s is %s (reminder %d): %s", row.key, row.answer, row.reminded, row.text)

    def _forget(self, fleet: Fleet, draft: Draft, now: datetime) -> None:
        if now - self._forgot_at >= _FORGET_EVERY:
            self._forgot_at = now
            reconcile.forget(fleet, draft, now)

    def _stumbled(self, text: str) -> None:
        if text != self.trouble:
            log.error("cannot go on deciding: %s", text)
        self.trouble = text


def with_draft(fleet: Fleet, draft: Draft) -> Fleet:
    """The fleet as it will be once the draft is written, so that decisions follow from it in the same tick."""
    laid: dict[str, Any] = {
        name: draft.overlay(getattr(fleet, name), kind.__name__)
        for name, kind in ROWS.items()
        if kind.__name__ in draft.kinds
    }
    return replace(fleet, **laid) if laid else fleet


def note_questions(rows: tuple[Approval, ...], draft: Draft, now: datetime) -> None:
    """Each change of a question, for people to read later: asked, reminded, expired, void, used."""
    for row in rows:
        body = {"answer": row.answer, "text": row.text, "why": row.why, "effects": row.effects, "facts": row.facts}
        draft.note(now, "question", row.target, {"playbook": row.playbook, "action": row.action, **body}, row.id)


def note_records(rows: tuple[Record, ...], fleet: Fleet, draft: Draft, now: datetime) -> None:
    """A playbook that from now on asks before each act says so."""
    for row in rows:
        before = fleet.records.get(row.playbook)
        if row.fallen_at and not (before and before.fallen_at):
            draft.note(now, "ineffective", row.playbook, {"text": row.text})
            log.warning("playbook %s: %s", row.playbook, row.text)


def note_demands(unplaced: tuple[Placeable, ...], fleet: Fleet, draft: Draft, now: datetime) -> None:
    """Replacements without room are demands like any other; refreshed now and then, not at every tick."""
    for wish in unplaced:
        machine = fleet.machines.get(wish.machine)
        if machine is None or not isinstance(wish, Recreate | Migrate):
            continue
        key = f"{machine.app}/{machine.id}"
        before = draft.get(Demand, key)
        if before is None or now - before.last_asked > _DEMAND_REFRESH:
            first = before.first_asked if before else now
            draft.put(Demand(key, machine.app, machine.region, machine.asks, 1, first, now))
        if before is None and isinstance(wish, Recreate):
            told = f"no host in {machine.region} has room for it: it runs as soon as one has"
            lost = draft.get(Machine, machine.id) or machine
            draft.put(lost.noted(Event(now, "recovery", "waiting", "fleetmend", told)))
