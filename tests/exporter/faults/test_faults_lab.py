"""The lab itself: whatever a test leaves behind, nothing of it outlives the host."""

from pathlib import Path

import pytest

from tests.exporter.faults.lab import SickDisk, SickHost, running_host

pytestmark = pytest.mark.lab


@pytest.mark.usefixtures("sick_host")
def test_nothing_outlives_a_host_that_hangs(tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    with running_host(folder) as host:
        disk = SickDisk(host)
        disk.write(megabytes=8)
        disk.hang(hanging=True)
        disk.start_reader()
        host.signal("STOP", disk.serve_pid)
        assert backing_file(disk).startswith(str(folder))
        assert processes_in(host)
    assert processes_in(host) == []
    assert not backing_file(disk).startswith(str(folder))
    assert str(folder) not in Path("/proc/self/mounts").read_text()


def backing_file(disk: SickDisk) -> str:
    """Of the loop device; empty if it has none."""
    path = Path("/sys/block", disk.device.removeprefix("/dev/"), "loop/backing_file")
    return path.read_text() if path.exists() else ""


def processes_in(host: SickHost) -> list[str]:
    """Commands that name a file of the host."""
    commands = [read_command(path) for path in Path("/proc").glob("[0-9]*/cmdline")]
    return [command for command in commands if str(host.folder) in command]


def read_command(path: Path) -> str:
    """Empty if it has ended meanwhile."""
    try:
        return path.read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
