"""Maintenances that ended: a host that is seen healthy since owes nothing any more."""

from datetime import datetime

from remediator.engine.people.maintenance import seen_healthy
from remediator.model.fleet import Fleet
from remediator.model.host import Host
from remediator.model.layered import picked
from remediator.runtime.ledger import Draft


def end(fleet: Fleet, draft: Draft, now: datetime) -> None:
    """Put each host that was seen healthy after its maintenance, without it."""
    for host in picked(fleet.hosts, "in_maintenance", value=True):
        known = draft.get(Host, host.name) or host
        after = seen_healthy(known, fleet.verdicts.get(host.name), now)
        if after is not known:
            draft.put(after)
            draft.note(now, "maintenance", host.name, {"over": True, "text": "it was seen healthy after its end"})
