"""Loans written down: what was asked for, closed, asked back and gone; and what lets a host work on."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from remediator.actions.effects import GiveBack
from remediator.actions.lending import in_use
from remediator.engine.machines import loans
from remediator.engine.people.leaving import left
from remediator.model.errors import TransientError
from remediator.model.fleet import Fleet
from remediator.model.host import Host, Life
from remediator.model.loan import Loan, LoanStage
from remediator.model.machine import Machine, Snapshot, Volume
from remediator.model.request import Burst, BurstStage, Demand, Destroy, Migration, Operation, Origin
from remediator.runtime.ledger import Draft

VERB = "give_back"
# The provider's word, as a person's attestation would be: nothing of it comes back.
GONE, BY, WHY = "destroyed", "its provider", "given back: nothing needed it"
_UNKNOWN = "its provider does not know it, and it lives"
# Rows of which counts at once what a look itself has changed.
_READ: dict[str, type[Any]] = {
    "machines": Machine,
    "volumes": Volume,
    "snapshots": Snapshot,
    "destroys": Destroy,
    "migrations": Migration,
    "operations": Operation,
    "hosts": Host,
    "bursts": Burst,
    "demands": Demand,
}


def write_loans(burst: Burst, draft: Draft) -> None:
    """From the request on: what may have been made is asked back, whatever its answer."""
    for name in burst.names:
        draft.put(Loan(name, burst.region, burst.id, burst.asked_at))


def write_give_back(effect: GiveBack, draft: Draft, decision: str, now: datetime) -> None:
    """Closed to new work first; of one that never joined there is nothing to close."""
    loan, host = draft.get(Loan, effect.host), draft.get(Host, effect.host)
    if loan is None:
        return
    loan = replace(loan, by=effect.by, decision=decision)
    if host is None or not host.joined:
        _ask(loans.asked(loan, now), draft, now)
        return
    draft.put(replace(host, cordoned=effect.by), loan.moved_to(LoanStage.CLOSING, now))


def look_after_loans(fleet: Fleet, draft: Draft, now: datetime) -> None:
    """Every lent host comes one step nearer to its end, or is let work on."""
    if not fleet.loans:
        return
    found: dict[str, Any] = {name: draft.overlay(getattr(fleet, name), kind.__name__) for name, kind in _READ.items()}
    fleet = replace(fleet, **found)
    for loan in fleet.loans.values():
        after = loans.advance(loan, fleet, now)
        if after is None:
            draft.delete(loan)
        elif after is not loan:
            draft.put(after)
            _follow(loan, after, draft, now)
        if after is not None:
            _late(loan, after, draft)
            _retired(after, fleet, draft, now)


def _follow(before: Loan, after: Loan, draft: Draft, now: datetime) -> None:
    if after.stage is before.stage:
        return
    if after.stage is LoanStage.ASKED:
        _ask(after, draft, now)
    elif before.closed:
        _withdraw(before, after, draft, now)


def _ask(loan: Loan, draft: Draft, now: datetime) -> None:
    args = {"host": loan.host, "region": loan.region, "burst": loan.burst}
    draft.put(loan, Operation(loan.operation, VERB, "", args, Origin.AUTOMATIC, now, decision=loan.decision))


def _withdraw(before: Loan, after: Loan, draft: Draft, now: datetime) -> None:
    """It was not asked for, or its provider refused: work may come again. Stuck, it stays closed."""
    asking, host = draft.get(Operation, before.operation), draft.get(Host, before.host)
    if asking is not None and asking.open:
        draft.delete(asking)
    if after.stage is LoanStage.JOINED and host is not None and host.cordoned == before.by:
        draft.put(replace(host, cordoned=""))
    draft.note(now, "loan", before.host, {"stage": after.stage, "text": after.note})


def _late(before: Loan, loan: Loan, draft: Draft) -> None:
    """One that joins while it is asked back, or may be taken at any moment, takes no work."""
    host = draft.get(Host, loan.host)
    late = loan.stage in (LoanStage.ASKED, LoanStage.STUCK) and before.joined_at is None
    if late and host is not None and host.joined and not host.cordoned:
        draft.put(replace(host, cordoned=loan.by))


def _retired(loan: Loan, fleet: Fleet, draft: Draft, now: datetime) -> None:
    """A host that is gone by its provider's word; one that was lost meanwhile leaves as any attested one does."""
    host = draft.get(Host, loan.host)
    ours = host is not None and host.leaving and host.attested_by == BY
    if host is None or not ours or not loan.over or host.life not in (Life.HEALTHY, Life.PROBATION):
        return
    if not in_use(host.name, fleet):
        gone = left(host, now)
        draft.put(gone)
        draft.note(now, "host", host.name, {"life": gone.life, "status": gone.status, "reason": gone.reason})


def about_to_ask(operation: Operation, known: Fleet, draft: Draft, now: datetime) -> str:
    """The last look before each try: why its provider must not be asked; empty, and from this commit on it may be.

    Raises:
        TransientError: it was asked before, and nobody is asked for anything just now.
    """
    loan = draft.get(Loan, operation.args["host"])
    if loan is None or loan.operation != operation.key or loan.stage is not LoanStage.ASKED:
        return "it is not to be given back any more"
    if loan.tries and (waits := loans.blind(known)):
        raise TransientError(waits)
    late = is_here(loan.host, draft) and not loan.joined_at
    why = "it has joined after all" if late else loans.forbidden(loan, known, now)
    if not why:
        draft.put(replace(loan, tries=loan.tries + 1))
    elif loan.tries:
        # Asked already, who knows with what end: whatever came to it is not to be joined by more.
        draft.put(loan.stuck(now, why))
    return why


def answered(operation: Operation, value: dict[str, Any], draft: Draft, now: datetime) -> None:
    """What the provider has said: which hosts it made, or that one is gone."""
    if operation.verb == VERB:
        _given_back(operation, value, draft, now)
        return
    burst = draft.get(Burst, operation.key)
    if burst and burst.stage is BurstStage.REQUESTED:
        names = tuple(value.get("hosts", operation.args["names"]))
        draft.put(replace(burst.moved_to(BurstStage.PROVISIONING, now), names=names, given=len(names)))
        _given(replace(burst, names=names), operation.args["names"], draft)


def denied(operation: Operation, text: str, draft: Draft, now: datetime) -> None:
    """What never will be done."""
    if operation.verb == VERB:
        _not_given_back(operation, text, draft, now)
        return
    burst = draft.get(Burst, operation.key)
    if burst and burst.open:
        draft.put(burst.moved_to(BurstStage.STUCK, now, text))
    if operation.attempts == 0:
        # Its first and only word: nothing was made.
        _forgo(operation.args["names"], draft)


def _given(burst: Burst, asked: Iterable[str], draft: Draft) -> None:
    """Of what it did not make nothing is awaited; a name of its own is lent only if no host of ours bears it."""
    for name in burst.names:
        if draft.get(Loan, name) is None and not is_here(name, draft):
            draft.put(Loan(name, burst.region, burst.id, burst.asked_at))
    _forgo((name for name in asked if name not in burst.names), draft)


def _forgo(names: Iterable[str], draft: Draft) -> None:
    for name in names:
        loan = draft.get(Loan, name)
        if loan is not None and loan.stage is LoanStage.AWAITED and not is_here(name, draft):
            draft.delete(loan)


def is_here(name: str, draft: Draft) -> bool:
    host = draft.get(Host, name)
    return host is not None and host.joined


def _given_back(operation: Operation, value: dict[str, Any], draft: Draft, now: datetime) -> None:
    """It is gone, and so is its row, unless its provider never knew it."""
    loan, host = draft.get(Loan, operation.args["host"]), draft.get(Host, operation.args["host"])
    if loan is None or loan.operation != operation.key or loan.stage is not LoanStage.ASKED:
        return
    here = host is not None and host.joined and host.life is not Life.RETIRED
    first = loan.tries <= 1 and not loan.uncertain
    if value.get("found") is False and first and here and host is not None and host.life is Life.HEALTHY:
        _refused(loan, _UNKNOWN, draft, now)
        return
    draft.put(loan.moved_to(LoanStage.RETURNED, now))
    draft.note(now, "loan", loan.host, {"stage": LoanStage.RETURNED, "text": WHY})
    if here and host is not None:
        draft.put(replace(host, attested=GONE, attested_by=BY, attested_why=WHY, attested_at=now))


def _not_given_back(operation: Operation, text: str, draft: Draft, now: datetime) -> None:
    """Refused at once, it works on. Otherwise it may be taken at any moment: it stays closed, and people are told."""
    loan = draft.get(Loan, operation.args["host"])
    if loan is None or loan.operation != operation.key or loan.stage is not LoanStage.ASKED:
        return
    if loan.tries <= 1 and not operation.attempts:
        _refused(loan, text, draft, now)
        return
    draft.put(loan.stuck(now, text))
    draft.note(now, "loan", loan.host, {"stage": LoanStage.STUCK, "text": text})


def _refused(loan: Loan, text: str, draft: Draft, now: datetime) -> None:
    after = loans.withdrawn(loan, text, now)
    draft.put(after)
    _withdraw(loan, after, draft, now)
