"""The kernel's log, counted by what it tells of; standard library only, for the privileged reader uses it too.

Reasons are those of node-problem-detector's kernel monitor where it has the same.
"""

import errno
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

RECORD_BYTES = 65536  # /dev/kmsg hands out one record a read, and refuses a smaller buffer than it needs
MOST_RECORDS = 100_000  # a read ends, however fast the kernel talks
OVERWRITTEN = "LogOverwritten"

# Reason and pattern, in the order of trial: a line counts once.
PATTERNS = (
    ("TaskHung", r"task \S.*:\d+ blocked .*for more than \d+ seconds"),
    ("SoftLockup", r"soft lockup - CPU#\d+ stuck"),
    ("HardLockup", r"hard LOCKUP on cpu"),
    ("RCUStall", r"rcu.* (?:self-)?detected stalls? on CPU|rcu_\w+ detected stalls"),
    ("OOMKilling", r"Killed process \d+ .*total-vm:"),
    # Every oops has its number in brackets once, whatever began it.
    ("KernelOops", r": [0-9a-f]{4,16} \[#\d+\]"),
    ("UnregisterNetDevice", r"unregister_netdevice: waiting for \S+ to become free"),
    ("Ext4Error", r"EXT4-fs (?:error|\(.*\): (?:error|shut down))"),
    ("Ext4Warning", r"EXT4-fs warning"),
    ("XfsHasShutdown", r"XFS .*(?:Shutting down filesystem|has been shut down)"),
    ("FilesystemIsReadOnly", r"Remounting filesystem read-only|BTRFS.*forced readonly"),
    (
        "FilesystemError",
        r"BTRFS:? (?:error|critical)|XFS .*(?:[Cc]orruption|CRC error|Internal error)|F2FS-fs .*(?:error|[Cc]orrupt)"
        r"|JBD2: .*(?:aborted|Error -?\d+ detected)|Aborting journal on device",
    ),
    ("RaidDiskFailure", r"md/raid\S* ?Disk failure on"),
    (
        "ThinPoolExhausted",
        r"device-mapper: thin: .*(?:no free (?:data|metadata) space"
        r"|switching pool to (?:read-only|out-of-(?:meta)?data-space|fail))",
    ),
    (
        "DiskReset",
        r"nvme\d+: (?:I/O .*timeout|controller is down)|ata\d[\d.]*: (?:exception Emask|hard resetting link)"
        r"|rejecting I/O to (?:offline|dead) device|device offlined",
    ),
    ("IOError", r"I/O error|critical (?:medium|target|nexus|space allocation) error, dev|lost async page write"),
    ("UncorrectedMemoryError", r"EDAC .*\bUE\b|Memory failure: 0x"),
    ("MemoryReadError", r"EDAC .*\bCE\b|CE memory read error"),
    (
        "MachineCheck",
        r"Machine check events logged|Machine Check(?: Exception)?: \d|Hardware error from APEI|Fatal machine check",
    ),
    ("TemperatureAboveThreshold", r"temperature(?:/speed)?(?: is)? above threshold"),
)
REASONS = (*(reason for reason, _ in PATTERNS), OVERWRITTEN)
ANY = re.compile("|".join(f"(?P<{reason}>{pattern})" for reason, pattern in PATTERNS))


def parse_records(text: str) -> Iterator[tuple[int, str]]:
    """Sequence number and message of each record ``priority,sequence,microseconds,flags;message``.

    Lines that begin with a space belong to the record before and hold its device; what is no record is passed over.
    """
    for line in text.splitlines():
        head, found, message = line.partition(";")
        fields = head.split(",")
        if found and len(fields) > 2 and fields[0].isdecimal() and fields[1].isdecimal():
            yield int(fields[1]), message


def find_reason(message: str) -> str | None:
    """What a message tells of; None for most of them."""
    found = ANY.search(message)
    return found.lastgroup if found else None


class KernelLog:
    """Counts since the oldest record that the kernel still had when this was made; ``read`` is that of the system.

    Raises OSError if the log may not be opened: PermissionError where only root may read it.
    """

    def __init__(self, path: Path, read: Callable[[int, int], bytes] = os.read) -> None:
        self._file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        self._read = read
        self._next: int | None = None
        self._counts = dict.fromkeys(REASONS, 0)

    def counts(self) -> dict[str, int]:
        """Totals by reason, every one of them, after all that is new has been read.

        OVERWRITTEN counts the records that the kernel's ring had lost before they were read.
        """
        for text in self._drain():
            for sequence, message in parse_records(text):
                self._take(sequence, message)
        return dict(self._counts)

    def close(self) -> None:
        os.close(self._file)

    def _take(self, sequence: int, message: str) -> None:
        expected = sequence if self._next is None else self._next
        if sequence < expected:
            return
        self._counts[OVERWRITTEN] += sequence - expected
        self._next = sequence + 1
        if reason := find_reason(message):
            self._counts[reason] += 1

    def _drain(self) -> Iterator[str]:
        for _ in range(MOST_RECORDS):
            try:
                record = self._read(self._file, RECORD_BYTES)
            except BlockingIOError:
                return
            except OSError as error:
                # Overwritten while we were away: the next read begins with the oldest that is left.
                if error.errno != errno.EPIPE:
                    raise
                continue
            if not record:
                return
            yield record.decode(errors="replace")
