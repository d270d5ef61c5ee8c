"""What whoever is on call is told of a question: asked, reminded, and its end, one call each. PURE."""

from collections.abc import Iterable
from datetime import datetime

from remediator.model.people import Answer, Approval
from remediator.model.request import Operation, Origin

REMINDED = "reminded"


def news(before: Approval | None, after: Approval) -> str:
    """The word for what is new about a question; empty where nothing is."""
    if before is None or before.answer is not after.answer or before.id != after.id:
        return after.answer.value
    return REMINDED if after.reminded > before.reminded else ""


def calls(changed: Iterable[tuple[Approval | None, Approval]], to: str, now: datetime) -> list[Operation]:
    """One call for each change; its key names the change, so that the receiver can tell a repetition."""
    return [_call(row, word, to, now) for before, row in changed if (word := news(before, row))]


def _call(row: Approval, word: str, to: str, now: datetime) -> Operation:
    args = {
        "to": to,
        "event": word,
        "at": now.isoformat(),
        "question": row.key,
        "playbook": row.playbook,
        "target": row.target,
        "action": row.action,
        "text": row.text,
        "asked_at": row.asked_at.isoformat(),
        "expires_at": row.expires_at.isoformat(),
        "then": row.then,
        "reminder": row.reminded,
        "by": row.by,
        "say": f"fleetmend approve {row.key}" if row.answer is Answer.ASKED else "",
    }
    # Telling changes nothing of the fleet: a freeze, which stops what is automatic, does not stop it.
    return Operation(f"question:{to}:{row.id}:{word}:{row.reminded}", "webhook", "", args, Origin.OPERATOR, now)
