"""Runs scenarios_front.py for each mode, in a network of its own or without rights."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.lab

ROOT = Path(__file__).parents[3]
PACKAGES = Path(pytest.__file__).parent.parent
SCENARIOS = Path(__file__).with_name("scenarios_front.py")
BRIDGE = (
    "ip link set lo up && ip link add fm0 type bridge && ip address add 10.77.0.1/24 dev fm0"
    ' && ip link set fm0 up && exec "$@"'
)
NAMESPACE = [
    "unshare",
    "--net",
    "--pid",
    "--mount",
    "--fork",
    "--kill-child",
    "--mount-proc",
    "sh",
    "-ec",
    BRIDGE,
    "sh",
]
NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="NEEDS ROOT: network namespaces and loop devices")


def python_of_nobody() -> str:
    """A Python like ours that somebody without rights may start; ours may live in a closed home."""
    for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        started = subprocess.run([*NOBODY, "sh", "-c", f"exec {python} -c pass"], capture_output=True, check=False)
        if started.returncode == 0:
            return python
    pytest.skip("NEEDS A PYTHON that other users may start")


def run_scenarios(prefix: list[str], mode: str, folder: Path, python: str = sys.executable, more: str = "") -> None:
    """The inner run's own report is the message of a failure."""
    command = [*prefix, python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts="]
    environment = {
        **os.environ,
        "FRONT_MODE": mode,
        "PYTHONPATH": f"{ROOT}:{PACKAGES}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [*command, f"--basetemp={folder / 'inner'}", str(SCENARIOS)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@needs_root
def test_namespace_mode(tmp_path: Path) -> None:
    run_scenarios(NAMESPACE, "namespace", tmp_path)


def test_relay_mode_without_any_namespace(tmp_path: Path) -> None:
    run_scenarios([], "relay", tmp_path, more="--pid-namespace off")


def test_relay_mode_without_rights(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        return run_scenarios([], "relay", tmp_path)
    python = python_of_nobody()
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are closed to others
        os.chown(folder, 65534, 65534)
        run_scenarios(NOBODY, "relay", Path(folder), python)
    return None
