"""give_back: ask the provider to take back a host that it made for a burst, and that nobody needs."""

from datetime import timedelta

from remediator.actions.effects import GiveBack
from remediator.actions.fields import Duration
from remediator.actions.lending import due, kept
from remediator.actions.spec import ActionSpec, Case, Params, Planned
from remediator.model.decision import Hold
from remediator.model.evidence import VerdictKind
from remediator.model.loan import Loan, LoanStage
from remediator.model.policy import Kind

NOT_LENT, NEEDED, STUCK = "NotLent", "HostNeeded", "GiveBackStuck"


class GiveBackParams(Params):
    """``idle`` is for how long nothing may have been on the host; its burst is over by then."""

    idle: Duration = timedelta(minutes=30)


def plan(case: Case, params: GiveBackParams) -> Planned | Hold:
    loan = case.fleet.loans.get(case.target)
    if loan is None:
        return Hold(NOT_LENT, "no provider made it for a burst of ours: it is never given back")
    if loan.over:
        return Planned()
    if loan.stage in (LoanStage.CLOSING, LoanStage.ASKED):
        return Planned(waiting=f"its giving back is under way: {loan.stage}")
    if waits := _again(case, loan) or due(loan, params.idle, case.now):
        return Hold(STUCK, waits) if loan.stage is LoanStage.STUCK else Planned(waiting=waits)
    if why := kept(loan, case.fleet):
        return Hold(NEEDED, why)
    return Planned((GiveBack(case.target, case.playbook.name),), "it is being given back")


def _again(case: Case, loan: Loan) -> str:
    """One that got stuck is asked back again after the cooldown."""
    if loan.stage is not LoanStage.STUCK:
        return ""
    left = (loan.moved_at or case.now) + case.playbook.cooldown - case.now
    again = f"it is asked back again in {left.total_seconds():.0f} s"
    return f"{loan.note}; {again}" if left > timedelta() else ""


# Direct evidence must say that the host is well, and its own agent that nothing runs there.
GIVE_BACK = ActionSpec("give_back", Kind.DESTRUCTIVE, "host", GiveBackParams, plan, VerdictKind.ALIVE.value)
