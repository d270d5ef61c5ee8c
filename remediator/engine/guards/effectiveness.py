"""Effectiveness: a playbook that helps too seldom asks before each act, until it is edited or trusted again. PURE."""

import hashlib
from dataclasses import replace
from datetime import datetime

from remediator.actions.spec import Case
from remediator.engine.guards.guard import Facts, Guard
from remediator.model.decision import Hold
from remediator.model.policy import Mode, Playbook
from remediator.model.record import Record, Result


def rules_of(playbook: Playbook) -> str:
    """A digest of what the playbook says: an edit of it is a new beginning."""
    return hashlib.blake2b(repr(replace(playbook, file="")).encode(), digest_size=8).hexdigest()


def noted(before: Record | None, playbook: Playbook, target: str, now: datetime, *, succeeded: bool) -> Record:
    """The playbook's record with one more result; fallen once the share of successes is under its bar."""
    rules, bar = rules_of(playbook), playbook.effectiveness
    record = before if before and before.rules == rules else Record(playbook.name, rules, now)
    results = (Result(now, target, succeeded), *record.results)[: bar.last]
    good = sum(result.succeeded for result in results)
    low = len(results) >= bar.last and good < bar.at_least * len(results)
    if record.fallen_at or not low:
        return replace(record, results=results, moved_at=now)
    text = f"{good} of its last {len(results)} remediations helped, {bar.at_least:.0%} must: it asks before each act"
    return replace(record, results=results, moved_at=now, fallen_at=now, text=text)


def fallen(playbook: Playbook, record: Record | None) -> str:
    """Why the playbook asks before each act by now; empty while it is trusted."""
    if record is None or record.fallen_at is None or playbook.mode is not Mode.AUTO:
        return ""
    return record.text if record.rules == rules_of(playbook) else ""


def _read(case: Case) -> Facts | None:
    why = fallen(case.playbook, case.fleet.records.get(case.playbook.name))
    return {"fallen": why} if why else None


def _judge(facts: Facts) -> Hold:
    return Hold("Ineffective", facts["fallen"], asks=True)


effectiveness = Guard("effectiveness", _read, _judge)
