"""Both remediators, PostgreSQL and the store killed and away: machines that stopped, and what was left undone after.

Two hosts with a machine that an owner destroys while its agent is away, three that serve, each looked at ten times a
second; in the middle an agent crashes as well. A minute of it, with ``--full`` the whole half hour. Played once,
whatever ``--runs`` says. A count of 0 of n looks bounds the share of looks at which one would have failed by 3/n.
"""

import tempfile
from pathlib import Path

from tests.bench.figure import Figure, at_most
from tests.e2e.all_down import played
from tests.postgres_lab import programs, running_postgres

SECONDS, FULL_SECONDS = 60.0, 1800.0


def figures(runs: int, *, full: bool = False) -> list[Figure]:
    found = programs()
    if found is None:
        print("NOT MEASURED: no PostgreSQL here; install the Debian package postgresql")
        return [at_most("failed_looks", None, "looks", 0)]
    seconds = FULL_SECONDS if full else SECONDS
    with running_postgres(found) as server, tempfile.TemporaryDirectory(prefix="fleetmend-outage-") as folder:
        seen = played(server, Path(folder), seconds, lambda text: print(text, flush=True))
    looks = seen["looks"] * len(seen["first"])
    print(f"{looks} looks; at 0 failed, fewer than {3 / looks:.2g} of them would (95 %)")
    stopped = sum(seen["left"][name] != said for name, said in seen["first"].items() if name != "m1")
    return [
        at_most("failed_looks", len(seen["wrong"]), "looks", 0),
        at_most("stopped_or_restarted", stopped, "machines", 0),
        at_most("condemned_unasked", len(set(seen["condemned"]) - {seen["asked"]}), "machines", 0),
        at_most("adopted", len(seen["adopted"]), "machines", 0),
        at_most("back_to_well", round(seen["back"], 1), "s", 60),
    ]
