"""The table of collectors: a new one is one file and one line here."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from prometheus_client.metrics_core import Metric

from exporter.collectors.blocked_tasks import BlockedTasks
from exporter.collectors.clocktime import read_time
from exporter.collectors.cpu import read_cpu
from exporter.collectors.diskstats import read_diskstats
from exporter.collectors.filesystem import Filesystems
from exporter.collectors.heartbeat import read_heartbeat
from exporter.collectors.loadavg import read_loadavg
from exporter.collectors.meminfo import read_meminfo
from exporter.collectors.netdev import read_netdev
from exporter.collectors.pressure import read_pressure
from exporter.collectors.stat import read_stat
from exporter.collectors.uname import read_uname
from exporter.kit import Kit
from exporter.runner import Collector
from exporter.workers import Workers


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the table; ``build`` is called once, and what it returns at each scrape.

    One whose ``default`` is False runs only with ``--collector.NAME`` or where ``collect[]`` names it.
    """

    name: str
    build: Callable[[Kit], Callable[[], Iterable[Metric]]]
    default: bool = True


# What the kernel says of the host; named as node_exporter names it where it has the same.
HOST = (
    Entry("cpu", lambda kit: partial(read_cpu, kit.at.procfs)),
    Entry("loadavg", lambda kit: partial(read_loadavg, kit.at.procfs)),
    Entry("meminfo", lambda kit: partial(read_meminfo, kit.at.procfs)),
    Entry("pressure", lambda kit: partial(read_pressure, kit.at.procfs)),
    Entry("stat", lambda kit: partial(read_stat, kit.at.procfs)),
    Entry("netdev", lambda kit: partial(read_netdev, kit.at.procfs, kit.at.sysfs, kit.at.exclude.devices)),
    Entry("time", lambda kit: partial(read_time, kit.at.sysfs, kit.clock)),
    Entry("uname", lambda kit: partial(read_uname, kit.at.procfs)),
    Entry("blocked_tasks", lambda kit: BlockedTasks(kit.at.procfs, kit.clock).read),
)

# What is said of filesystems and block devices.
DISK = (
    # Threads of its own: mounts that hang must not take those of the other collectors.
    Entry("filesystem", lambda kit: Filesystems(kit.at, Workers()).read),
    Entry("diskstats", lambda kit: partial(read_diskstats, kit.at.procfs, kit.at.udev, kit.at.exclude.disks)),
)

# What every host's page carries, whichever modules it has.
PAGE = (Entry("heartbeat", lambda kit: partial(read_heartbeat, kit.clock)),)


def build_collectors(table: Iterable[Entry], kit: Kit) -> list[Collector]:
    """Every line's collector, in the table's order."""
    return [Collector(entry.name, entry.build(kit)) for entry in table]
