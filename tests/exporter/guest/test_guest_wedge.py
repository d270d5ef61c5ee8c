"""The wedged host: device mapper lets nothing through, threads in D state; and disks that fail under a filesystem."""

import pytest

from tests.exporter.guest.machine import Guest
from tests.exporter.scraped import Scraped, scrape, scrape_until

pytestmark = pytest.mark.lab

WAIT = 10.0  # seconds that a scrape allows the page: the guest is emulated, and its host may be busy
POINT = {"mountpoint": "/srv/disk.d"}
HUNG_SECONDS = "/proc/sys/kernel/hung_task_timeout_secs"


def mount(guest: Guest, make: str, *options: str) -> None:
    """A filesystem on a device mapper device ``disk``, mounted."""
    guest.run("truncate -s 64M disk; losetup /dev/loop0 disk; mkdir disk.d")
    guest.run('dmsetup create disk --table "0 131072 linear /dev/loop0 0"')
    guest.run(f"{make} /dev/mapper/disk; mount {' '.join(options)} /dev/mapper/disk disk.d")


def blocked(page: Scraped, comm: str) -> float:
    return page.total("fleetmend_blocked_tasks", comm=comm)


def told(page: Scraped, reason: str) -> float:
    return page.value("fleetmend_kernel_log_events_total", reason=reason)


def test_suspended_device_under_a_writer(guest: Guest) -> None:
    mount(guest, "mkfs.ext4 -q")
    guest.run(f"echo 2 >{HUNG_SECONDS}; echo 1 >/proc/sys/kernel/hung_task_check_interval_secs")
    before = scrape(guest.url, WAIT)
    assert blocked(before, "dd") == before.value("fleetmend_dm_suspended", name="disk") == 0
    guest.run("dmsetup suspend disk")
    guest.start("dd if=/dev/zero of=/srv/disk.d/file bs=1M count=4 conv=fsync", "/srv/dd.log")
    page = scrape_until(guest.url, lambda page: blocked(page, "dd") > 0, WAIT)
    assert page.value("fleetmend_dm_suspended", name="disk") == 1
    assert page.value("node_processes_threads_state", thread_state="D") >= 1
    (waiting,) = page.rows("fleetmend_blocked_tasks", comm="dd")
    assert waiting.labels["wchan"] not in {"", "0"}
    # The kernel itself complains of it after a while, and it is still the same wait.
    page = scrape_until(guest.url, lambda page: told(page, "TaskHung") > told(before, "TaskHung"), WAIT)
    assert page.value("fleetmend_blocked_task_oldest_seconds") > 1
    guest.run(f"echo 120 >{HUNG_SECONDS}; dmsetup resume disk")
    healed = scrape_until(guest.url, lambda page: blocked(page, "dd") == 0, WAIT)
    assert healed.value("fleetmend_dm_suspended", name="disk") == 0
    assert "4+0 records out" in guest.run("cat dd.log")


def test_disk_that_fails_under_ext4(guest: Guest) -> None:
    mount(guest, "mkfs.ext4 -q", "-o errors=remount-ro")
    before = scrape(guest.url, WAIT)
    assert before.value("node_filesystem_readonly", **POINT) == 0
    assert before.value("fleetmend_ext4_errors_total", device="dm-0") == 0
    guest.run("dmsetup suspend --noflush --nolockfs disk")
    guest.run('dmsetup load disk --table "0 131072 error"; dmsetup resume disk')
    for attempt in ("dd if=/dev/zero of=disk.d/file bs=1M count=1 conv=fsync", "sync -f disk.d", "touch disk.d/new"):
        assert guest.try_to(f"cd /srv; {attempt}").code != 0
    page = scrape(guest.url, WAIT)
    assert page.value("fleetmend_ext4_errors_total", device="dm-0") > 0
    assert page.value("fleetmend_ext4_last_error_timestamp_seconds", device="dm-0") > 1e9
    # Not every kernel says so in the mount table: this page says what that says.
    words = guest.run("grep /srv/disk.d /proc/1/mounts").split()[3].split(",")
    said = bool({"ro", "emergency_ro"} & set(words))
    assert page.value("node_filesystem_readonly", **POINT) == said
    assert page.value("fleetmend_dm_targets_failed", name="disk", target="error") == 1
    for reason in ("IOError", "FilesystemIsReadOnly", "Ext4Error"):
        assert told(page, reason) > told(before, reason), reason


def test_filesystem_that_was_remounted_readonly(guest: Guest) -> None:
    mount(guest, "mkfs.ext4 -q")
    guest.run("mount -o remount,ro disk.d")
    assert scrape(guest.url, WAIT).value("node_filesystem_readonly", **POINT) == 1


def test_suspended_device_under_a_mount_is_a_stuck_mount(guest: Guest) -> None:
    """The first time it is asked, vfat counts its free clusters on the disk: statvfs itself waits."""
    mount(guest, "/run/busybox mkdosfs", "-t vfat")
    guest.run("dmsetup suspend --nolockfs disk")
    pages = [scrape(guest.url, WAIT) for _ in range(3)]
    for page in pages:
        assert page.value("node_filesystem_device_error", **POINT) == 1
        assert page.rows("node_filesystem_size_bytes", **POINT) == []
        assert page.value("node_filesystem_size_bytes", mountpoint="/srv") > 0
        assert page.value("node_scrape_collector_success", collector="filesystem") == 1
    stuck = [page.value("fleetmend_filesystem_stuck_seconds", **POINT) for page in pages]
    assert stuck[0] < stuck[1] < stuck[2]
    # It is our own thread that waits in the kernel, one and no more.
    assert blocked(pages[-1], "python") == 1
    guest.run("dmsetup resume disk")
    healed = scrape_until(guest.url, lambda page: page.value("node_filesystem_device_error", **POINT) == 0, WAIT)
    assert healed.value("node_filesystem_size_bytes", **POINT) > 0
    assert blocked(healed, "python") == 0
