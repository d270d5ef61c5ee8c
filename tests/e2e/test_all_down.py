"""Both remediators, PostgreSQL and the store are killed and stay away for longer than anybody waits for them."""

import os
from pathlib import Path

import pytest

from tests.e2e.all_down import played
from tests.postgres_lab import programs, running_postgres

pytestmark = pytest.mark.store
# Longer than the lease of the leader (5 s), of agents (10 s) and than any reconnecting; the true half hour is
# `scripts/bench engine_outage --full`.
OUTAGE_SECONDS = 14.0


def test_losing_all_of_the_control_plane_stops_nothing_and_loses_nothing(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("NOT ROOT: MACHINES OF THE AGENTS ARE NOT STARTED")
    found = programs()
    if found is None:
        pytest.skip("NOT TESTED: no PostgreSQL here; install the Debian package postgresql")
    with running_postgres(found) as server:
        seen = played(server, tmp_path, OUTAGE_SECONDS, print)
    assert seen["wrong"] == []
    assert seen["looks"] >= OUTAGE_SECONDS
    # Those that nobody asked about serve on, by the very processes that they began with.
    assert seen["left"] == {name: said for name, said in seen["first"].items() if name != "m1"}
    assert seen["condemned"] == [seen["asked"]]
    assert seen["adopted"] == []
