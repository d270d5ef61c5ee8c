"""Sending alerts on: what fires goes to every Alertmanager, with what was done about it and with what outcome."""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from remediator.clock import Clock
from remediator.engine.progress import NO_REMEDY, Doings, Progress, build_doings, progress
from remediator.model.alert import Alert, AlertState
from remediator.model.decision import Remediation
from remediator.model.errors import FleetmendError
from remediator.model.evidence import Gate
from remediator.model.fleet import Fleet
from remediator.model.host import Host
from remediator.model.machine import Machine
from remediator.model.received import SentAlert
from remediator.model.request import Burst, Migration, Operation
from remediator.runtime.alerts import notices
from remediator.runtime.alerts.notices import PLAIN, SUCCEEDED, Told, Words
from remediator.runtime.alerts.outlet import Outlet
from remediator.runtime.ledger import Ledger
from remediator.runtime.loop import Loop

log = logging.getLogger("fleetmend.notifier")
LOOK_EVERY = 1.0
# So many alerts are looked at before others have their turn on the event loop.
AT_ONCE = 200
# What a bug of ours looks like.
BUGS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
# Looking through all alerts costs; where nothing moves, those that are to be told again are gathered for so long.
GATHER = timedelta(seconds=10)


class Source(Protocol):
    """Where alerts come from.

    ``to_tell`` gives each with the interval at which it is evaluated: how long it holds without another word depends
    on that. ``has_news`` is whether any alert's state has moved since it was asked last.
    """

    def to_tell(self) -> Iterable[tuple[Alert, timedelta]]: ...

    def has_news(self) -> bool: ...

    def gate(self) -> Gate: ...


@dataclass(frozen=True, slots=True)
class NotifySettings:
    """``after_playbook``: a page waits for its playbook, ``within`` that long at most."""

    external_url: str
    after_playbook: bool = False
    within: timedelta = timedelta(minutes=5)


@dataclass(slots=True)
class _Look:
    """One look at everything: what is to be sent, by key, and what the playbooks have come to.

    ``stirred`` is whether anything that a playbook's progress depends on has changed since the look before.
    """

    now: datetime
    doings: Doings
    fleet: Fleet
    stirred: bool
    seen: dict[str, Told]
    notices: dict[str, bytes]
    rows: list[SentAlert]


class Notifier:
    """Looks once a second, remembers what was told, and hands to the outlets what is due."""

    def __init__(
        self,
        source: Source,
        loop: Loop,
        ledger: Ledger,
        outlets: Sequence[Outlet],
        clock: Clock,
        settings: NotifySettings,
    ) -> None:
        self._source = source
        self._loop = loop
        self._ledger = ledger
        self._clock = clock
        self._settings = settings
        self._stirred_by: object = None
        self._remedied = False
        self._next_look = clock.now()
        self._told: dict[str, Told] = {}
        self._remembers_until = clock.now() + notices.RESOLVED_FOR
        self.outlets = tuple(outlets)
        self.held = 0

    async def run(self) -> None:
        """For ever; without Alertmanagers there is nothing to do."""
        async with asyncio.TaskGroup() as tasks:
            for outlet in self.outlets:
                tasks.create_task(outlet.run())
            while True:
                if self.outlets and self._worth_looking():
                    await self.look()
                await self._clock.sleep(LOOK_EVERY)

    def _worth_looking(self) -> bool:
        """Something has moved, a page is held and its time may be up, or there is something to be told again."""
        news = self._source.has_news()
        stirred = self._remedied and self._mark() != self._stirred_by
        return news or stirred or self.held > 0 or self._clock.now() >= self._next_look

    def _mark(self) -> object:
        """Changes whenever anything changes that a playbook's progress depends on."""
        holds = frozenset(hold.id for hold in self._loop.holds.values())
        return (self._ledger.sequence, holds, self._source.gate(), self._loop.rules.policy)

    async def look(self) -> None:
        """One look; what was told is written down before it is sent, so that no restart tells it as news."""
        look = self._begin()
        playbooks = self._loop.rules.policy.playbooks
        self._remedied = False
        for number, (alert, interval) in enumerate(self._source.to_tell(), 1):
            if alert.state is not AlertState.PENDING:
                self._try(alert, interval, look)
                self._remedied = self._remedied or alert.playbook in playbooks
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
        self._told, self._next_look = look.seen, look.now + GATHER
        self.held = sum(told.outcome is None and told.fired_at is not None for told in look.seen.values())
        await self._write(look)
        if look.notices:
            for outlet in self.outlets:
                outlet.offer(look.notices)

    def _begin(self) -> _Look:
        row = self._ledger.all
        fleet = Fleet(
            hosts=row(Host),
            machines=row(Machine),
            operations=row(Operation),
            migrations=row(Migration),
            bursts=row(Burst),
            remediations=row(Remediation),
            gate=self._source.gate(),
        )
        doings = build_doings(self._loop.recent, self._loop.holds.values())
        mark = self._mark()
        stirred, self._stirred_by = mark != self._stirred_by, mark
        return _Look(self._clock.now(), doings, fleet, stirred, {}, {}, [])

    def _try(self, alert: Alert, interval: timedelta, look: _Look) -> None:
        """One alert that cannot be told must end neither the others nor the remediator."""
        try:
            self._consider(alert, interval, look)
        except BUGS:
            log.exception("alert %s (%s) cannot be told", alert.name, alert.fingerprint)

    def _consider(self, alert: Alert, interval: timedelta, look: _Look) -> None:
        before = self._before(alert)
        if alert.state is AlertState.RESOLVED:
            self._over(alert, interval, before, look)
            return
        if self._nothing_new(alert, before, look):
            look.seen[alert.fingerprint] = before
            return
        found = self._progress(alert, look)
        outcome = self._outcome(before, found, look.now)
        since = notices.held_since(before, found, look.now)
        told = replace(before, outcome=outcome, progress=found, held_since=since)
        news = outcome != before.outcome or _differs(before.progress, found)
        if outcome is not None and (news or notices.is_due(alert, told, look.now)):
            if before.outcome == SUCCEEDED and outcome == PLAIN:
                # It went out as remedied and is not: that word is over, and a page begins.
                self._say(_ended(alert, look.now), interval, before, look)
            self._say(alert, interval, told, look)
            told = replace(told, at=look.now)
        if self._settings.after_playbook and outcome is not None and outcome != before.outcome and alert.playbook:
            look.rows.append(SentAlert(alert.fingerprint, alert.fired_at or look.now, outcome))
        look.seen[alert.fingerprint] = told

    def _nothing_new(self, alert: Alert, before: Told, look: _Look) -> bool:
        """The common case, told apart cheaply: it was sent within the minute, and no playbook has moved."""
        if before.outcome is None or before.at is None or look.now - before.at >= notices.RESEND:
            return False
        return not look.stirred or alert.playbook not in self._loop.rules.policy.playbooks

    def _over(self, alert: Alert, interval: timedelta, before: Told, look: _Look) -> None:
        """People hear that it is over if they heard of it at all."""
        if notices.is_due(alert, before, look.now):
            self._say(alert, interval, before, look)
            before = replace(before, at=look.now, over=True)
        look.seen[alert.fingerprint] = before

    def _before(self, alert: Alert) -> Told:
        """What was told of this very alert, in this life or an earlier one."""
        known = self._told.get(alert.fingerprint)
        if known is not None and known.fired_at == alert.fired_at:
            return known
        row = self._ledger.get(SentAlert, alert.fingerprint)
        if row is not None and row.fired_at == alert.fired_at:
            return Told(alert.fired_at, row.outcome)
        waits = self._settings.after_playbook and alert.playbook not in ("", "none")
        # What others tell us may have begun long before we heard of it.
        since = self._clock.now() if alert.source else alert.fired_at
        return Told(alert.fired_at, None if waits else PLAIN, since=since)

    def _progress(self, alert: Alert, look: _Look) -> Progress:
        playbook = self._loop.rules.policy.playbooks.get(alert.playbook)
        if playbook is None or (alert.source and not alert.actionable):
            return NO_REMEDY
        target = alert.labels.get(playbook.target, "")
        return progress(playbook, target, look.doings, look.fleet, alert.fired_at or alert.active_at)

    def _outcome(self, before: Told, found: Progress, now: datetime) -> str | None:
        if not self._settings.after_playbook:
            return PLAIN
        return notices.outcome_of(before, found, now, self._settings.within)

    def _say(self, alert: Alert, interval: timedelta, told: Told, look: _Look) -> None:
        playbook = self._loop.rules.policy.playbooks.get(alert.playbook)
        target = alert.labels.get(playbook.target, "") if playbook else ""
        outcome = told.outcome or PLAIN
        words = Words(outcome, self._action(alert, told, look), target, self._settings.external_url)
        ends_at = notices.valid_until(alert, interval, look.now)
        look.notices[f"{alert.fingerprint}/{outcome}"] = notices.notice(alert, ends_at, words)

    def _action(self, alert: Alert, told: Told, look: _Look) -> str:
        """Of an alert that is over: what has become of the remedy, which may have ended with it."""
        if alert.state is AlertState.RESOLVED:
            return (self._progress(alert, look) if alert.playbook else told.progress).text
        return told.progress.text

    async def _write(self, look: _Look) -> None:
        gone = self._gone(look)
        if not look.rows and not gone:
            return
        try:
            async with self._ledger.writing() as draft:
                draft.put(*look.rows)
                for row in gone:
                    draft.delete(row)
        except FleetmendError as error:
            # People are told all the same: a page too many is better than one too few.
            log.warning("cannot write down what was told: %s", error)

    def _gone(self, look: _Look) -> list[SentAlert]:
        """Rows of alerts that are no more; after a start every rule has its time to find its alerts again."""
        if look.now < self._remembers_until:
            return []
        rows: Mapping[str, SentAlert] = self._ledger.all(SentAlert)
        return [row for key, row in rows.items() if key not in look.seen]


def _differs(before: Progress, found: Progress) -> bool:
    return (before.remedy, before.reason) != (found.remedy, found.reason)


def _ended(alert: Alert, now: datetime) -> Alert:
    return replace(alert, state=AlertState.RESOLVED, resolved_at=now)
