"""What is no file at all, may not be read, or is made to cost time and memory: refused, and never waited for."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.remediator.policy.broken_folder import Folder, errors
from tests.remediator.policy.conftest import ALERTS

SECONDS, MEGABYTES = 10, 300


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return Folder(tmp_path_factory.mktemp("broken") / "rules")


@pytest.fixture
def folder(whole: Folder) -> Iterator[Folder]:
    yield whole
    whole.mend()


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def dangling(path: Path) -> None:
    path.symlink_to("nowhere.yml")


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def listening(path: Path) -> None:
    here = os.open(".", os.O_RDONLY)
    # A socket's path is short: it is made from within its folder.
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.fchdir(here)
        os.close(here)


def sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, 50_000_000)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (loop, "Too many levels of symbolic links"),
        (dangling, "No such file or directory"),
        (device, "is a device, not a file"),
        (os.mkfifo, "is a pipe, not a file"),
        (listening, "cannot be read"),
        (Path.mkdir, "is a folder, not a file"),
        (sparse, "is 50 MB and was not read"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_no_file_is_refused_and_never_waited_for(
    folder: Folder, make: Callable[[Path], None], said: str
) -> None:
    path = folder.root / "alerts/liveness.yml"
    path.unlink()
    make(path)
    found = errors(folder.read())
    assert any(said in problem.message for problem in found), found


def test_hidden_files_of_editors_are_left_alone(folder: Folder) -> None:
    lock = folder.root / "alerts/.#liveness.yml"
    lock.symlink_to("someone@somewhere.1234")
    try:
        assert errors(folder.read()) == []
    finally:
        lock.unlink()


def test_a_name_that_is_no_text_can_be_printed(folder: Folder) -> None:
    odd = os.fsencode(folder.root / "alerts") + b"/\xff\x1b[31m\n.yml"
    with open(odd, "wb") as file:  # noqa: PTH123 - a name that is no text
        file.write(b"a: [")
    try:
        found = errors(folder.read())
        assert any(r"\xff\x1b[31m\n.yml" in problem.file for problem in found), found
        assert all(problem.file.isprintable() for problem in found)
    finally:
        os.unlink(odd)  # noqa: PTH108


READ_AS_NOBODY = """
import encodings.utf_8_sig, os, sys
from pathlib import Path
from remediator.actions import ACTIONS
from remediator.policy.load import PolicyReader
readers = [PolicyReader(Path(name), ACTIONS) for name in sys.argv[1:]]
os.setgid(65534); os.setuid(65534)
for reader in readers:
    print("\\n".join(map(str, reader.read().errors)))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="NEEDS ROOT TO BECOME A USER THAT MAY NOT READ")
def test_what_may_not_be_read_is_said() -> None:
    with tempfile.TemporaryDirectory() as home:
        Path(home).chmod(0o755)
        parts, closed = Folder(Path(home) / "rules"), Folder(Path(home) / "closed")
        (parts.root / "tests").mkdir()
        for shut in (parts.root / "limits.yml", parts.root / "alerts", parts.root / "tests", closed.root):
            shut.chmod(0)
        command = [sys.executable, "-c", READ_AS_NOBODY, str(parts.root), str(closed.root)]
        said = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    if "ModuleNotFoundError" in said.stderr or "LookupError" in said.stderr:
        pytest.skip(f"ANOTHER USER CANNOT RUN THIS PYTHON: {said.stderr[-80:]}")
    assert said.returncode == 0, said.stderr
    assert "limits.yml: cannot be read: Permission denied" in said.stdout
    assert "alerts: cannot be read: Permission denied" in said.stdout
    assert "closed: the rules folder is missing, or may not be looked into" in said.stdout


# Each is as large as is read at all, and made to cost time or memory.
HEAVY = {
    "a million keys": "".join(f"k{number}: 1\n" for number in range(700_000)),
    "a key a million times": "k: 1\n" * 1_500_000,
    "a list of numbers": "groups: [" + "1," * 390_000 + "]",
    "an anchor a line": "".join(f"a{number}: &a{number} 1\n" for number in range(300_000)),
    "flows never closed": "{" * 7_900_000,
    "one long word": "groups: " + "x" * 7_900_000,
    "one long number": "groups: " + "1" * 7_900_000,
    "one long tag": "groups: !" + "x" * 7_900_000,
    "documents": "---\na\n" * 1_000_000,
    "wrong rules": "groups:\n- name: g\n  rules:\n" + "  - {alert: A, expr: 'sum('}\n" * 15_000,
    "too many rules": "groups:\n- name: g\n  rules:\n" + "  - {alert: A, expr: 'sum('}\n" * 60_000,
    "unknown fields": "groups:\n- name: g\n  rules:\n" + "  - {alert: A, expr: x, fr: 3s}\n" * 40_000,
    "templates": ALERTS.replace("{{ $labels.host }}", "{{" * 1_000_000),
}
HEAVY_READ = """
import re, sys, time
from pathlib import Path
from remediator.actions import ACTIONS
from remediator.policy.load import PolicyReader
PolicyReader(Path(sys.argv[1]), ACTIONS)
began = time.process_time()
reading = PolicyReader(Path(sys.argv[1]), ACTIONS).read()
# What getrusage tells of the most memory is inherited from whoever started us.
most = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
print(time.process_time() - began, int(most[1]) / 1000, len(reading.errors))
"""


@pytest.mark.slow
@pytest.mark.parametrize("heavy", sorted(HEAVY))
def test_the_heaviest_files_end_soon_and_within_little_memory(tmp_path: Path, heavy: str) -> None:
    folder = Folder(tmp_path / "rules")
    (folder.root / "alerts/liveness.yml").write_text(HEAVY[heavy])
    command = [sys.executable, "-c", HEAVY_READ, str(folder.root)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS * 6, check=True)
    seconds, megabytes, found = (float(word) for word in said.stdout.split())
    assert found >= 1
    assert seconds < SECONDS, said.stdout
    assert megabytes < MEGABYTES + 200, said.stdout
