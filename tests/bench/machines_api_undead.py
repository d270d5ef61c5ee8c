"""Fifty undead machines on a host that comes back, again and again: seconds from contact to the last one's end."""

from tests.bench.figure import Figure, at_most
from tests.bench.story_samples import enough, percentile_at_most
from tests.bench.undead_fleet import undead_fleet

MACHINES, RETURNS = 50, 20


def figures(runs: int) -> list[Figure]:
    """Of so many returns; p99 of twenty is their slowest."""
    samples, routed = list[float](), set[str]()
    with undead_fleet() as fleet:
        for number in range(RETURNS):
            machines = fleet.create(MACHINES)
            fleet.cut_off()
            undead = fleet.returned(machines, fleet.destroyed(machines))
            samples += [undead.gone_seconds] if undead.gone_seconds is not None else []
            routed |= undead.routed
            print(f"return {number + 1} of {RETURNS}: {undead.gone_seconds} s", flush=True)
    return [
        enough(samples, RETURNS),
        percentile_at_most("contact_to_last_gone", samples, 99, 1.0),
        at_most("routed_while_condemned", len(routed), "machines", 0),
    ]
