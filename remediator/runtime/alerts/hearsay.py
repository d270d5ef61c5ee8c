"""What one more word makes of a received alert, and whether that must be written down. PURE.

The newest word wins, as in Alertmanager: its alerts begin with the earliest start of words that overlap, end with the
first word that says so, and live on with the next that says they do.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from remediator.model.alert import Alert, AlertState
from remediator.model.received import AlertWord, ReceivedAlert, Sender, Teller

# Alertmanager's resolve_timeout: how long a word without an end holds, where the teller repeats itself.
UNTOLD_END = timedelta(minutes=5)
# Alertmanager and Grafana tell again only after their repeat interval, hours long, and when it is over.
STANDS = timedelta(hours=24)
# After a start: nobody could be heard while we were away, and evaluators tell again each minute.
GRACE = timedelta(seconds=90)
# vmalert tells each second of an end four seconds ahead: no row is written as often.
REWRITE = timedelta(minutes=10)
# Alerts that are over stay this long for people to read, and so that late repetitions are known.
KEEP_RESOLVED = timedelta(hours=1)
# This annotation is ours: an alert that has it went out from a fleetmend and has come back.
ECHO = "fleetmend_explain"


def heard(
    standing: ReceivedAlert | None, word: AlertWord, sender: Sender, now: datetime, *, asking: bool = False
) -> ReceivedAlert:
    """The alert after this word; the very same object where the word changes nothing.

    ``asking`` is whether the standing one may ask: nobody whose token may not takes it over, or ends it.
    """
    if standing is None:
        return _born(word, sender, now)
    if asking and standing.playbook not in sender.playbooks and not is_over(standing, now):
        return standing
    if told_over(word, now):
        stale = is_over(standing, now) or (word.ends_at is not None and word.ends_at < standing.starts_at)
        return standing if stale else replace(standing, heard_at=now, resolved_at=min(word.ends_at or now, now))
    if is_over(standing, now) and _later(word, standing):
        return _born(word, sender, now)
    return replace(
        standing,
        heard_at=now,
        ends_at=_end(word, now),
        sender=sender.name,
        teller=word.teller,
        annotations=word.annotations,
        generator_url=word.generator_url,
        resolved_at=None,
    )


def told_over(word: AlertWord, now: datetime) -> bool:
    return word.resolved or (word.ends_at is not None and word.ends_at <= now)


def is_over(alert: ReceivedAlert, now: datetime) -> bool:
    return alert.resolved_at is not None or alert.ends_at <= now


def must_write(written: ReceivedAlert | None, alert: ReceivedAlert) -> bool:
    """Whether a crash could lose anything that matters.

    An end that moves on is written now and then only: after a start, what has just ended by the journal is given its
    time all the same. Annotations ride along.
    """
    if written is None or (written.resolved_at, written.sender) != (alert.resolved_at, alert.sender):
        return True
    return alert.ends_at - written.ends_at >= REWRITE


def may_ask(alert: ReceivedAlert, senders: Mapping[str, Sender]) -> bool:
    """Whether the token under which it was told names its playbook; what came back to us has asked already."""
    sender = senders.get(alert.sender)
    return sender is not None and alert.playbook in sender.playbooks and ECHO not in alert.annotations


def shown(alert: ReceivedAlert, now: datetime, *, asks: bool) -> Alert:
    """The alert as the fleet carries it, beside those of our own rules."""
    over = is_over(alert, now)
    why = f"told by {alert.teller} with {alert.sender}"
    if alert.playbook not in ("", "none") and not asks:
        why += f": shown only, it may not ask for playbook {alert.playbook}"
    return Alert(
        fingerprint=alert.fingerprint,
        name=alert.labels.get("alertname", ""),
        labels=alert.labels,
        state=AlertState.RESOLVED if over else AlertState.FIRING,
        active_at=alert.starts_at,
        value=1.0,
        annotations={**alert.annotations, "fleetmend_intake": why},
        fired_at=alert.starts_at,
        resolved_at=(alert.resolved_at or alert.ends_at) if over else None,
        last_seen=alert.heard_at,
        actionable=asks and not over,
        source=alert.teller.value,
    )


def _born(word: AlertWord, sender: Sender, now: datetime) -> ReceivedAlert:
    over = told_over(word, now)
    ended = min(word.ends_at or now, now)
    began = word.starts_at or (ended if over else now)
    return ReceivedAlert(
        word.fingerprint,
        word.labels,
        began,
        _end(word, now),
        now,
        sender.name,
        word.teller,
        word.annotations,
        word.generator_url,
        ended if over else None,
    )


def _end(word: AlertWord, now: datetime) -> datetime:
    if word.ends_at is not None:
        return word.ends_at
    return now + (UNTOLD_END if word.teller is Teller.EVALUATOR else STANDS)


def _later(word: AlertWord, standing: ReceivedAlert) -> bool:
    """Whether the word tells of a time after the end: it is another alert then."""
    return word.starts_at is None or word.starts_at > (standing.resolved_at or standing.ends_at)


def long_over(alert: ReceivedAlert, now: datetime) -> bool:
    """Whether nobody needs it any more."""
    return now - (alert.resolved_at or alert.ends_at) > KEEP_RESOLVED


def spared(alert: ReceivedAlert, now: datetime) -> ReceivedAlert:
    """As after a start of ours: who tells again each minute is given the time to do so."""
    if alert.resolved_at is not None or now - alert.ends_at > KEEP_RESOLVED:
        return alert
    return replace(alert, ends_at=max(alert.ends_at, now + GRACE))
