"""A disk that takes requests and never answers, and a filesystem in a program that was stopped."""

import pytest

from tests.exporter.faults.lab import SickDisk, SickHost
from tests.exporter.scraped import Scraped, scrape, scrape_until

pytestmark = pytest.mark.lab

WAIT = 3.0  # seconds that a scrape allows the page
MOUNT_TIMEOUT = ("--collector.filesystem.mount-timeout", "0.5")


def blocked_readers(page: Scraped) -> float:
    return page.total("fleetmend_blocked_tasks", comm="dd")


def test_reader_of_a_hung_disk_is_seen_and_recovers(sick_host: SickHost, sick_disk: SickDisk) -> None:
    url = sick_host.start_exporter(*MOUNT_TIMEOUT)
    healthy = scrape(url, WAIT)
    assert blocked_readers(healthy) == healthy.total("node_processes_threads_state", thread_state="D") == 0
    sick_disk.hang(hanging=True)
    sick_disk.start_reader()
    # Sources are read one after the other: a task may begin to wait between two of them.
    scrape_until(url, lambda page: blocked_readers(page) > 0, WAIT)
    page = scrape(url, WAIT)
    assert page.value("node_processes_threads_state", thread_state="D") == 1
    assert page.value("node_processes_state", state="D") == 1
    assert page.value("node_procs_blocked") >= 1
    (waiting,) = page.rows("fleetmend_blocked_tasks", comm="dd")
    assert waiting.labels["wchan"] not in {"", "0"}
    # It waits for one and the same block, so its age grows from scrape to scrape.
    ages = [scrape(url, WAIT).value("fleetmend_blocked_task_oldest_seconds") for _ in range(3)]
    assert ages[0] < ages[1] < ages[2]
    # The size of a filesystem is in memory: the mount that hangs only its readers is not called stuck.
    assert page.value("node_filesystem_device_error", mountpoint=str(sick_disk.mountpoint)) == 0
    sick_disk.hang(hanging=False)
    scrape_until(url, lambda page: blocked_readers(page) == 0, WAIT)
    scrape_until(url, lambda page: page.total("node_processes_threads_state", thread_state="D") == 0, WAIT)


def test_requests_without_completions_are_a_stalled_disk(sick_host: SickHost, sick_disk: SickDisk) -> None:
    device = sick_disk.device.removeprefix("/dev/")
    url = sick_host.start_exporter()
    assert scrape(url, WAIT).value("fleetmend_disk_stalled_seconds", device=device) == 0
    sick_disk.hang(hanging=True)
    sick_disk.start_reader()
    page = scrape_until(url, lambda page: page.value("fleetmend_disk_stalled_seconds", device=device) > 1, WAIT)
    assert page.value("node_disk_io_now", device=device) >= 1
    sick_disk.hang(hanging=False)
    scrape_until(url, lambda page: page.value("fleetmend_disk_stalled_seconds", device=device) == 0, WAIT)


def test_stopped_fuse_filesystem_is_a_stuck_mount(sick_host: SickHost, sick_disk: SickDisk) -> None:
    url = sick_host.start_exporter(*MOUNT_TIMEOUT)
    point, others = str(sick_disk.fuse), {"mountpoint": str(sick_disk.mountpoint)}
    assert scrape(url, WAIT).value("node_filesystem_device_error", mountpoint=point) == 0
    sick_host.signal("STOP", sick_disk.serve_pid)
    pages = [scrape(url, WAIT) for _ in range(4)]
    for page in pages:
        assert page.value("node_filesystem_device_error", mountpoint=point) == 1
        assert page.rows("node_filesystem_size_bytes", mountpoint=point) == []
        assert page.value("node_filesystem_device_error", **others) == 0
        assert page.value("node_filesystem_size_bytes", **others) > 0
        assert page.value("node_scrape_collector_success", collector="filesystem") == 1
    stuck = [page.value("fleetmend_filesystem_stuck_seconds", mountpoint=point) for page in pages]
    assert stuck == sorted(stuck)
    assert stuck[-1] > stuck[0] >= 0
    # Only the first scrape waits for it; the others know.
    assert max(page.seconds for page in pages[1:]) < 0.5 <= pages[0].seconds
    sick_host.signal("CONT", sick_disk.serve_pid)
    healed = scrape_until(url, lambda page: page.total("node_filesystem_device_error") == 0, WAIT)
    assert healed.value("node_filesystem_size_bytes", mountpoint=point) >= 0


def test_page_is_in_time_whatever_it_is_allowed(sick_host: SickHost, sick_disk: SickDisk) -> None:
    """A scrape that allows less than a mount may take loses the filesystems once, and nothing else ever."""
    url = sick_host.start_exporter()
    sick_host.signal("STOP", sick_disk.serve_pid)
    first = scrape(url, 1.0)
    assert first.value("node_scrape_collector_success", collector="stat") == 1
    later = scrape_until(url, lambda page: page.total("node_filesystem_device_error") == 1, 1.0)
    assert later.value("node_filesystem_device_error", mountpoint=str(sick_disk.mountpoint)) == 0
