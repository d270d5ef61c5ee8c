"""Both real stores, started as the demo starts them, find their targets and scrape them."""

import time
from pathlib import Path

import pytest

from remediator.store_binary import JOBS, StoreKind
from tests.store_lab import has_store, query, running_store, serving, targets

pytestmark = pytest.mark.store

# Measured: 6 to 10 s until VictoriaMetrics shows a series that is new; the rest is for a busy machine.
DEADLINE_SECONDS = 30.0


def answer(path: str, own_address: str) -> str:
    if path == "/sd/host":
        # A dead host stays listed: port 1 answers nobody.
        living, dead = {"host": "h1", "region": "arn"}, {"host": "h2", "region": "arn"}
        return targets((own_address, living), ("127.0.0.1:1", dead))
    return "[]" if path.startswith("/sd/") else "fleetmend_heartbeat_timestamp_seconds 1\n"


@pytest.mark.parametrize("kind", ["victoriametrics", "prometheus"])
def test_up_is_seen_for_the_living_and_for_the_dead(kind: StoreKind, tmp_path: Path) -> None:
    if not has_store(kind, tmp_path / "cache"):
        pytest.skip(f"no {kind} here and no way to get one")
    with serving(answer) as site, running_store(kind, tmp_path, site) as store:
        seen: dict[str, str] = {}
        started = time.perf_counter()
        while seen != {"h1": "1", "h2": "0"} and time.perf_counter() - started < DEADLINE_SECONDS:
            time.sleep(0.25)
            seen = {row["metric"]["host"]: row["value"][1] for row in query(store, 'up{job="host", region="arn"}')}
        assert seen == {"h1": "1", "h2": "0"}, (tmp_path / "store.log").read_text(encoding="utf-8")[-2000:]
        assert len(query(store, "fleetmend_heartbeat_timestamp_seconds")) == 1
        assert {row["metric"]["job"] for row in query(store, "up")} <= set(JOBS)
