"""Why we do not trust ourselves: a pause, a stepped clock, a lost lease, stale rules, isolation, what others know of.

Who doubts stops changing the fleet by itself (guard ``self_fencing``); what heals, tells, or was asked for goes on.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

from remediator.clock import Clock
from remediator.model.evidence import Gate
from remediator.model.host import Host
from remediator.runtime.ledger import Ledger
from remediator.sources.evidence import Evidence

LEASE_LOST = "LeaseLost"
# Longer between two looks, or as far off, and what we hold is not of now.
LATE = 1.5
# So long without another reason we trust ourselves again: about what evidence takes to be earned anew.
TRUST_AFTER = 3.0
# A vantage or an agent counts among those we know for this long after its last word.
KNOWN_FOR = timedelta(minutes=10)
REPORTS_WITHIN = timedelta(seconds=3)
# A group of rules is stale after so many of its intervals, and a little.
INTERVALS, A_LITTLE = 3, timedelta(seconds=10)

Source = Callable[[], Mapping[str, str]]
# A group of rules: its name, its interval, and the slot that was evaluated last, if any was.
Slots = Iterable[tuple[str, timedelta, datetime | None]]


class Doubts:
    """``sources`` are parts that have doubts of their own; ``lease`` says why we may no longer lead, if so."""

    def __init__(self, ledger: Ledger, evidence: Evidence, gate: Callable[[], Gate], clock: Clock) -> None:
        self._ledger = ledger
        self._evidence = evidence
        self._gate = gate
        self._clock = clock
        self._until: dict[str, tuple[float, str]] = {}
        self.sources: list[Source] = []
        self.rules: Callable[[], Slots] = tuple
        self.lease: Callable[[], str] = str

    def looked(self, between: float, stepped: float) -> None:
        """After each look: seconds since the one before, and by how many the wall clock was off meanwhile."""
        if between > LATE:
            self._doubt("LoopLag", f"{between:.1f} s between two looks")
        if stepped > LATE:
            self._doubt("ClockJumped", f"the clock was stepped by {stepped:.1f} s")

    def __call__(self) -> dict[str, str]:
        """Every doubt there is, by its reason."""
        found = {reason: text for reason, (until, text) in self._until.items() if self._clock.monotonic() < until}
        if lost := self.lease():
            found[LEASE_LOST] = lost
        if stale := self._stale():
            found["StaleRules"] = stale
        if alone := self._isolated():
            found["Isolated"] = alone
        for source in self.sources:
            found |= source()
        return found

    def _doubt(self, reason: str, text: str) -> None:
        self._until[reason] = (self._clock.monotonic() + TRUST_AFTER, text)

    def _stale(self) -> str:
        """While the store is out no rule is evaluated, and other witnesses speak."""
        gate, now = self._gate(), self._clock.now()
        for name, interval, slot in self.rules() if gate.open else ():
            age = now - max(slot, gate.since) if slot else timedelta()
            if age > INTERVALS * interval + A_LITTLE:
                return f"group {name} was last evaluated {age.total_seconds():.0f} s ago"
        return ""

    def _isolated(self) -> str:
        """Neither half of the vantages nor half of the agents reach us: it may be we who are cut off."""
        now = self._clock.now()
        known = [each.at for each in self._evidence.reporters() if now - each.at <= KNOWN_FOR]
        speak = sum(1 for at in known if now - at <= REPORTS_WITHIN)
        if not known or 2 * speak >= len(known):
            return ""
        agents = [host.name for host in self._ledger.all(Host).values() if _counts(host, now)]
        connected = len(self._evidence.connected().intersection(agents))
        if not agents or 2 * connected >= len(agents):
            return ""
        return f"{speak} of {len(known)} vantages and {connected} of {len(agents)} agents reach us"


def _counts(host: Host, now: datetime) -> bool:
    """Hosts that were here of late; those that died long ago are missed by nobody."""
    return host.joined and (host.died_at is None or host.returned_at is not None or now - host.died_at <= KNOWN_FOR)
