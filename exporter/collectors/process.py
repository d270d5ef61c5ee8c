"""This exporter's own use of cpu, memory and files, as the client libraries tell it."""

import os
import resource
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.files import read_bytes
from exporter.families import counter, gauge

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class OwnStat:
    """What /proc/self/stat says: seconds of cpu time, seconds from boot to our start, bytes."""

    cpu: float
    started: float
    virtual: int
    resident: int


def parse_own_stat(content: bytes) -> OwnStat:
    """The command name may hold spaces and brackets: what counts comes after it."""
    fields = content[content.rindex(b")") + 1 :].split()
    user, system, started, virtual, pages = (int(fields[column]) for column in (11, 12, 19, 20, 21))
    return OwnStat((user + system) / TICKS_PER_SECOND, started / TICKS_PER_SECOND, virtual, pages * PAGE_BYTES)


def parse_boot_time(content: bytes) -> float:
    """Unix seconds, from the line ``btime`` of /proc/stat. ValueError without it."""
    for line in content.splitlines():
        if line.startswith(b"btime "):
            return float(line.split()[1])
    raise ValueError("/proc/stat has no btime")


def build_own_families(stat: OwnStat, booted: float, files: int, most_files: int) -> list[Metric]:
    started = "Start time of the process since unix epoch in seconds."
    return [
        counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", stat.cpu),
        gauge("process_open_fds", "Number of open file descriptors.", files),
        gauge("process_max_fds", "Maximum number of open file descriptors.", most_files),
        gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.", stat.virtual),
        gauge("process_resident_memory_bytes", "Resident memory size in bytes.", stat.resident),
        gauge("process_start_time_seconds", started, booted + stat.started),
    ]


class OwnProcess:
    """``procfs`` is that of our own pid namespace, whatever tree the other collectors read."""

    def __init__(self, procfs: Path) -> None:
        self._procfs = str(procfs)
        self._booted: float | None = None

    def read(self) -> list[Metric]:
        if self._booted is None:
            # Read once: that the clock is stepped must not look like a restart.
            self._booted = parse_boot_time(read_bytes(f"{self._procfs}/stat"))
        stat = parse_own_stat(read_bytes(f"{self._procfs}/self/stat"))
        files = len(os.listdir(f"{self._procfs}/self/fd"))  # noqa: PTH208
        return build_own_families(stat, self._booted, files, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
