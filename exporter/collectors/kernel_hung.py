"""How many tasks the kernel has found hung, from /proc/sys/kernel; kernels before 6.7 do not say."""

from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.files import parse_number, read_present
from exporter.families import counter

TEXT = "Total number of tasks that have been detected as hung since the system booted."


def read_kernel_hung(procfs: Path) -> list[Metric]:
    count = parse_number(read_present(f"{procfs}/sys/kernel/hung_task_detect_count"))
    return [counter("node_kernel_hung_tasks_total", TEXT, count)]
