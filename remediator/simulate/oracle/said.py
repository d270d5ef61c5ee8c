"""When a judge called hosts dead."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from remediator.simulate.world.record import Run


def said_dead(run: Run) -> Mapping[str, Sequence[float]]:
    """The moments by host; what is said of the fence of one that is dead already is no new word."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    life: dict[str, str] = {}
    for stated in run.done.stated:
        if stated.life == "dead" and life.get(stated.host) != "dead":
            found[stated.host].append(stated.at)
        life[stated.host] = stated.life
    return found
