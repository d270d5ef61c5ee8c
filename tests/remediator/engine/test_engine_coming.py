"""What time alone will bring is named: the end of each span that runs."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from remediator.actions import ACTIONS
from remediator.engine.coming import Spans, next_change
from remediator.model.host import Life
from remediator.model.people import Answer, Approval, OperatorHold, Release, Scope
from tests.remediator.builders import NOON, fleet, host, policy

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


def test_maintenance_ends() -> None:
    assert _coming(host("h1", maintenance_until=LATER)) == LATER
