"""What a baseline has heard: heartbeats and their gaps, votes, the store's liveness rule; all in seconds."""

from collections import defaultdict, deque
from collections.abc import Iterable

from remediator.model.evidence import Outcome

LIVENESS = "HostDead"
# phi-accrual's own window.
WINDOW = 1000
# Gaps measured over jumps of virtual time say nothing of a network.
LONGEST_GAP = 1.5


class Heard:
    """Hosts of whom nobody speaks (``quiet``) are well, and their heartbeats come each second."""

    def __init__(self, hosts: Iterable[str], now: float, *, quiet: bool) -> None:
        self.now = now
        self.quiet = set(hosts) if quiet else set()
        self._last: dict[str, float] = dict.fromkeys(hosts, now)
        self._gaps: dict[str, deque[float]] = {}
        self.votes: defaultdict[str, dict[str, Outcome]] = defaultdict(dict)
        # Since when the rule's expression is true of a host, as the store tells it.
        self.rule_since: dict[str, float] = {}

    def heartbeat(self, host: str) -> None:
        self.quiet.discard(host)
        before = self._last.get(host)
        if before is not None and 0 < self.now - before <= LONGEST_GAP:
            self._gaps.setdefault(host, deque(maxlen=WINDOW)).append(self.now - before)
        self._last[host] = self.now

    def voted(self, vantage: str, host: str, outcome: Outcome) -> None:
        if host in self.quiet:
            self.quiet.discard(host)
            self._last[host] = self.now
        self.votes[host][vantage] = outcome

    def rule(self, host: str, *, on: bool) -> None:
        if on:
            self.rule_since.setdefault(host, self.now)
        else:
            self.rule_since.pop(host, None)

    def calm(self, hosts: Iterable[str]) -> None:
        self.quiet |= set(hosts)

    def age(self, host: str) -> float:
        """Seconds since its last heartbeat."""
        return 0.0 if host in self.quiet else self.now - self._last.get(host, self.now)

    def gaps(self, host: str) -> Iterable[float]:
        return self._gaps.get(host, ())
