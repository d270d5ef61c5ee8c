"""Runs scenarios_fenced.py in a network of its own: an orchestrator cuts the link of a real host."""

import subprocess
import sys
from pathlib import Path

import pytest

from scripts.story.outer import in_namespaces, may_unshare

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]


def test_a_host_is_cut_off_its_volume_restored_and_it_is_let_go_when_it_is_back(tmp_path: Path) -> None:
    if not may_unshare():
        pytest.skip("NOT ROOT: NO LINK IS CUT BY AN ORCHESTRATOR")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts="]
    scenarios = str(Path(__file__).with_name("scenarios_fenced.py"))
    done = subprocess.run(
        in_namespaces([*command, f"--basetemp={tmp_path / 'inner'}", scenarios]),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
