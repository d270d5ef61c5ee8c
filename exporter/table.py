"""The table of collectors: a new one is one file and one line here."""

from functools import partial

from exporter.clock import Clock
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
from exporter.places import Places
from exporter.runner import Collector
from exporter.workers import Workers


def host_collectors(at: Places, clock: Clock) -> list[Collector]:
    """What the kernel says of the host; named as node_exporter names them where it has the same."""
    return [
        Collector("cpu", partial(read_cpu, at.procfs)),
        Collector("loadavg", partial(read_loadavg, at.procfs)),
        Collector("meminfo", partial(read_meminfo, at.procfs)),
        Collector("pressure", partial(read_pressure, at.procfs)),
        Collector("stat", partial(read_stat, at.procfs)),
        Collector("netdev", partial(read_netdev, at.procfs, at.sysfs, at.exclude.devices)),
        Collector("time", partial(read_time, at.sysfs, clock)),
        Collector("uname", partial(read_uname, at.procfs)),
        Collector("blocked_tasks", BlockedTasks(at.procfs, clock).read),
    ]


def disk_collectors(at: Places) -> list[Collector]:
    """What is said of filesystems and block devices."""
    return [
        # Threads of its own: mounts that hang must not take those of the other collectors.
        Collector("filesystem", Filesystems(at, Workers()).read),
        Collector("diskstats", partial(read_diskstats, at.procfs, at.udev, at.exclude.disks)),
    ]


def page_collectors(clock: Clock) -> list[Collector]:
    """What every host's page carries, whichever modules it has."""
    return [Collector("heartbeat", partial(read_heartbeat, clock))]
