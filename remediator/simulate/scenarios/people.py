"""What people say in a scenario: holds, and answers to questions."""

from dataclasses import replace
from datetime import datetime, timedelta

from remediator.engine.guards.effectiveness import rules_of
from remediator.model.people import Answer, OperatorHold, Scope
from remediator.model.policy import Playbook
from remediator.model.record import Record
from remediator.simulate.scenarios.fleet import Rows

WHO = "anna"
_OPEN = frozenset({Answer.ASKED, Answer.EXPIRED})


def add_hold(rows: Rows, thing: str, span: timedelta, now: datetime) -> None:
    """A hold on ``host/h1``, ``app/web``, ``playbook/host_dead``; for no time at all it is ended."""
    scope, _, name = thing.partition("/")
    hold = OperatorHold(Scope(scope), name, WHO, "as the scenario says", now, now + span)
    rows.operator_holds[hold.key] = hold


def add_record(rows: Rows, playbook: Playbook, now: datetime) -> None:
    """A playbook that has helped nobody of late."""
    text = "none of its last remediations helped: it asks before each act"
    rows.records[playbook.name] = Record(playbook.name, rules_of(playbook), now, fallen_at=now, text=text)


def answer(rows: Rows, target: str, action: str, now: datetime, *, approved: bool) -> None:
    """The answer to whatever is asked about that step on that target."""
    said = Answer.APPROVED if approved else Answer.DENIED
    for key, row in rows.approvals.items():
        if (row.target, row.action) == (target, action) and row.answer in _OPEN:
            rows.approvals[key] = replace(row, answer=said, answered_at=now, by=WHO, why="as the scenario says")
