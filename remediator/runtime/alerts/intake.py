"""Alerts from outside: durable before they are answered, many requests in one commit, forgotten when long over."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice

from remediator.clock import Clock
from remediator.engine.machines.refusals import Refused, Terms
from remediator.model.alert import Alert, AlertState
from remediator.model.errors import FleetmendError, TransientError
from remediator.model.received import AlertWord, ReceivedAlert, Sender, Taken
from remediator.runtime.alerts import hearsay
from remediator.runtime.alerts.senders import Senders
from remediator.runtime.ledger import Ledger

log = logging.getLogger("fleetmend.intake")
# So many alerts at once are a storm, not news; what is more is refused, and told again by who sent it.
MOST = 100_000
# Each ask is looked at four times a second: whoever was heard first asks, the others are shown until they may.
MOST_ASKING = 500
# The loop wants the ledger too, four times a second: no transaction of ours may be long.
ROWS_A_COMMIT = 1000
_LOOK_EVERY = 1.0
_FORGET_EVERY = timedelta(minutes=1)


@dataclass(slots=True)
class _Batch:
    """What is to be written next: alerts by fingerprint as they will stand, and rows by key."""

    alerts: dict[str, ReceivedAlert] = field(default_factory=dict)
    rows: dict[str, ReceivedAlert] = field(default_factory=dict)
    written: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Intake:
    """Takes alerts, and shows them."""

    def __init__(self, ledger: Ledger, clock: Clock, senders: Senders, most: int = MOST) -> None:
        self._ledger = ledger
        self._clock = clock
        self._senders = senders
        self._most = most
        self._standing: dict[str, ReceivedAlert] = {}
        self._shown: dict[str, Alert] = {}
        self._tuple: tuple[Alert, ...] | None = ()
        self._next: _Batch | None = None
        self._flying: _Batch | None = None
        self._writer: asyncio.Task[None] | None = None
        self._forgot_at = clock.now()
        self.counts: Counter[str] = Counter()
        self._remember()

    @property
    def open(self) -> bool:
        """Whether anybody may post."""
        return len(self._senders) > 0

    def sender_for(self, token: str) -> Sender | None:
        return self._senders.sender_for(token)

    def left_out(self, alerts: int) -> None:
        """A sender says that it did not tell all."""
        self.counts["truncated"] += alerts

    @property
    def standing(self) -> int:
        """How many alerts are kept, firing and over."""
        return len(self._standing)

    def alerts(self) -> tuple[Alert, ...]:
        """Every alert that was told, firing or over not long ago."""
        if self._tuple is None:
            self._tuple = tuple(_so_many_ask(self._shown.values()))
        return self._tuple

    async def take(self, words: Sequence[AlertWord], sender: Sender) -> Taken:
        """Hear these words; when this returns they are durable.

        Raises:
            Refused: there are too many alerts already.
            TransientError: the journal cannot be written; nothing may be relied on.
        """
        self._admit(words)
        now, tally, silenced = self._clock.now(), Counter[str](), dict[tuple[str, str], None]()
        batch = self._next = self._next or _Batch()
        for word in words:
            tally[self._hear(word, sender, batch, now)] += 1
            asked = word.labels.get("playbook", "none")
            if asked != "none" and asked not in sender.playbooks:
                silenced[word.labels.get("alertname", ""), asked] = None
        await self._written_down(batch)
        self.counts.update(tally)
        _tell_silenced(silenced, sender, tally["new"])
        return Taken(len(words), tally["new"], tally["resolved"], tuple(silenced))

    async def run(self) -> None:
        """End what was not told again, and forget what is long over; for ever."""
        while True:
            await self._clock.sleep(_LOOK_EVERY)
            try:
                await self.look()
            except FleetmendError as error:
                log.warning("cannot write what became of received alerts: %s", error)

    async def look(self) -> None:
        """One look for alerts whose end has passed, and for those that are long over."""
        now = self._clock.now()
        ended = [a for a in self._standing.values() if a.resolved_at is None and a.ends_at <= now]
        if ended:
            batch = self._next = self._next or _Batch()
            for alert in ended:
                self._end(alert, batch, now)
            await self._written_down(batch)
        if now - self._forgot_at >= _FORGET_EVERY:
            self._forgot_at = now
            await self._forget(now)

    def _remember(self) -> None:
        """What an earlier life was told. Nobody could tell it again meanwhile: it is given a little time."""
        now = self._clock.now()
        for row in sorted(self._ledger.all(ReceivedAlert).values(), key=lambda row: row.starts_at):
            self._standing[row.fingerprint] = row
        for row in list(self._standing.values()):
            self._show(hearsay.spared(row, now), now)

    def _admit(self, words: Sequence[AlertWord]) -> None:
        room = self._most - len(self._standing) - (len(self._next.alerts) if self._next else 0)
        if len(words) <= room:
            return
        if sum(word.fingerprint not in self._standing for word in words) > room:
            self.counts["refused"] += len(words)
            raise Refused(f"more than {self._most} alerts are known already", Terms(503, "unavailable", 30))

    def _hear(self, word: AlertWord, sender: Sender, batch: _Batch, now: datetime) -> str:
        """What the word amounts to; the batch holds what follows from it."""
        known = self._known(word.fingerprint, batch)
        asking = known is not None and hearsay.may_ask(known, self._senders.by_name)
        alert = hearsay.heard(known, word, sender, now, asking=asking)
        if alert is known:
            return "repeated"
        batch.alerts[word.fingerprint] = alert
        key = alert.key
        if hearsay.must_write(self._written(key, batch), alert):
            batch.rows[key] = alert
        if known is None or (hearsay.is_over(known, now) and not hearsay.is_over(alert, now)):
            return "new"
        return "resolved" if alert.resolved_at and not known.resolved_at else "repeated"

    def _end(self, alert: ReceivedAlert, batch: _Batch, now: datetime) -> None:
        """Nobody told it again in time, unless somebody did just now."""
        known = self._known(alert.fingerprint, batch)
        if known is not None and known.resolved_at is None and hearsay.is_over(known, now):
            over = replace(known, resolved_at=known.ends_at)
            batch.alerts[over.fingerprint] = batch.rows[over.key] = over
            self.counts["expired"] += 1

    def _known(self, fingerprint: str, batch: _Batch) -> ReceivedAlert | None:
        """The alert as it will stand when all that came before is written."""
        flying = self._flying.alerts.get(fingerprint) if self._flying else None
        return batch.alerts.get(fingerprint) or flying or self._standing.get(fingerprint)

    def _written(self, key: str, batch: _Batch) -> ReceivedAlert | None:
        flying = self._flying.rows.get(key) if self._flying else None
        return batch.rows.get(key) or flying or self._ledger.get(ReceivedAlert, key)

    async def _written_down(self, batch: _Batch) -> None:
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_all())
        # Shielded: others wait for the same commit.
        await asyncio.shield(batch.written)

    async def _write_all(self) -> None:
        """Batch after batch; whoever comes while one is written waits for the next, and shares its commit."""
        while self._next is not None:
            # Once round the event loop: requests that are being read join this one.
            await asyncio.sleep(0)
            batch, self._next = self._next, None
            self._flying = batch
            try:
                await self._write(batch.rows.values())
            except FleetmendError as error:
                batch.written.set_exception(error)
            else:
                self._publish(batch)
                batch.written.set_result(None)
            finally:
                self._flying = None
                if not batch.written.done():
                    batch.written.set_exception(TransientError("alerts could not be written"))

    async def _write(self, rows: Iterable[ReceivedAlert]) -> None:
        rest = iter(rows)
        while some := list(islice(rest, ROWS_A_COMMIT)):
            async with self._ledger.writing() as draft:
                draft.put(*some)

    def _publish(self, batch: _Batch) -> None:
        now = self._clock.now()
        for alert in batch.alerts.values():
            self._show(alert, now)

    def _show(self, alert: ReceivedAlert, now: datetime) -> None:
        asks = hearsay.may_ask(alert, self._senders.by_name)
        self._standing[alert.fingerprint] = alert
        self._shown[alert.fingerprint] = hearsay.shown(alert, now, asks=asks)
        self._tuple = None

    async def _forget(self, now: datetime) -> None:
        for fingerprint in [each.fingerprint for each in self._standing.values() if hearsay.long_over(each, now)]:
            del self._standing[fingerprint], self._shown[fingerprint]
            self._tuple = None
        # Rows of what stands are kept whatever they say: their end may have moved on in memory alone.
        stand = {alert.key for alert in self._standing.values()}
        rows = [row for row in self._ledger.all(ReceivedAlert).values() if hearsay.long_over(row, now)]
        gone = iter([row for row in rows if row.key not in stand])
        while some := list(islice(gone, ROWS_A_COMMIT)):
            async with self._ledger.writing() as draft:
                for row in some:
                    draft.delete(row)


def joined(own: tuple[Alert, ...], received: tuple[Alert, ...]) -> tuple[Alert, ...]:
    """Both; an alert that our own rules see too is there once, as we see it."""
    if not received:
        return own
    ours = {alert.fingerprint for alert in own if alert.state is not AlertState.RESOLVED}
    return (*own, *(alert for alert in received if alert.fingerprint not in ours))


def _so_many_ask(alerts: Iterable[Alert]) -> Iterator[Alert]:
    asking = 0
    for alert in alerts:
        asking += alert.actionable
        if alert.actionable and asking > MOST_ASKING:
            why = f"{alert.annotations['fleetmend_intake']}: shown only, {MOST_ASKING} others ask already"
            yield replace(alert, actionable=False, annotations={**alert.annotations, "fleetmend_intake": why})
        else:
            yield alert


def _tell_silenced(silenced: Iterable[tuple[str, str]], sender: Sender, fresh: int) -> None:
    if fresh:
        for name, playbook in silenced:
            log.warning("alert %s of %s may not ask for playbook %s: shown only", name, sender.name, playbook)
