"""Runs of pytest side by side: together in time, apart in what they print, ended by one Ctrl-C."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
# Each waits for a sign that the other gives.
MEETS = """
import time
from pathlib import Path

def test_meets():
    Path("{mine}").touch()
    for _ in range(300):
        if Path("{other}").exists():
            return
        time.sleep(0.1)
    raise AssertionError("alone")
"""
STAYS = """
import time
from pathlib import Path
import pytest

@pytest.fixture
def house():
    Path("{mine}").touch()
    yield
    Path("{mine}").unlink()

def test_stays(house):
    time.sleep(60)
"""


def begin(folder: Path, *runs: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "scripts.side_by_side", *(f"--rootdir={folder} {folder}/{run}" for run in runs)]
    # Plugins take longer to load than all the rest.
    bare = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=bare)


def written(folder: Path, text: str) -> list[str]:
    names = ["one", "other"]
    for mine, other in (names, names[::-1]):
        file = folder / f"test_{mine}_run.py"
        file.write_text(text.format(mine=folder / mine, other=folder / other))
    return [f"test_{name}_run.py" for name in names]


def test_they_run_at_the_same_time_and_speak_one_after_the_other(tmp_path: Path) -> None:
    with begin(tmp_path, *written(tmp_path, MEETS)) as both:
        said, _ = both.communicate(timeout=60)
    assert both.returncode == 0, said
    first, mark, second = said.partition("== pytest")
    assert mark
    assert ("test_one_run.py" in first, "test_other_run.py" in first) == (True, False)
    assert said.count("1 passed") == 2
    assert "1 passed" in second.splitlines()[-1]


@pytest.mark.parametrize("bad", [0, 1])
def test_one_that_fails_fails_all_and_the_other_is_heard(tmp_path: Path, bad: int) -> None:
    for number in (0, 1):
        (tmp_path / f"test_{number}_run.py").write_text(f"def test_it():\n    assert {number} != {bad}\n")
    with begin(tmp_path, "test_0_run.py", "test_1_run.py") as both:
        said, _ = both.communicate(timeout=60)
    assert both.returncode == 1, said
    assert ("1 passed" in said, "1 failed" in said) == (True, True)


def test_ctrl_c_ends_both_and_each_takes_down_what_it_set_up(tmp_path: Path) -> None:
    runs = written(tmp_path, STAYS)
    with begin(tmp_path, *runs) as both:
        for _ in range(300):
            if (tmp_path / "one").exists() and (tmp_path / "other").exists():
                break
            time.sleep(0.1)
        both.send_signal(signal.SIGINT)
        said, _ = both.communicate(timeout=60)
    assert both.returncode == 130, said
    assert said.count("KeyboardInterrupt") >= 2
    assert not (tmp_path / "one").exists()
    assert not (tmp_path / "other").exists()
