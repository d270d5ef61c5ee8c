"""What a start writes down first: a new term, and the hosts that the inventory expects."""

import uuid
from collections.abc import Iterable
from dataclasses import replace

from remediator.clock import Clock
from remediator.journal.protocol import JournalUnusable
from remediator.model.enrolment import Term
from remediator.model.host import Host, HostStatus
from remediator.model.loan import Loan, LoanStage
from remediator.runtime.ledger import Ledger
from remediator.settings import InventoryHost


async def begin_term(ledger: Ledger, clock: Clock, keys: str = "") -> Term:
    """One more term of the same incarnation, or the first of a new one; ``keys`` marks ours.

    Raises:
        JournalUnusable: the fleet's agents trust other keys.
    """
    now = clock.now()
    before = ledger.get(Term, "term")
    if before and before.keys and keys != before.keys:
        told = "this journal's agents trust other keys than those in the data folder"
        raise JournalUnusable(
            f"{told}: copy every *.key, operator.token and join.secret from a remediator that led it"
        )
    born = before.incarnation if before else f"{now.isoformat(timespec='seconds')}-{uuid.uuid4().hex[:8]}"
    # Whoever is rewound stays so: a start is no person's word.
    fresh = Term(born, 0, now) if before is None else before
    term = replace(fresh, number=fresh.number + 1, began=now, seen=None, keys=keys)
    async with ledger.writing() as draft:
        draft.put(term)
        seen = before.seen if before else None
        draft.note(now, "term", "remediator", {"term": term.number, "incarnation": born, "seen_before": seen})
    return term


async def expect(ledger: Ledger, inventory: Iterable[InventoryHost], clock: Clock) -> None:
    """Hosts that the inventory names and nobody has seen yet: shown, and told to people, until they join.

    One that was lent and is named there now is to stay.
    """
    now = clock.now()
    async with ledger.writing() as draft:
        for host in inventory:
            loan = draft.get(Loan, host.name)
            if loan is not None and loan.stage is LoanStage.JOINED:
                draft.delete(loan)
            if ledger.get(Host, host.name) is None:
                blank = Host(host.name, host.region, host.rack, since=now, status_since=now, role=host.role)
                known = replace(blank, provider=host.provider, address=host.address, labels=host.labels)
                draft.put(replace(known, status=HostStatus.UNKNOWN, reason="expected, not yet seen"))
