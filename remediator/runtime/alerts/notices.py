"""When people are told of an alert, and in which words. PURE.

As Prometheus: again each minute while it fires, each minute for fifteen minutes once it is over, and valid for four
times the longer of that minute and the rule's interval, should we fall silent.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

import msgspec

from remediator.engine.progress import NO_REMEDY, Progress, Remedy
from remediator.model.alert import Alert, AlertState

RESEND = timedelta(minutes=1)
RESOLVED_FOR = timedelta(minutes=15)
# Guards like Settling hold for seconds and then let pass: nobody is woken for those.
HELD_FOR = timedelta(seconds=10)
OUTCOME_LABEL = "fleetmend_outcome"
PLAIN = ""
SUCCEEDED = Remedy.SUCCEEDED.value


@dataclass(frozen=True, slots=True)
class Told:
    """What people know of one alert; an ``outcome`` of None is nothing at all: it is held.

    ``outcome`` is the value of the extra label that it went out with, empty for none; ``over`` is whether it was told
    that it is over (a slot's end comes after the slot, so that no moments can say); ``since`` is from when on its
    page may wait.
    """

    fired_at: datetime | None
    outcome: str | None = None
    at: datetime | None = None
    progress: Progress = NO_REMEDY
    held_since: datetime | None = None
    over: bool = False
    since: datetime | None = None


def outcome_of(told: Told, progress: Progress, now: datetime, within: timedelta) -> str | None:
    """How a firing alert is to be told while pages wait for playbooks; None for not yet.

    A page that went out stays one: it is never taken back for being remedied, only for being over.
    """
    if told.outcome == PLAIN or progress.remedy in (Remedy.NONE, Remedy.ASKS, Remedy.FAILED):
        return PLAIN
    if progress.remedy is Remedy.SUCCEEDED:
        return SUCCEEDED
    held_long = told.held_since is not None and now - told.held_since >= HELD_FOR
    # Its time is up for a page that is held; what went out as succeeded is not held.
    waited = told.outcome is None and (told.since is None or now - told.since >= within)
    if waited or (progress.remedy is Remedy.HELD and held_long):
        return PLAIN
    return told.outcome


def held_since(told: Told, progress: Progress, now: datetime) -> datetime | None:
    """Since when guards hold the playbook without a pause."""
    return (told.held_since or now) if progress.remedy is Remedy.HELD else None


def is_due(alert: Alert, told: Told, now: datetime) -> bool:
    """Whether a word that stands is to be sent (again) now; ``told`` is what was sent last."""
    if told.outcome is None:
        return False
    if alert.state is AlertState.RESOLVED:
        over = alert.resolved_at or now
        fresh = now - over <= RESOLVED_FOR
        return fresh and (told.at is None or not told.over or now - told.at >= RESEND)
    return told.at is None or now - told.at >= RESEND


def valid_until(alert: Alert, interval: timedelta, now: datetime) -> datetime:
    if alert.state is AlertState.RESOLVED and alert.resolved_at:
        return alert.resolved_at
    return now + 4 * max(interval, RESEND)


@dataclass(frozen=True, slots=True)
class Words:
    """What goes with an alert: the extra label's value, what was done, on what, and where people read of it."""

    outcome: str
    action: str
    target: str
    external_url: str


def notice(alert: Alert, ends_at: datetime, words: Words) -> bytes:
    """One element of Alertmanager's array, in JSON."""
    page = f"{words.external_url}/?alert={alert.fingerprint}"
    explained = f"{words.external_url}/explain/{quote(words.target, safe='')}" if words.target else page
    action = {"fleetmend_action": words.action} if words.action else {}
    return msgspec.json.encode(
        {
            "labels": {**alert.labels, OUTCOME_LABEL: words.outcome} if words.outcome else alert.labels,
            # They are filled in as they are read.
            "annotations": {**alert.annotations, **action, "fleetmend_explain": explained},
            "startsAt": alert.fired_at or alert.active_at,
            "endsAt": ends_at,
            "generatorURL": page,
        }
    )
