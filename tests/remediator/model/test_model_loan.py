"""A loan goes its way by its table alone, and what it is worth follows from its stage."""

import pytest

from remediator.model.errors import ForbiddenEdge
from remediator.model.loan import EDGES, Loan, LoanStage
from tests.remediator.builders import NOON

LENT = Loan("arn-burst1-1", "arn", "b1", NOON)


@pytest.mark.parametrize("was", LoanStage)
@pytest.mark.parametrize("to", LoanStage)
def test_only_the_tables_steps_are_taken(was: LoanStage, to: LoanStage) -> None:
    loan = Loan("arn-burst1-1", "arn", "b1", NOON, was)
    if to in EDGES[was]:
        assert loan.moved_to(to, NOON, "why").note == "why"
    else:
        with pytest.raises(ForbiddenEdge, match=f"loan of arn-burst1-1: {was} -> {to}"):
            loan.moved_to(to, NOON)


def test_nothing_that_takes_work_is_asked_back_but_one_that_never_joined() -> None:
    assert {stage for stage in LoanStage if LoanStage.ASKED in EDGES[stage]} == {
        LoanStage.AWAITED, LoanStage.CLOSING, LoanStage.STUCK,
    }  # fmt: skip
    assert EDGES[LoanStage.JOINED] == {LoanStage.CLOSING}


def test_what_is_over_goes_nowhere() -> None:
    assert [stage for stage in LoanStage if not EDGES[stage]] == [LoanStage.RETURNED]
    assert LENT.moved_to(LoanStage.ASKED, NOON).moved_to(LoanStage.RETURNED, NOON).over
