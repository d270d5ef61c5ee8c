"""A thousand destroys for a host that is dead, each on the disk before its answer; then it comes back.

The machines are processes that sleep: what is measured is ours. Played once, whatever ``--runs`` says.
"""

from tests.bench.figure import Figure, at_most
from tests.bench.undead_fleet import undead_fleet

MACHINES = 1_000
A_SECOND, GONE_SECONDS = 500.0, 5.0


def figures(runs: int) -> list[Figure]:
    with undead_fleet() as fleet:
        machines = fleet.create(MACHINES)
        fleet.cut_off()
        undead = fleet.returned(machines, fleet.destroyed(machines))
    pace = MACHINES / undead.asked_seconds
    return [
        Figure("destroys_accepted_a_second", pace, "1/s", f">= {A_SECOND:g}", pace >= A_SECOND),
        at_most("contact_to_last_absent", undead.gone_seconds, "s", GONE_SECONDS),
        at_most("routed_while_condemned", len(undead.routed), "machines", 0),
    ]
