"""Loans, look by look: who joined, since when one is idle, and whether one that is closed may still go. PURE."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain

from remediator.actions.lending import another, in_use, kept
from remediator.engine.guards.holds import hold_on, of_host, words
from remediator.model.fleet import Fleet
from remediator.model.host import Host, Life
from remediator.model.layered import picked
from remediator.model.loan import Loan, LoanStage
from remediator.model.machine import MachineState
from remediator.model.people import Scope
from remediator.model.request import Stage

# Between being closed to new work and being asked back: whatever was on its way there has arrived by then.
LOOK_AGAIN = timedelta(seconds=30)
KEEP_ENDED = timedelta(hours=1)


def advance(loan: Loan, fleet: Fleet, now: datetime) -> Loan | None:
    """The loan as the fleet shows it; the same value while it waits, None when there is nothing left to say."""
    host = fleet.hosts.get(loan.host)
    joined = host is not None and host.joined
    if _forgotten(loan, fleet, now):
        return None
    match loan.stage:
        case LoanStage.AWAITED if host is not None and joined:
            return _joined(loan, host, "", now)
        case LoanStage.JOINED:
            return _idling(loan, fleet, now)
        case LoanStage.CLOSING:
            return _closing(loan, fleet, now)
        case LoanStage.ASKED:
            return _asked(loan, fleet, now)
        case LoanStage.STUCK if host is not None and joined:
            return _stuck(loan, host, now)
    return loan


def _joined(loan: Loan, host: Host, why: str, now: datetime) -> Loan:
    """It takes work from now on; whoever it is that joins first is the one that was lent."""
    known = host.identity if loan.joined_at is None else loan.identity
    back = replace(loan.moved_to(LoanStage.JOINED, now, why), idle_since=None, identity=known, uncertain=False)
    return replace(back, joined_at=loan.joined_at or now)


def _stuck(loan: Loan, host: Host, now: datetime) -> Loan:
    """Let work again by a person, or joined before anybody was asked to take it."""
    if loan.joined_at is None and (loan.tries or loan.uncertain):
        # It slipped in, and may be taken at any moment.
        return replace(loan, joined_at=now, idle_since=now, identity=host.identity, uncertain=True)
    reopened = not host.cordoned if loan.uncertain else host.cordoned != loan.by
    may = loan.joined_at is None or reopened
    return _joined(loan, host, "work may run on it again", now) if may else loan


def _forgotten(loan: Loan, fleet: Fleet, now: datetime) -> bool:
    """Long given back; or gone by somebody else's word."""
    host = fleet.hosts.get(loan.host)
    retired = host is not None and host.life is Life.RETIRED
    if loan.over:
        return (host is None or not host.joined or retired) and now - (loan.moved_at or now) > KEEP_ENDED
    return retired and loan.stage is not LoanStage.ASKED


def _idling(loan: Loan, fleet: Fleet, now: datetime) -> Loan:
    """Nothing is on it, it is well, and its own burst has ended: in machines placed, or in vain."""
    host, burst = fleet.hosts.get(loan.host), fleet.bursts.get(loan.burst)
    # Most of them carry machines: no more is asked of those, look by look.
    carries = any(m.state is not MachineState.DESTROYED for m in picked(fleet.machines, "host", loan.host))
    busy = carries or (burst is not None and burst.open) or in_use(loan.host, fleet)
    if busy or host is None or host.life is not Life.HEALTHY:
        return replace(loan, idle_since=None) if loan.idle_since else loan
    return loan if loan.idle_since else replace(loan, idle_since=now)


def _closing(loan: Loan, fleet: Fleet, now: datetime) -> Loan:
    """Looked at again and again while nothing new can come: whatever speaks for it lets it work on."""
    if why := against(loan, fleet, now):
        return withdrawn(loan, why, now)
    if now - (loan.moved_at or now) < LOOK_AGAIN:
        return loan
    return asked(loan, now)


def asked(loan: Loan, now: datetime) -> Loan:
    """From now on its provider is asked for it, with this very key."""
    key = f"give_back:{loan.host}:{now.timestamp():.3f}"
    return replace(loan.moved_to(LoanStage.ASKED, now), operation=key, tries=0)


def _asked(loan: Loan, fleet: Fleet, now: datetime) -> Loan:
    known = fleet.operations.get(loan.operation)
    if known is None or known.stage is Stage.FAILED:
        return loan.stuck(now, known.error if known else "what was asked of its provider is lost")
    if loan.tries == 0 and (why := against(loan, fleet, now)):
        # Nobody has been asked yet.
        return withdrawn(loan, why, now)
    return loan


def withdrawn(loan: Loan, why: str, now: datetime) -> Loan:
    """It stays, and is idle from the beginning again.

    Of one that never joined there is nothing to let work again; one that may be taken at any moment must not.
    """
    if loan.uncertain or not loan.joined_at:
        return loan.moved_to(LoanStage.STUCK, now, why)
    return replace(loan.moved_to(LoanStage.JOINED, now, why), idle_since=None)


def against(loan: Loan, fleet: Fleet, now: datetime) -> str:
    """Why a host that is closed must not go now; its guards were asked before, and people may have spoken since."""
    return forbidden(loan, fleet, now) or kept(loan, fleet)


def forbidden(loan: Loan, fleet: Fleet, now: datetime) -> str:
    """Why its provider must not be asked (again), though the host may be dying of the last asking already."""
    host = fleet.hosts.get(loan.host)
    if held := hold_on(fleet, chain(of_host(fleet, loan.host), [(Scope.REGION, loan.region)]), now, loan.by):
        return words(held)
    if why := blind(fleet):
        return why
    if host is not None and host.in_maintenance:
        return "it is in maintenance"
    if loan.joined_at and (host is None or host.cordoned != loan.by):
        return "a person lets work on it again"
    found = in_use(loan.host, fleet)
    return f"it is in use: {found}" if found else another(loan, fleet)


def blind(fleet: Fleet) -> str:
    """Why nobody is asked for anything just now: it passes by itself."""
    if fleet.frozen or fleet.doubts or fleet.gate is None or not fleet.gate.open:
        return fleet.frozen or next(iter(fleet.doubts), "") or "the metrics store cannot be trusted"
    return ""
