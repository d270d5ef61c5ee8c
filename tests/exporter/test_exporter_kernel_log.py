"""The kernel's log: real lines by reason, none counted twice, none lost unseen; and the real one, as root."""

import errno
import json
import os
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.collectors.kmsg import KernelLogEvents, build_log_families, parse_counts
from exporter.errors import NoData
from exporter.kit import Answer, ask_nobody
from exporter.kmsg import OVERWRITTEN, REASONS, KernelLog, find_reason, parse_records
from exporter.places import Places

DEVICE = Path("/dev/kmsg")
NOBODY = 65534

# Lines as kernels of several ages write them.
LINES = [
    ("TaskHung", "INFO: task lvs:4711 blocked for more than 122 seconds."),
    ("TaskHung", "INFO: task kworker/u8:3+flush-254:0:99 blocked for more than 120 seconds."),
    ("TaskHung", "INFO: task jbd2/dm-3-8:812 blocked in I/O wait for more than 120 seconds."),
    ("SoftLockup", "watchdog: BUG: soft lockup - CPU#3 stuck for 22s! [qemu:77]"),
    ("HardLockup", "NMI watchdog: Watchdog detected hard LOCKUP on cpu 5"),
    ("RCUStall", "rcu: INFO: rcu_preempt self-detected stall on CPU"),
    ("RCUStall", "rcu: INFO: rcu_sched detected stalls on CPUs/tasks:"),
    (
        "OOMKilling",
        "Out of memory: Killed process 812 (vmselect) total-vm:16777216kB, anon-rss:15728640kB, file-rss:0kB",
    ),
    ("OOMKilling", "Memory cgroup out of memory: Killed process 9 (a b) total-vm:1kB, anon-rss:1kB, file-rss:0kB"),
    ("KernelOops", "Oops: 0002 [#1] SMP PTI"),
    ("KernelOops", "invalid opcode: 0000 [#2] PREEMPT SMP"),
    ("KernelOops", "Internal error: Oops: 96000004 [#1] SMP"),
    ("UnregisterNetDevice", "unregister_netdevice: waiting for eth0.5 to become free. Usage count = 1"),
    ("Ext4Error", "EXT4-fs error (device sda1): ext4_find_entry:1455: inode #2: comm ls: reading directory lblock 0"),
    ("Ext4Warning", "EXT4-fs warning (device sda1): ext4_end_bio:343: I/O error 10 writing to inode 3"),
    ("XfsHasShutdown", "XFS (dm-3): Log I/O Error Detected. Shutting down filesystem"),
    ("XfsHasShutdown", "XFS (dm-3): Filesystem has been shut down due to log error (0x2)."),
    ("FilesystemIsReadOnly", "EXT4-fs (sda1): Remounting filesystem read-only"),
    ("FilesystemIsReadOnly", "BTRFS info (device loop0): forced readonly"),
    ("FilesystemError", "BTRFS error (device loop0: state A): Transaction aborted (error -5)"),
    ("FilesystemError", "XFS (sdb1): Metadata corruption detected at xfs_agf_read_verify+0x70/0x120 [xfs]"),
    ("FilesystemError", "Aborting journal on device dm-3-8."),
    ("RaidDiskFailure", "md/raid10:md2: Disk failure on sdc1, disabling device."),
    ("ThinPoolExhausted", "device-mapper: thin: 253:4: switching pool to out-of-data-space (queue IO) mode"),
    ("ThinPoolExhausted", "device-mapper: thin: 253:4: no free metadata space available."),
    ("DiskReset", "nvme nvme0: I/O 12 QID 3 timeout, aborting"),
    ("DiskReset", "ata1.00: exception Emask 0x0 SAct 0x0 SErr 0x0 action 0x6 frozen"),
    ("IOError", "blk_update_request: I/O error, dev sda, sector 1234 op 0x0:(READ) flags 0x0 phys_seg 1"),
    ("IOError", "critical medium error, dev sdb, sector 99 op 0x0:(READ)"),
    ("IOError", "Buffer I/O error on dev loop0, logical block 2, async page read"),
    ("UncorrectedMemoryError", "EDAC MC0: 1 UE memory read error on CPU_SrcID#0_MC#0_Chan#1_DIMM#0"),
    ("MemoryReadError", "EDAC MC1: 1 CE memory read error on CPU_SrcID#1_MC#0_Chan#1_DIMM#0"),
    ("MachineCheck", "mce: [Hardware Error]: Machine check events logged"),
    ("MachineCheck", "mce: [Hardware Error]: CPU 2: Machine Check Exception: 5 Bank 3: be00000000800400"),
    (
        "TemperatureAboveThreshold",
        "CPU3: Package temperature is above threshold, cpu clock is throttled (total events = 9)",
    ),
    ("TemperatureAboveThreshold", "CPU0: Core temperature above threshold, cpu clock throttled (total events = 1)"),
]
QUIET = [
    "EXT4-fs (sda1): mounted filesystem with ordered data mode",
    "EDAC MC: Ver: 3.0.0",
    "mce: CPU0: Core temperature/speed normal",
    "md/raid1:md0: active with 2 out of 2 mirrors",
    "INFO: task lvs:4711 is fine",
    "      Not tainted 6.1.0 #1",
    "",
]


@pytest.mark.parametrize(("reason", "line"), LINES)
def test_reasons_of_real_lines(reason: str, line: str) -> None:
    assert find_reason(line) == reason


@pytest.mark.parametrize("line", QUIET)
def test_lines_that_tell_of_no_trouble(line: str) -> None:
    assert find_reason(line) is None


def test_every_reason_has_a_line() -> None:
    assert {reason for reason, _ in LINES} | {OVERWRITTEN} == set(REASONS)


def test_records_that_are_none_are_passed_over() -> None:
    text = " SUBSYSTEM=block\n\nno record\n6,x,1,-;bad\n6,7;short\n6,8,1,-;a;b\n4,9,2,c,caller=T1;\n"
    assert list(parse_records(text)) == [(8, "a;b"), (9, "")]


def some(log: KernelLog) -> dict[str, int]:
    return {reason: count for reason, count in log.counts().items() if count}


def test_counts_begin_with_the_log_and_nothing_counts_twice(fixture_places: Places, tmp_path: Path) -> None:
    path = Path(shutil.copy(fixture_places.kmsg, tmp_path))
    log = KernelLog(path)
    first = some(log)
    assert first == {
        "Ext4Error": 1, "FilesystemIsReadOnly": 1, "IOError": 2, "TaskHung": 1, "OOMKilling": 1,
        "TemperatureAboveThreshold": 1, OVERWRITTEN: 3,
    }  # fmt: skip
    assert some(log) == first
    with path.open("a") as file:
        # A record that was counted already, and one that is new.
        file.write("3,345,6200000,-;INFO: task lvs:4711 blocked for more than 122 seconds.\n")
        file.write("3,352,6500000,-;INFO: task lvs:4711 blocked for more than 245 seconds.\n")
    assert some(log) == first | {"TaskHung": 2}
    assert set(log.counts()) == set(REASONS)
    log.close()


class Ring:
    """Hands out records as the device does, one a read; None is a read that finds its place overwritten."""

    def __init__(self, *records: str | None) -> None:
        self._records = list(records)

    def read(self, _file: int, _size: int) -> bytes:
        if not self._records:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        record = self._records.pop(0)
        if record is None:
            raise OSError(errno.EPIPE, "Broken pipe")
        return record.encode()


def test_what_was_overwritten_is_counted_as_lost(tmp_path: Path) -> None:
    (tmp_path / "kmsg").touch()
    ring = Ring("6,10,1,-;a\n", None, "3,15,2,-;Buffer I/O error on dev sda\n", "6,16,3,-;b\n")
    log = KernelLog(tmp_path / "kmsg", ring.read)
    assert some(log) == {"IOError": 1, OVERWRITTEN: 4}
    log.close()


def test_another_error_is_told(tmp_path: Path) -> None:
    def broken(_file: int, _size: int) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    (tmp_path / "kmsg").touch()
    log = KernelLog(tmp_path / "kmsg", broken)
    with pytest.raises(OSError, match="Input/output"):
        log.counts()
    log.close()


@pytest.fixture
def nobody() -> Iterator[None]:
    """Whatever opens a file meanwhile has no rights."""
    if os.geteuid() != 0:
        pytest.skip("ROOT IS NEEDED to become nobody: the privileged reader's part is not shown")
    os.seteuid(NOBODY)
    yield
    os.seteuid(0)


@pytest.fixture
def roots_log(tmp_path_factory: pytest.TempPathFactory, fixture_places: Places) -> Path:
    path = Path(shutil.copy(fixture_places.kmsg, tmp_path_factory.mktemp("log")))
    path.chmod(stat.S_IRUSR)
    return path


def rows(events: KernelLogEvents) -> dict[str, float]:
    (family,) = events.read()
    return {sample.labels["reason"]: sample.value for sample in family.samples}


def test_who_may_not_open_it_asks_the_reader(roots_log: Path, nobody: None) -> None:
    asked = []

    def ask(source: str) -> Answer:
        asked.append(source)
        return Answer(json.dumps({"OOMKilling": 3, "Novel": 1}), 1.0, 0.1)

    counts = rows(KernelLogEvents(roots_log, ask))
    assert asked == ["kmsg"]
    assert (counts["OOMKilling"], counts["Novel"], counts["TaskHung"]) == (3, 1, 0)
    with pytest.raises(NoData):
        KernelLogEvents(roots_log, ask_nobody).read()


def test_no_log_at_all(tmp_path: Path) -> None:
    with pytest.raises(NoData):
        KernelLogEvents(tmp_path / "none", ask_nobody).read()


@pytest.mark.parametrize("output", ["", "[]", '{"OOMKilling": "many"}'])
def test_odd_answers_of_the_reader(output: str) -> None:
    with pytest.raises(ValueError, match=r"Expecting|object|invalid"):
        parse_counts(output)


def test_all_reasons_are_there_from_the_start() -> None:
    (family,) = build_log_families({})
    assert {sample.labels["reason"]: sample.value for sample in family.samples} == dict.fromkeys(REASONS, 0)


@pytest.mark.lab
def test_a_line_in_the_real_log_is_counted_once() -> None:
    try:
        with DEVICE.open("wb", buffering=0) as file:
            log = KernelLog(DEVICE)
            before = log.counts()
            file.write(b"<3>EXT4-fs error (device fleetmend-test): written by a test\n")
    except OSError as error:
        pytest.skip(f"THE KERNEL'S LOG MAY NOT BE WRITTEN: {error}")
    deadline = time.perf_counter() + 5
    while time.perf_counter() < deadline and log.counts()["Ext4Error"] == before["Ext4Error"]:
        time.sleep(0.05)
    # Other tests may break real filesystems meanwhile: ours is one of those since.
    assert log.counts()["Ext4Error"] >= before["Ext4Error"] + 1
    again = KernelLog(DEVICE)
    assert again.counts()["Ext4Error"] >= before["Ext4Error"] + 1 - log.counts()[OVERWRITTEN]
    log.close()
    again.close()
