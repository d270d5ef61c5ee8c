"""A disk that answers with errors, and one that is full."""

import subprocess
from functools import partial

import pytest

from tests.exporter.faults.lab import SickDisk, SickHost
from tests.exporter.scraped import scrape, scrape_until

pytestmark = pytest.mark.lab

WAIT = 3.0


def test_failing_disk_makes_its_filesystem_readonly(sick_host: SickHost, sick_disk: SickDisk) -> None:
    url, point = sick_host.start_exporter(), {"mountpoint": str(sick_disk.mountpoint)}
    before = scrape(url, WAIT)
    assert before.value("node_filesystem_readonly", **point) == 0
    sick_disk.fail(failing=True)
    # Data that was not written is only the program's loss; a journal that was not, the filesystem's.
    for attempt in (partial(sick_disk.write, megabytes=1), sick_disk.commit, partial(sick_disk.write, megabytes=1)):
        with pytest.raises(subprocess.CalledProcessError):
            attempt()
    page = scrape_until(url, lambda page: page.value("node_filesystem_readonly", **point) == 1, WAIT)
    # Its size is still known: this mount does not hang.
    assert page.value("node_filesystem_device_error", **point) == 0
    for reason in ("IOError", "FilesystemIsReadOnly"):
        told = [one.value("fleetmend_kernel_log_events_total", reason=reason) for one in (before, page)]
        assert told[1] > told[0], reason


def test_full_filesystem(sick_host: SickHost, sick_disk: SickDisk) -> None:
    url, point = sick_host.start_exporter(), {"mountpoint": str(sick_disk.mountpoint)}
    before = scrape(url, WAIT)
    assert before.value("node_filesystem_avail_bytes", **point) > 16 << 20
    with pytest.raises(subprocess.CalledProcessError, match="exit status 1") as full:
        sick_disk.write(megabytes=128)
    assert "No space left" in full.value.stderr
    page = scrape(url, WAIT)
    assert page.value("node_filesystem_avail_bytes", **point) == 0
    size = page.value("node_filesystem_size_bytes", **point)
    assert size == before.value("node_filesystem_size_bytes", **point) > 0
    assert page.value("node_filesystem_readonly", **point) == 0


def test_filesystem_without_inodes(sick_host: SickHost, sick_disk: SickDisk) -> None:
    url, point = sick_host.start_exporter(), {"mountpoint": str(sick_disk.mountpoint)}
    script = 'cd "$1" && ! seq 1 100000 | xargs touch 2>/dev/null'
    sick_host.run("sh", "-c", script, "sh", str(sick_disk.mountpoint))
    page = scrape(url, WAIT)
    assert page.value("node_filesystem_files_free", **point) == 0
    assert page.value("node_filesystem_files", **point) > 0
    assert page.value("node_filesystem_avail_bytes", **point) > 0
