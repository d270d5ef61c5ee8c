"""CPU time by mode, throttling by heat, and isolation, from /proc/stat and /sys/devices/system/cpu."""

from collections.abc import Iterable
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.files import read_optional, read_text
from exporter.collectors.throttles import ThrottleCounts, find_throttle_counts, read_throttles
from exporter.families import counters, gauges

MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
GUEST_MODES = ("user", "nice")
IDLE = MODES.index("idle")
TICKS_PER_SECOND = 100.0  # USER_HZ, fixed by the kernel's interface on every platform we run on
NEW_CPU_SECONDS = 3.0  # idle time that falls by so much belongs to a cpu that was taken out and put back

CpuTimes = dict[str, list[float]]


def parse_cpu_times(text: str) -> CpuTimes:
    """Seconds of each cpu ("0", "1", …) in the order of MODES, then GUEST_MODES; kernels may lack the last ones."""
    times: CpuTimes = {}
    for line in text.splitlines():
        if not line.startswith("cpu"):
            break  # cpus come first; what follows is long
        name, *ticks = line.split()
        if name != "cpu":
            times[name.removeprefix("cpu")] = [int(count) / TICKS_PER_SECOND for count in ticks[:10]]
    return times


def parse_cpu_list(text: str) -> list[str]:
    """The cpus of a list such as ``0-2,7``. ValueError for anything else."""
    cpus: list[str] = []
    for part in text.strip().split(","):
        if part:
            first, _, last = part.partition("-")
            cpus += [str(cpu) for cpu in range(int(first), int(last or first) + 1)]
    return cpus


def never_falling(before: CpuTimes, now: CpuTimes) -> CpuTimes:
    """``now`` without the small steps back that idle and iowait take: a counter that falls looks like a reboot."""
    return {cpu: _never_falling(before.get(cpu, row), row) for cpu, row in now.items()}


def _never_falling(before: list[float], now: list[float]) -> list[float]:
    if before[IDLE] - now[IDLE] >= NEW_CPU_SECONDS:
        return now
    return list(map(max, before, now))


def build_cpu_families(times: CpuTimes) -> list[Metric]:
    modes = [((cpu, mode), value) for cpu, row in times.items() for mode, value in zip(MODES, row, strict=False)]
    guests = [
        ((cpu, mode), value) for cpu, row in times.items() for mode, value in zip(GUEST_MODES, row[8:], strict=False)
    ]
    labels = ("cpu", "mode")
    return [
        counters("node_cpu_seconds_total", "Seconds the CPUs spent in each mode.", labels, modes),
        counters(
            "node_cpu_guest_seconds_total", "Seconds the CPUs spent in guests (VMs) for each mode.", labels, guests
        ),
    ]


def build_isolated_family(cpus: Iterable[str]) -> Metric:
    text = "Whether each core is isolated, information from /sys/devices/system/cpu/isolated."
    return gauges("node_cpu_isolated", text, ["cpu"], [([cpu], 1.0) for cpu in cpus])


class Cpu:
    """Remembers what it last told, and what is where in sysfs until a cpu comes or goes."""

    def __init__(self, procfs: Path, sysfs: Path) -> None:
        self._stat = f"{procfs}/stat"
        self._sysfs = f"{sysfs}/devices/system/cpu"
        self._times: CpuTimes = {}
        self._counts: ThrottleCounts = {}

    def read(self) -> list[Metric]:
        times = never_falling(self._times, parse_cpu_times(read_text(self._stat)))
        if times.keys() != self._times.keys():
            self._counts = find_throttle_counts(self._sysfs)
        self._times = times
        isolated = parse_cpu_list(read_optional(f"{self._sysfs}/isolated") or "")
        return [*build_cpu_families(times), *read_throttles(self._counts), build_isolated_family(isolated)]
