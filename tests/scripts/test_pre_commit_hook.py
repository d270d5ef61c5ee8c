"""The hook for pre-commit: it can be read, picks the right files, and its entry runs on them."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
RULES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "rules").rglob("*.yml"))


def picked(hook: dict[str, Any]) -> list[str]:
    return [name for name in RULES if re.search(hook["files"], name) and not re.search(hook["exclude"], name)]


@pytest.fixture
def hook() -> dict[str, Any]:
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert [one["id"] for one in hooks] == ["fleetmend-check"]
    found: dict[str, Any] = hooks[0]
    return found


def test_it_has_what_pre_commit_asks_for(hook: dict[str, Any]) -> None:
    assert {"id", "name", "entry", "language"} <= hook.keys()
    assert hook["language"] == "python"


def test_it_picks_the_files_of_the_policy_and_not_its_tests(hook: dict[str, Any]) -> None:
    files = picked(hook)
    assert {"rules/limits.yml", "rules/playbooks/host_dead.yml", "rules/alerts/host_liveness.yml"} <= set(files)
    assert not any("tests" in name for name in files)
    assert not re.search(hook["files"], "docs/alerts.yml")


def test_its_entry_runs_on_what_it_picks(hook: dict[str, Any], tmp_path: Path) -> None:
    shutil.copytree(ROOT / "rules", tmp_path / "rules")
    program, *arguments = shlex.split(hook["entry"])
    command = [str(Path(sys.executable).parent / program), *arguments, *picked(hook)]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode in (0, 1), ended.stdout + ended.stderr
    playbook = tmp_path / "rules/playbooks/host_dead.yml"
    playbook.write_text(playbook.read_text() + "mod: auto\n")
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert "mod: unknown field (did you mean 'mode'?)" in ended.stdout
