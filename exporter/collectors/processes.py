"""Processes and threads by state, and how many there may be."""

from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.files import read_number
from exporter.collectors.tasks import Look, Tasks
from exporter.families import gauge, gauges


def build_process_families(look: Look, max_threads: float, max_processes: float) -> list[Metric]:
    processes = [([state], count) for state, count in sorted(look.processes.items())]
    threads = [([state], count) for state, count in sorted(look.threads.items())]
    return [
        gauge("node_processes_threads", "Allocated threads in system", look.allocated),
        gauge("node_processes_max_threads", "Limit of threads in the system", max_threads),
        gauge("node_processes_pids", "Number of PIDs", sum(look.processes.values())),
        gauge("node_processes_max_processes", "Number of max PIDs limit", max_processes),
        gauges("node_processes_state", "Number of processes in each state.", ["state"], processes),
        gauges("node_processes_threads_state", "Number of threads in each state.", ["thread_state"], threads),
    ]


def read_processes(procfs: Path, tasks: Tasks) -> list[Metric]:
    kernel = f"{procfs}/sys/kernel"
    limits = read_number(f"{kernel}/threads-max"), read_number(f"{kernel}/pid_max")
    return build_process_families(tasks.look("processes"), *limits)
