"""CPU time by mode, from /proc/stat."""

from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.families import counters

MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
GUEST_MODES = ("user", "nice")
TICKS_PER_SECOND = 100.0  # USER_HZ, fixed by the kernel's interface on every platform we run on

CpuTimes = dict[str, list[float]]


def parse_cpu_times(text: str) -> CpuTimes:
    """Seconds of each cpu ("0", "1", …) in the order of MODES, then GUEST_MODES; kernels may lack the last ones."""
    rows = (line.split() for line in text.splitlines() if line.startswith("cpu") and not line.startswith("cpu "))
    return {row[0].removeprefix("cpu"): [int(ticks) / TICKS_PER_SECOND for ticks in row[1:11]] for row in rows}


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


def read_cpu(procfs: Path) -> list[Metric]:
    return build_cpu_families(parse_cpu_times((procfs / "stat").read_text()))
