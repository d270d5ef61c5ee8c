"""Since when many asks at once may be a backlog: a start after an absence, or a change of the rules."""

import logging
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from remediator.clock import Clock
from remediator.model.enrolment import Term
from remediator.model.errors import FleetmendError
from remediator.model.policy import Policy
from remediator.runtime.ledger import Ledger

log = logging.getLogger("fleetmend.backlog")
# Away for less than this, over the same journal, is a failover: the fleet was watched all along.
FAILOVER = timedelta(seconds=60)
_SEEN_EVERY = 10.0


def opened_by_start(policy: Policy, before: Term | None, now: datetime) -> dict[str, datetime]:
    """The windows that our start opens; none if the term ``before`` was seen a moment ago."""
    away = now - before.seen if before and before.seen else None
    if away is not None and timedelta() <= away < FAILOVER:
        return {}
    return opened(policy, policy.playbooks, "start", now)


def opened(policy: Policy, playbooks: Iterable[str], event: str, now: datetime) -> dict[str, datetime]:
    """Of those playbooks, which have a window after such an event (``start`` or ``rule_change``), from now on."""
    known = {name: policy.playbooks[name].backlog for name in playbooks if name in policy.playbooks}
    return {name: now for name, backlog in known.items() if backlog and event in backlog.after}


async def stay_seen(ledger: Ledger, clock: Clock) -> None:
    """Keep for whoever comes after us when we were last at work; for ever."""
    while True:
        await clock.sleep(_SEEN_EVERY)
        try:
            async with ledger.writing() as draft:
                term = draft.get(Term, "term")
                draft.put(*([replace(term, seen=clock.now())] if term else []))
        except FleetmendError as error:
            log.warning("cannot keep when we were last seen: %s", error)
