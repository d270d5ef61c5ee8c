"""Waits that no playbook decides: returned hosts not yet admitted, and destroys that may not be sent now."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime

from remediator.engine import destroys
from remediator.engine.admission import admission
from remediator.model.decision import Decision, DecisionOutcome
from remediator.model.fleet import Fleet
from remediator.model.host import Life
from remediator.model.request import Destroy, Origin

RECONCILE = "reconcile"


def may_send(destroy: Destroy, fleet: Fleet) -> str:
    """Why an automatic destroy is not sent now; empty when it may be. Owners' requests always may."""
    if destroy.origin is not Origin.AUTOMATIC:
        return ""
    if fleet.frozen:
        return "Frozen"
    return "" if fleet.gate and fleet.gate.open else "GateClosed"


def waits(fleet: Fleet, now: datetime) -> Iterator[Decision]:
    """A hold for each thing that waits, so that people see it and its reason like any other."""
    held: defaultdict[tuple[str, str], int] = defaultdict(int)
    for destroy in destroys.due(fleet):
        if reason := may_send(destroy, fleet):
            held[destroy.host, reason] += 1
    for (host, reason), count in held.items():
        yield _hold(host, "destroy", reason, f"{count} condemned machines on {host} are not destroyed yet", now)
    for host_row in fleet.hosts.values():
        if host_row.life is Life.RETURNING:
            found = admission(fleet, host_row, now)
            if isinstance(found, str):
                yield _hold(host_row.name, "admit", "NotAdmitted", f"{host_row.name} is back: {found}", now)


def _hold(host: str, action: str, reason: str, text: str, now: datetime) -> Decision:
    seed = f"{RECONCILE}/{host}/{action}/{reason}/{now.isoformat()}"
    identifier = hashlib.blake2b(seed.encode(), digest_size=6).hexdigest()
    return Decision(identifier, now, RECONCILE, host, action, DecisionOutcome.HOLD, reason, text)
