"""What may be asked for: a fixed table, so that no word of a client ever becomes part of a command."""

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from exporter.clock import Clock
from exporter.reader.flight import Flight, Pace
from exporter.reader.kernel import KernelMessages, read_wchan
from exporter.reader.outcome import MISSING, Outcome
from exporter.reader.smart import Smart
from exporter.reader.tools import Tools

# We read: a report would otherwise write a backup of metadata that has none yet.
LVM_CONFIG = (
    "report/output_format=json report/binary_values_as_numeric=1 report/time_format=%s report/buffered=1 "
    "global/units=b global/suffix=false log/level=0 log/syslog=0 backup/backup=0 backup/archive=0"
)
DRIVER, BMC = "class/misc/device-mapper", "class/ipmi/ipmi0"

PACES = {
    "lvm": Pace(15, 60),
    # Short intervals are there so that several collectors of one scrape share a run.
    "dmsetup_status": Pace(0.5, 10),
    "smart": Pace(60, 300, background=True),
    # Some controllers take a second for each sensor.
    **dict.fromkeys(
        ("ipmi_sensor", "ipmi_chassis", "ipmi_dcmi", "ipmi_sel", "ipmi_bmc"), Pace(60, 50, background=True)
    ),
    "wchan": Pace(0.5, 10),
    "kmsg": Pace(0.5, 10),
}


class Command(NamedTuple):
    """``needs`` is a path in sysfs without which the host has no such thing.

    ``accept`` are the exit codes of a run whose output is of use.
    """

    argv: tuple[str, ...]
    needs: str = ""
    accept: tuple[int, ...] = (0,)


COMMANDS = {
    # 5: some volume group could not be read; what is said of the others is of use.
    "lvm": Command(("lvm", "fullreport", "--all", "--config", LVM_CONFIG), accept=(0, 5)),
    # Without "noflush" a thin pool would write its metadata first, and wait for the disk. Without the driver there
    # is nothing to list, and asking would load it.
    "dmsetup_status": Command(("dmsetup", "status", "--noflush"), DRIVER),
    "ipmi_sensor": Command(("ipmitool", "sdr", "elist", "all"), BMC),
    "ipmi_chassis": Command(("ipmitool", "chassis", "status"), BMC),
    "ipmi_dcmi": Command(("ipmitool", "dcmi", "power", "reading"), BMC),
    "ipmi_sel": Command(("ipmitool", "sel", "info"), BMC),
    "ipmi_bmc": Command(("ipmitool", "mc", "info"), BMC),
}


class Places(NamedTuple):
    """Where the kernel's trees are."""

    procfs: Path = Path("/proc")
    sysfs: Path = Path("/sys")
    kmsg: Path = Path("/dev/kmsg")


def build_flights(tools: Tools, clock: Clock, at: Places, paces: Mapping[str, Pace]) -> list[Flight]:
    """Every source that has a pace."""
    runs: dict[str, Callable[[], Outcome]] = {
        name: partial(run_command, tools, command, at.sysfs, paces[name].timeout)
        for name, command in COMMANDS.items()
        if name in paces
    }
    runs["smart"] = Smart(tools, clock).run
    runs["wchan"] = partial(read_wchan, at.procfs)
    runs["kmsg"] = KernelMessages(at.kmsg).run
    return [Flight(name, runs[name], pace, clock) for name, pace in paces.items()]


def run_command(tools: Tools, command: Command, sysfs: Path, seconds: float) -> Outcome:
    if command.needs and not os.access(sysfs / command.needs, os.F_OK):
        return Outcome(MISSING, error=f"no {command.needs} in {sysfs}")
    return tools.run(command.argv, seconds, command.accept)
