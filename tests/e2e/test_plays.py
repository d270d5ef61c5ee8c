"""The scenario corpus on real processes: the same files, and what comes of them beside what they tell."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from scripts.story.outer import may_unshare
from tests.e2e.demo_run import REPOSITORY, processes_naming

pytestmark = pytest.mark.e2e
AT_LEAST = 10
LONGEST = 900.0


def test_at_least_ten_stories_go_on_real_processes_as_they_tell(tmp_path: Path) -> None:
    if not may_unshare():
        pytest.skip("NOT ROOT: STORIES ARE NOT PLAYED ON REAL PROCESSES")
    report, kept = tmp_path / "plays.json", tmp_path / "kept"
    command = [str(REPOSITORY / "scripts" / "play-stories"), "--json", str(report), "--keep", str(kept)]
    # Other tests run beside it.
    command += ["--side-by-side", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, check=False)
    told: dict[str, Any] = json.loads(report.read_text())
    assert {each["story"]: each["trouble"] for each in told["stories"] if each["trouble"]} == {}, done.stdout
    assert done.returncode == 0
    assert len(told["stories"]) >= AT_LEAST
    assert sum(each["wrong_kills"] for each in told["stories"]) == 0
    # A player that sees nothing would find nothing wrong.
    assert sum(each["events"] for each in told["stories"]) > 5 * AT_LEAST
    assert processes_naming(str(kept)) == []
