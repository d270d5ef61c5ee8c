"""The metrics store as a second path: what its rules see, how late, and whether it answers at all."""

from random import Random

from remediator.simulate.world.ground import Ground
from remediator.simulate.world.judge import Canary, Signal
from remediator.simulate.world.senses import Senses
from remediator.simulate.world.told import Told

# From a fact to a rule that sees it: scrape, and the store's own visibility.
VISIBLE = 1.5
LIVENESS, ROOM = "HostDead", "RegionWithoutRoom"
# What tells that something else is not told.
ABOUT_MISSING = frozenset({"HostUnscraped", "HostLabelDrift", "HostAgentGone"})
Element = tuple[str, str]


class Store:
    """Signals become visible after a while; while it is away nothing changes in what rules have seen."""

    def __init__(self, ground: Ground, senses: Senses, told: Told, chance: Random) -> None:
        self._ground = ground
        self._told = told
        self._senses = senses
        self._chance = chance
        self.outages = 0
        self.lag = 0.0
        self.ahead = 0.0
        self.missing = 0.0
        self._true: dict[Element, dict[str, str]] = {}
        self._shown: set[Element] = set()
        self._labels: dict[Element, dict[str, str]] = {}
        self._since: dict[Element, float] = {}
        self._dead: set[str] = set()
        self._wanting: set[str] = set()
        self._lent: set[tuple[str, str, str]] = set()
        self._shown_verdicts: dict[str, frozenset[str]] = {}

    @property
    def sick(self) -> bool:
        return bool(self.outages or self.lag > 0 or self.ahead or self.missing)

    @property
    def idle(self) -> bool:
        """Nothing that is true is still unseen, nor the other way round."""
        return set(self._true) == self._shown and self._due_of_lent() == self._lent

    def asked_anew(self) -> None:
        """A new process evaluates its rules from the beginning: what is true is found again."""
        self._shown.clear()

    def truth(self, alert: str, labels: dict[str, str], *, on: bool) -> None:
        """An expression is true for something from now on, or no longer."""
        element = (alert, repr(sorted(labels.items())))
        if on == (element in self._true):
            return
        if on:
            self._true[element] = self._labels[element] = labels
        else:
            del self._true[element]
        self._since[element] = self._ground.queue.now

    def labels_of(self, host: str) -> dict[str, str]:
        place = self._ground.agents[host].place
        return {"host": host, "region": place.region, "rack": place.rack}

    def second(self) -> None:
        """One round of rules and one canary."""
        self._liveness()
        self._room()
        self._lent_hosts()
        self._verdicts()
        house = self._ground.house
        house.tell(self._canary())
        if self.outages:
            return
        now = self._ground.queue.now
        for element in sorted(set(self._true) ^ self._shown):
            if now - self._since[element] >= VISIBLE + self.lag:
                on = element in self._true
                self._shown.symmetric_difference_update({element})
                if not self._hidden(element):
                    house.tell(Signal(element[0], self._labels[element], on))

    def _hidden(self, element: Element) -> bool:
        """Whether the series that the rule needs are not there, or under another label."""
        host = self._labels[element].get("host", "")
        body = self._ground.network.bodies.get(host)
        if body is None or element not in self._true:
            return False
        if self.missing and self._chance.random() < self.missing:
            return True
        if element[0] in ABOUT_MISSING:
            return False
        return bool(body.troubles["renamed"] or (body.troubles["exporter"] and element[0] != LIVENESS))

    def _canary(self) -> Canary:
        if self.outages:
            return Canary(error="the store does not answer")
        if self.missing and self._chance.random() < self.missing:
            return Canary(age=None)
        return Canary(0.05, self.lag + 1.0 - self.ahead)

    def _room(self) -> None:
        """The shipped rule: room is asked for in a region, and not found."""
        for region in sorted(self._told.wanting ^ self._wanting):
            self.truth(ROOM, {"region": region}, on=region in self._told.wanting)
        self._wanting = set(self._told.wanting)

    def _lent_hosts(self) -> None:
        """The shipped rules: one that was made for a burst is idle for long, or has never joined."""
        due = self._due_of_lent()
        for alert, host, region in sorted(due ^ self._lent):
            self.truth(alert, {"host": host, "region": region}, on=(alert, host, region) in due)
        self._lent = due

    def _due_of_lent(self) -> set[tuple[str, str, str]]:
        now, lent = self._ground.queue.now, self._told.lent
        return {(alert, host, region) for host, (region, due) in lent.items() for alert in due if due[alert] < now}

    def _verdicts(self) -> None:
        """Rules over the verdicts that the judge publishes."""
        for alert, hosts in self._told.shown.items():
            before = self._shown_verdicts.get(alert, frozenset())
            for host in sorted(hosts ^ before):
                self.truth(alert, self.labels_of(host), on=host in hosts)
            self._shown_verdicts[alert] = hosts

    def _liveness(self) -> None:
        """The shipped rule: more than half of the assigned vantages say silent."""
        dead = {host for host in self._senses.stirred if self._senses.silent_share(host) > 0.5}
        for host in sorted(dead ^ self._dead):
            self.truth(LIVENESS, self.labels_of(host), on=host in dead)
        self._dead = dead
