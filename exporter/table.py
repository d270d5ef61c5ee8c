"""The table of collectors: a new one is one file and one line here."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.arp import read_arp
from exporter.collectors.blocked_tasks import BlockedTasks
from exporter.collectors.bonding import read_bonding
from exporter.collectors.clocktime import read_time
from exporter.collectors.conntrack import read_conntrack
from exporter.collectors.cpu import Cpu
from exporter.collectors.cpu_info import read_cpu_info
from exporter.collectors.cpufreq import read_cpufreq
from exporter.collectors.devicemapper import read_devicemapper
from exporter.collectors.diskstats import read_diskstats
from exporter.collectors.dmi import read_dmi
from exporter.collectors.dmmultipath import read_dmmultipath
from exporter.collectors.dmsetup import read_dmsetup
from exporter.collectors.edac import read_edac
from exporter.collectors.entropy import read_entropy
from exporter.collectors.ext4 import read_ext4
from exporter.collectors.filefd import read_filefd
from exporter.collectors.filesystem import Filesystems
from exporter.collectors.heartbeat import read_heartbeat
from exporter.collectors.hwmon import Sensors
from exporter.collectors.ipmi import read_ipmi
from exporter.collectors.kernel_hung import read_kernel_hung
from exporter.collectors.kmsg import KernelLogEvents
from exporter.collectors.layout import DiskLayout
from exporter.collectors.loadavg import read_loadavg
from exporter.collectors.lvm import read_lvm
from exporter.collectors.mdadm import read_mdadm
from exporter.collectors.meminfo import read_meminfo
from exporter.collectors.netclass import Links
from exporter.collectors.netdev import read_netdev
from exporter.collectors.netstat import read_netstat
from exporter.collectors.nvme import read_nvme
from exporter.collectors.os_release import read_os
from exporter.collectors.outstanding_io import OutstandingIo
from exporter.collectors.powersupplyclass import read_power_supplies
from exporter.collectors.pressure import read_pressure
from exporter.collectors.process import OwnProcess
from exporter.collectors.processes import read_processes
from exporter.collectors.rapl import read_rapl
from exporter.collectors.reader import read_reader
from exporter.collectors.schedstat import read_schedstat
from exporter.collectors.smart import SmartDisks
from exporter.collectors.sockstat import read_sockstat
from exporter.collectors.softnet import read_softnet
from exporter.collectors.stat import read_stat
from exporter.collectors.systemd import Systemd, build_call
from exporter.collectors.textfile import Textfiles
from exporter.collectors.thermal_zone import read_thermal_zones
from exporter.collectors.timex import Clockwork
from exporter.collectors.udp_queues import read_udp_queues
from exporter.collectors.uname import read_uname
from exporter.collectors.vmstat import read_vmstat
from exporter.collectors.watchdog import read_watchdogs
from exporter.kit import Kit
from exporter.runner import Collector


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
    Entry("cpu", lambda kit: Cpu(kit.at.procfs, kit.at.sysfs).read),
    Entry("cpu.info", lambda kit: partial(read_cpu_info, kit.at.procfs), default=False),
    Entry("cpufreq", lambda kit: partial(read_cpufreq, kit.at.sysfs)),
    Entry("loadavg", lambda kit: partial(read_loadavg, kit.at.procfs)),
    Entry("meminfo", lambda kit: partial(read_meminfo, kit.at.procfs)),
    Entry("pressure", lambda kit: partial(read_pressure, kit.at.procfs)),
    Entry("stat", lambda kit: partial(read_stat, kit.at.procfs)),
    Entry("vmstat", lambda kit: partial(read_vmstat, kit.at.procfs)),
    Entry("schedstat", lambda kit: partial(read_schedstat, kit.at.procfs)),
    Entry("processes", lambda kit: partial(read_processes, kit.at.procfs, kit.tasks)),
    Entry("kernel_hung", lambda kit: partial(read_kernel_hung, kit.at.procfs)),
    Entry("kmsg", lambda kit: KernelLogEvents(kit.at.kmsg, kit.ask).read),
    Entry("entropy", lambda kit: partial(read_entropy, kit.at.procfs)),
    Entry("filefd", lambda kit: partial(read_filefd, kit.at.procfs)),
    Entry("netdev", lambda kit: partial(read_netdev, kit.at.procfs, kit.at.sysfs, kit.at.exclude.devices)),
    Entry("netstat", lambda kit: partial(read_netstat, kit.at.procfs)),
    Entry("sockstat", lambda kit: partial(read_sockstat, kit.at.procfs)),
    Entry("softnet", lambda kit: partial(read_softnet, kit.at.procfs)),
    Entry("conntrack", lambda kit: partial(read_conntrack, kit.at.procfs)),
    Entry("arp", lambda kit: partial(read_arp, kit.at.procfs)),
    Entry("udp_queues", lambda kit: partial(read_udp_queues, kit.at.procfs)),
    Entry("timex", lambda _: Clockwork().read),
    Entry("time", lambda kit: partial(read_time, kit.at.sysfs, kit.clock)),
    Entry("uname", lambda kit: partial(read_uname, kit.at.procfs)),
    Entry("os", lambda kit: partial(read_os, kit.at.rootfs)),
    Entry("netclass", lambda kit: Links(kit.at.procfs, kit.at.sysfs, kit.at.exclude.links).read),
    Entry("bonding", lambda kit: partial(read_bonding, kit.at.sysfs)),
    Entry("hwmon", lambda kit: Sensors(kit.at.sysfs).read),
    Entry("thermal_zone", lambda kit: partial(read_thermal_zones, kit.at.sysfs)),
    Entry("powersupplyclass", lambda kit: partial(read_power_supplies, kit.at.sysfs)),
    Entry("edac", lambda kit: partial(read_edac, kit.at.sysfs)),
    Entry("rapl", lambda kit: partial(read_rapl, kit.at.sysfs)),
    Entry("watchdog", lambda kit: partial(read_watchdogs, kit.at.sysfs)),
    Entry("dmi", lambda kit: partial(read_dmi, kit.at.sysfs)),
    Entry("ipmi", lambda kit: partial(read_ipmi, kit.ask)),
    Entry("systemd", lambda kit: Systemd(kit.at.units, kit.at.exclude.units, build_call(kit.clock)).read),
    Entry("textfile", lambda kit: Textfiles(kit.at.textfiles).read),
    Entry("blocked_tasks", lambda kit: BlockedTasks(kit.tasks, kit.clock, kit.ask).read),
)

# What is said of filesystems and block devices.
DISK = (
    Entry("filesystem", lambda kit: Filesystems(kit.at, kit.clock).read),
    Entry("ext4", lambda kit: partial(read_ext4, kit.at.sysfs)),
    Entry("mdadm", lambda kit: partial(read_mdadm, kit.at.procfs, kit.at.sysfs)),
    Entry("nvme", lambda kit: partial(read_nvme, kit.at.sysfs)),
    Entry("diskstats", lambda kit: partial(read_diskstats, kit.at.procfs, kit.at.udev, kit.at.exclude.disks)),
    Entry("devicemapper", lambda kit: partial(read_devicemapper, kit.at.sysfs)),
    Entry("dmsetup", lambda kit: partial(read_dmsetup, kit.ask)),
    Entry("dmmultipath", lambda kit: partial(read_dmmultipath, kit.at.sysfs)),
    Entry("lvm", lambda kit: partial(read_lvm, kit.ask)),
    Entry("outstanding_io", lambda kit: OutstandingIo(kit.at.procfs, kit.clock, kit.at.exclude.disks).read),
    Entry("smart", lambda kit: SmartDisks(kit.ask, kit.clock).read),
    Entry("layout", lambda kit: DiskLayout(kit.at, kit.clock, kit.ask).read),
)

# What every host's page carries, whichever modules it has.
PAGE = (
    Entry("heartbeat", lambda kit: partial(read_heartbeat, kit.clock)),
    Entry("process", lambda _: OwnProcess(Path("/proc")).read),
    Entry("reader", lambda kit: partial(read_reader, kit.ask, kit.clock)),
)


def build_collectors(table: Iterable[Entry], kit: Kit) -> list[Collector]:
    """Every line's collector, in the table's order."""
    return [Collector(entry.name, entry.build(kit), entry.default) for entry in table]
