"""Unit tests of alerting rules, run by promtool itself."""

import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from remediator.simulate.report import Ended, Outcome

FOLDER = Path("tests") / "alerts"
TIMEOUT = 120
AT_ONCE = 4
SUITE = "alerts"
_FAILURE = re.compile(r"^\s*FAILED:\s*$", re.MULTILINE)


def unit_tests(folder: Path) -> list[Path]:
    """The files of unit tests in a rules folder."""
    return sorted((folder / FOLDER).glob("*.y*ml"))


def run_files(files: list[Path], path: str | None = None) -> list[Ended]:
    """One result a file; all of them skipped when there is no promtool in ``path`` (the environment's PATH)."""
    found = shutil.which("promtool", path=path)
    if found is None:
        missing = "PROMTOOL IS MISSING: the unit tests of this file were not run (it comes with Prometheus)"
        return [Ended(SUITE, path.stem, Outcome.SKIPPED, missing, str(path)) for path in files]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(lambda path: _run(found, path), files))


def _run(program: str, path: Path) -> Ended:
    arguments = [program, "test", "rules", str(path)]
    try:
        done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=TIMEOUT)
    except (OSError, subprocess.TimeoutExpired) as error:
        why = f"{program} could not be run: {type(error).__name__}"
        return Ended(SUITE, path.stem, Outcome.FAILED, why, str(path))
    if done.returncode == 0:
        return Ended(SUITE, path.stem, Outcome.PASSED, "", str(path))
    return Ended(SUITE, path.stem, Outcome.FAILED, _told(done.stdout + done.stderr), str(path))


def _told(said: str) -> str:
    """promtool's own words from where it says what failed."""
    start = _FAILURE.search(said)
    return (said[start.end() :] if start else said).strip("\n")
