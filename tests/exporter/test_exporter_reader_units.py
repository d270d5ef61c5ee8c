"""What runs as root: the systemd units of the documentation, checked by systemd itself, and nobody else's code."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "running-the-exporters.md"
UNIT = re.compile(r"`/etc/systemd/system/(\S+)`:\n\n```ini\n(.*?)```", re.DOTALL)


def units() -> dict[str, str]:
    return dict(UNIT.findall(PAGE.read_text()))


@pytest.mark.parametrize("name", ["fleetmend-reader.service", "fleetmend-exporter.service"])
def test_systemd_takes_the_unit(tmp_path: Path, name: str) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("SYSTEMD-ANALYZE IS MISSING: the units are not checked")
    # The program need not be installed here; its name and flags are checked below.
    text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", units()[name], flags=re.MULTILINE)
    (tmp_path / name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(tmp_path / name)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    about_us = [line for line in (done.stdout + done.stderr).splitlines() if name in line]
    assert (done.returncode, about_us) == (0, [])


def test_the_units_start_what_there_is() -> None:
    scripts = (ROOT / "pyproject.toml").read_text()
    for unit in units().values():
        (program,) = re.findall(r"^ExecStart=/opt/fleetmend/bin/(\S+)", unit, re.MULTILINE)
        assert f"\n{program} = " in scripts


def test_the_exporter_is_given_no_privilege() -> None:
    unit = units()["fleetmend-exporter.service"]
    assert "\nUser=fleetmend-exporter\n" in unit
    assert "\nCapabilityBoundingSet=\n" in unit


FOREIGN = """
import sys
import exporter.reader.cli, exporter.kmsg
files = {name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items()}
print(*sorted(name for name, file in files.items() if "site-packages" in file and name != "_distutils_hack"))
"""


def test_the_reader_is_made_of_the_standard_library_alone() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FOREIGN], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.strip() == ""
