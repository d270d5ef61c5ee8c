"""The self-fencing guard: while we have reason to distrust ourselves, nothing is changed that cannot be taken back.

What only lacks disk still adds; any other doubt stops adding too. Healing and telling always pass. PURE.
"""

from remediator.actions.spec import Case
from remediator.engine.guards import durability
from remediator.engine.guards.guard import Facts, Guard
from remediator.model.decision import Hold
from remediator.model.fleet import Fleet

# Doubts that leave what we know as good as before: work is still placed, and only what destroys waits.
STILL_ADDS = frozenset({"DiskLow"})
# A doubt about the journal's database, not about us: a person may say that it does not matter (guard `durability`).
ASKS = frozenset({durability.REASON})


def _read(case: Case) -> Facts | None:
    doubts = {reason: text for reason, text in case.fleet.doubts.items() if reason not in ASKS}
    return {"doubts": doubts} if doubts else None


def grave(fleet: Fleet) -> dict[str, str]:
    """The doubts that stop adding too."""
    return {reason: text for reason, text in fleet.doubts.items() if reason not in STILL_ADDS | ASKS}


def _read_adding(case: Case) -> Facts | None:
    doubts = grave(case.fleet)
    return {"doubts": doubts} if doubts else None


def fenced(facts: Facts) -> Hold:
    """The word that follows from the doubts there are."""
    reason, text = min(facts["doubts"].items())
    return Hold("SelfFenced", f"{reason}: {text}", {"doubts": sorted(facts["doubts"])})


self_fencing = Guard("self_fencing", _read, fenced)
self_fencing_adding = Guard("self_fencing", _read_adding, fenced)
