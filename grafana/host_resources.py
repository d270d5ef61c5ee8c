"""*Host*, the rows about its resources; the names are node_exporter's, so a node_exporter fills them too."""

from grafana.panels import Panel, Query, TimeSeries
from grafana.states import HOST

BUSY = f'{HOST}, mode!="idle"'


def rate(metric: str, matchers: str = HOST) -> str:
    """A counter's growth each second."""
    return f"rate({metric}{{{matchers}}}[$__rate_interval])"


def by_device(metric: str, word: str) -> Query:
    """One line per device."""
    return Query(f"sum by (device) ({rate(metric)})", f"{{{{device}}}} {word}")


PROCESSOR: tuple[Panel, ...] = (
    TimeSeries(
        id=41,
        title="Processor",
        description="The share of all processors' time, by what it went to.",
        queries=[Query(f"avg by (mode) ({rate('node_cpu_seconds_total', BUSY)})", "{{mode}}")],
        unit="percentunit",
        stacked=True,
    ),
    TimeSeries(
        id=42,
        title="Load",
        description="Tasks that run or wait uninterruptibly: a rise without processor time is a blocked disk.",
        queries=[
            Query(f"max(node_load1{{{HOST}}})", "1 minute"),
            Query(f"max(node_load5{{{HOST}}})", "5 minutes"),
            Query(f"max(node_load15{{{HOST}}})", "15 minutes"),
        ],
    ),
    TimeSeries(
        id=43,
        title="Memory",
        description="All memory, and what is still to be had without swapping.",
        queries=[
            Query(f"max(node_memory_MemTotal_bytes{{{HOST}}})", "total"),
            Query(f"max(node_memory_MemAvailable_bytes{{{HOST}}})", "available"),
        ],
        unit="bytes",
    ),
    TimeSeries(
        id=44,
        title="Pressure",
        description="The share of time in which some task (waiting) or all tasks (stalled) lacked a resource.",
        queries=[
            Query(f"max({rate('node_pressure_cpu_waiting_seconds_total')})", "processor waiting"),
            Query(f"max({rate('node_pressure_memory_waiting_seconds_total')})", "memory waiting"),
            Query(f"max({rate('node_pressure_memory_stalled_seconds_total')})", "memory stalled"),
            Query(f"max({rate('node_pressure_io_waiting_seconds_total')})", "disk waiting"),
            Query(f"max({rate('node_pressure_io_stalled_seconds_total')})", "disk stalled"),
        ],
        unit="percentunit",
    ),
    TimeSeries(
        id=45,
        title="Blocked tasks",
        description="Tasks that wait uninterruptibly, by where in the kernel; a wedged disk shows here first.",
        queries=[
            Query(f"max(node_procs_blocked{{{HOST}}})", "all"),
            Query(f"sum by (comm, wchan) (fleetmend_blocked_tasks{{{HOST}}})", "{{comm}} in {{wchan}}"),
        ],
    ),
    TimeSeries(
        id=46,
        title="Oldest blocked task",
        description="How long the task has waited that has waited longest.",
        queries=[Query(f"max(fleetmend_blocked_task_oldest_seconds{{{HOST}}})", "oldest")],
        unit="s",
    ),
)

NETWORK: tuple[Panel, ...] = (
    TimeSeries(
        id=51,
        title="Traffic",
        description="Bytes each second, by device and direction.",
        queries=[
            by_device("node_network_receive_bytes_total", "in"),
            by_device("node_network_transmit_bytes_total", "out"),
        ],
        unit="Bps",
        width=12,
    ),
    TimeSeries(
        id=52,
        title="Errors and drops",
        description="Packets each second that were broken or thrown away, by device and direction.",
        queries=[
            by_device("node_network_receive_errs_total", "errors in"),
            by_device("node_network_transmit_errs_total", "errors out"),
            by_device("node_network_receive_drop_total", "drops in"),
            by_device("node_network_transmit_drop_total", "drops out"),
        ],
        unit="pps",
        width=12,
    ),
)


def used(title: str, id: int, description: str, left: str, whole: str) -> TimeSeries:
    """The share of every filesystem that is taken."""
    return TimeSeries(
        id=id,
        title=title,
        description=description,
        queries=[
            Query(
                f"1 - max by (mountpoint) ({left}{{{HOST}}}) / (max by (mountpoint) ({whole}{{{HOST}}}) > 0)",
                "{{mountpoint}}",
            )
        ],
        unit="percentunit",
        bounds=(0, 1),
        width=12,
    )


DISKS: tuple[Panel, ...] = (
    used(
        "Filesystem use",
        61,
        "The share of each mountpoint's space that is taken, the root's reserve counted as taken.",
        "node_filesystem_avail_bytes",
        "node_filesystem_size_bytes",
    ),
    used(
        "Inode use",
        62,
        "The share of each mountpoint's inodes that is taken: a disk can be full with space left.",
        "node_filesystem_files_free",
        "node_filesystem_files",
    ),
    TimeSeries(
        id=63,
        title="Disk throughput",
        description="Bytes each second, by device and direction.",
        queries=[
            by_device("node_disk_read_bytes_total", "read"),
            by_device("node_disk_written_bytes_total", "written"),
        ],
        unit="Bps",
    ),
    TimeSeries(
        id=64,
        title="Disk operations",
        description="Operations each second, by device and direction.",
        queries=[
            by_device("node_disk_reads_completed_total", "reads"),
            by_device("node_disk_writes_completed_total", "writes"),
        ],
        unit="iops",
    ),
    TimeSeries(
        id=65,
        title="Disk busy",
        description="The share of time in which a device had work.",
        queries=[
            Query(f"max by (device) ({rate('node_disk_io_time_seconds_total')})", "{{device}} busy"),
        ],
        unit="percentunit",
    ),
)
