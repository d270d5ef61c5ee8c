"""What time alone will bring is named: the end of each span that runs."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from remediator.actions import ACTIONS
from remediator.engine.coming import Spans, next_change
from remediator.model.evidence import VerdictKind
from remediator.model.host import HEARD_EVERY, Life
from remediator.model.loan import Loan, LoanStage
from remediator.model.people import Answer, Approval, OperatorHold, Release, Scope
from remediator.model.policy import Step
from tests.remediator.builders import NOON, dead, fleet, host, policy, verdict

MINUTE = timedelta(minutes=1)
LATER = NOON + timedelta(seconds=40)


def _coming(*things: Any, **more: Any) -> datetime | None:
    rules = policy()
    known = fleet(**more) if not things else fleet(*things, **more)
    return next_change(Spans(rules, ACTIONS), rules.playbooks["host_dead"].correlated, known, NOON)


def test_nothing_comes_in_a_fleet_that_is_well() -> None:
    assert _coming(host("h1"), host("h2")) is None


@pytest.mark.parametrize(
    "rows",
    [
        {"operator_holds": {"host/h1": OperatorHold(Scope.HOST, "h1", "ada", "", NOON - timedelta(hours=1), LATER)}},
        {"releases": {"r": Release("r", ("h1",), "ada", "", NOON - timedelta(hours=1), LATER)}},
        {"approvals": {"q": Approval("q", "host_dead", "h1", "condemn", NOON - timedelta(hours=1), LATER, "", "")}},
    ],
)
def test_a_persons_word_ends(rows: dict[str, Any]) -> None:
    assert _coming(host("h1"), **rows) == LATER


def test_a_question_that_was_answered_for_good_brings_nothing() -> None:
    asked = Approval("q", "host_dead", "h1", "condemn", NOON, LATER, "", "", answer=Answer.USED)
    assert _coming(host("h1"), approvals={"q": asked}) is None


def test_patience_with_the_dead_ends() -> None:
    patience = policy().limits.patience
    lost = host("h1", life=Life.DEAD, died_at=NOON - patience + timedelta(seconds=7))
    assert _coming(lost, term_began=None) == NOON + timedelta(seconds=7)


def test_who_is_heard_although_it_was_cut_off_is_looked_at_again() -> None:
    heard = dead("h1", ago=timedelta(days=1), heard_at=NOON)
    seen = verdict("h1", VerdictKind.PARTITIONED, suspect_since=None, newest=None)
    assert _coming(heard, seen) == NOON + HEARD_EVERY


def test_maintenance_ends() -> None:
    assert _coming(host("h1", maintenance_until=LATER)) == LATER


def test_a_lent_host_is_due_looked_at_again_and_asked_back_again() -> None:
    book = replace(
        policy().playbooks["host_dead"], name="burst_over", steps=(Step("give_back"),), cooldown=10 * MINUTE
    )
    spans = Spans(policy(book), ACTIONS)

    def coming(stage: LoanStage, **more: Any) -> datetime | None:
        loan = replace(Loan("b1", "arn", "b", NOON - 60 * MINUTE, stage), **more)
        return next_change(spans, None, fleet(host("b1"), loan), NOON)

    assert coming(LoanStage.JOINED, idle_since=NOON - 29 * MINUTE) == NOON + MINUTE
    assert coming(LoanStage.CLOSING, moved_at=NOON) == NOON + timedelta(seconds=30)
    assert coming(LoanStage.STUCK, moved_at=NOON - 9 * MINUTE) == NOON + MINUTE
    assert coming(LoanStage.AWAITED, asked_at=NOON - 14 * MINUTE) == NOON + MINUTE
    assert coming(LoanStage.JOINED) is None
