"""The physical truth: what is powered, booted, connected; who can exchange packets with whom."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from remediator.model.evidence import Outcome
from remediator.simulate.world.topology import Place

REMEDIATOR = "remediator"
Side = frozenset[str]


@dataclass(slots=True)
class Body:
    """One host. Troubles are counted, so that faults may overlap; 0 is well."""

    place: Place
    troubles: Counter[str] = field(default_factory=Counter)
    booted: bool = True
    boots: int = 1
    # Another board or another disk under the same name.
    board: str = ""
    data: str = ""
    loss: float = 0.0
    # When the two-way path to the remediator was lost or found, and when its kernel stopped or began.
    turned: float = -1e9

    @property
    def kernel(self) -> bool:
        if not self.troubles:
            return self.booted
        return self.booted and not (self.troubles.get("power") or self.troubles.get("pause"))

    @property
    def powered(self) -> bool:
        return not self.troubles.get("power")

    @property
    def agent(self) -> bool:
        return self.kernel and not self.troubles.get("agent")


@dataclass(frozen=True, slots=True)
class Cut:
    """No packet passes between the two sides; an empty ``other`` is everything that is not ``side``."""

    side: Side
    other: Side

    def parts(self, one: str, another: str) -> bool:
        return self._from(one, another) or self._from(another, one)

    def _from(self, one: str, another: str) -> bool:
        return one in self.side and (another in self.other if self.other else another not in self.side)


class Network:
    """Bodies, switches and cuts. ``remediator`` is a place of its own, outside every rack."""

    def __init__(self, places: Iterable[Place]) -> None:
        self.bodies = {place.name: Body(place) for place in places}
        self.switches: Counter[str] = Counter()
        self.cuts: list[Cut] = []

    def _answers(self, name: str) -> bool:
        """Its kernel lives, and packets pass its port both ways."""
        if name == REMEDIATOR:
            return True
        body = self.bodies[name]
        troubles = body.troubles
        if not body.kernel or self.switches.get(body.place.switch):
            return False
        return not troubles or not (troubles.get("link") or troubles.get("mute") or troubles.get("deaf"))

    def talk(self, one: str, another: str) -> bool:
        """Both kernels live and packets pass both ways."""
        if not (self._answers(one) and self._answers(another)):
            return False
        return not any(cut.parts(one, another) for cut in self.cuts)

    def reached(self, host: str) -> bool:
        return self.talk(host, REMEDIATOR)

    def probe(self, vantage_host: str, target: str) -> Outcome:
        """What a probe from one host to another ends as."""
        if not self.bodies[vantage_host].kernel:
            return Outcome.ERROR_HERE
        if not self.talk(vantage_host, target):
            return Outcome.SILENT
        return Outcome.OK if self.bodies[target].agent else Outcome.REFUSED
