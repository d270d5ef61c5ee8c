"""Replay against a real story: what the journal decided while hosts died comes out again from store and journal."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from remediator.sources.history import SETTLED
from remediator.store_binary import find_store
from tests.conftest import started
from tests.e2e.demo_run import REPOSITORY, played
from tests.store_lab import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.live]
STEPS = ("power", "returns", "full", "burst")


def test_at_least_99_per_cent_of_a_storys_decisions_are_reproduced(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    code, _, told = played(
        tmp_path / "report.json", "--keep", str(kept), *(word for step in STEPS for word in ("--only", step))
    )
    assert code == 0, told
    # What is newer VictoriaMetrics does not tell in a range.
    time.sleep(SETTLED.total_seconds())
    store = find_store(None, "victoriametrics", REPOSITORY / ".cache")
    port = free_port()
    command = [str(store), f"-storageDataPath={kept / 'store'}", f"-httpListenAddr=127.0.0.1:{port}"]
    url = f"http://127.0.0.1:{port}"
    with started([*command, "-retentionPeriod=1"], f"{url}/health", tmp_path / "store.log"):
        code, document = replayed(kept / "remediator", url, "--from", "-1h")
        assert [each for each in document["rules"] if each["error"]] == []
        told_in_json = json.dumps(document["reproduction"], indent=1)
        assert document["reproduction"]["total"] >= 20, told_in_json
        assert document["reproduction"]["share"] >= 0.99, told_in_json
        assert code == 0
        assert document["sources"] == {"fleet": "journal", "evidence": "journal", "gate": "journal"}
        assert {"h1", "h2", "h4", "iad"} <= {each["target"] for each in document["decisions"]}
        # From the store alone the same hosts are seen to die; what ran on them is not known.
        _, alone = replayed(kept / "remediator", url, "--from", "-1h", "--no-journal")
        marked = {each["target"] for each in alone["decisions"] if each["action"] == "mark_host_dead"}
        assert marked == {"h1", "h2"}
        assert alone["reproduction"] is None


def replayed(folder: Path, url: str, *flags: str) -> tuple[int, dict[str, Any]]:
    """The command as a user starts it, its JSON on standard output."""
    command = [sys.executable, "-m", "remediator.cli", "replay", "--store", url, "--json", "-", *flags]
    done = subprocess.run(
        [*command, "--config", str(folder / "fleetmend.yml")],
        capture_output=True, text=True, timeout=120, cwd=REPOSITORY, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, json.loads(done.stdout)
