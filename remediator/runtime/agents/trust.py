"""How much each vantage is believed, from what it says of itself and how often it alone disagrees."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

from remediator.engine.evidence.verdicts import EvidenceTimes
from remediator.engine.evidence.weights import dissent_after, lone_dissenter, weight_of
from remediator.model.evidence import Outcome, Sighting
from remediator.sources.evidence import Evidence

_EVERY = timedelta(seconds=1)


class Trust:
    """Keeps who alone disagrees about which host; weighs all vantages once a second."""

    def __init__(self, evidence: Evidence, times: EvidenceTimes, began: datetime) -> None:
        self._evidence = evidence
        self._times = times
        self._weighed = began
        self._dissent: dict[str, float] = {}
        self._alone: dict[str, str] = {}

    def saw(self, sighting: Sighting, now: datetime) -> None:
        """What was just judged: only where somebody hears nothing can anybody be alone."""
        silent = any(vote.outcome is Outcome.SILENT for vote in sighting.votes)
        alone = lone_dissenter(sighting, self._times, now) if silent else ""
        if alone:
            self._alone[sighting.host] = alone
        else:
            self._alone.pop(sighting.host, None)

    def weigh(self, now: datetime, hosts_of: Callable[[str], int]) -> list[str]:
        """The vantages whose weight is another one now, if a second is over."""
        passed = now - self._weighed
        if timedelta() <= passed < _EVERY:
            return []
        self._weighed = now
        counted, weights = Counter(self._alone.values()), {}
        for each in self._evidence.reporters():
            name = each.vantage.name
            dissent = self._dissent.get(name, 0.0)
            if dissent or counted[name]:
                seconds = max(0.0, passed.total_seconds())
                self._dissent[name] = dissent_after(dissent, counted[name], hosts_of(name), seconds)
            weights[name] = weight_of(each.health, self._dissent.get(name, 0.0), self._times.probe_interval)
        before, self._evidence.weights = self._evidence.weights, weights
        return [name for name, weight in weights.items() if weight != before.get(name, 1.0)]
