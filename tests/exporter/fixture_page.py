"""The page of a host that has everything: the fixture tree, and what programs would answer there."""

import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.clock import FakeClock
from exporter.collectors.filesystem import Filesystems
from exporter.collectors.mounts import Usage
from exporter.collectors.os_release import read_os
from exporter.collectors.process import build_own_families, parse_own_stat
from exporter.collectors.systemd import Systemd
from exporter.collectors.textfile import Read, build_file_families
from exporter.collectors.timex import Timex, build_timex_families
from exporter.collectors.uname import build_uname_family
from exporter.kit import Answer, Kit
from exporter.places import Places
from exporter.reader.fake import FakeReader
from exporter.table import DISK, HOST, PAGE, build_collectors
from tests.exporter.hardware import ask_bmc, call_systemctl

TREE = Path(__file__).parent / "fixtures"
PLACES = Places(
    TREE / "proc",
    TREE / "sys",
    Path("/"),
    TREE / "udev",
    mount_timeout=0.2,
    kmsg=TREE / "kmsg",
)
TIMEX = Timex(0, -1500, 65536, 2000, 300, 0x2001, 7, 10000, 65536, 900, 6, 131072, 1, 2, 3, 4, 37)
OWN_STAT = b"7 (a) b) S 1 7 7 0 -1 4194304 5400 0 36 0 250 50 0 0 20 0 9 0 500 426246144 10286 0"
UNAME = os.uname_result(("Linux", "one", "6.1.0", "#1 SMP", "x86_64"))


def size_of(path: str) -> Usage:
    """What statvfs would say, on a machine that has these mounts."""
    if path == "/stuck":
        raise OSError(5, "Input/output error")
    return Usage(1000.0, 600.0, 500.0, 64.0, 32.0)


def ask(source: str) -> Answer:
    """What the privileged reader would say."""
    return ask_bmc(source) if source.startswith("ipmi_") else FakeReader(TREE / "reader").ask(source)


def read_fixture_page(places: Places = PLACES) -> list[Metric]:
    """Every collector's families, in the table's order, those that are off by default too."""
    kit = Kit(places, FakeClock(), ask)
    # What depends on the machine that runs the test is replaced by what the tree says.
    replaced: dict[str, Callable[[], Iterable[Metric]]] = {
        "filesystem": Filesystems(places, FakeClock(), size_of).read,
        "uname": lambda: [build_uname_family(UNAME, "(none)")],
        "os": partial(read_os, TREE / "root"),
        "timex": partial(build_timex_families, TIMEX),
        "process": partial(build_own_families, parse_own_stat(OWN_STAT), 1_700_000_000.0, 12, 1024),
        "textfile": partial(
            build_file_families, {"/x.prom": Read("/x.prom", (1, 1, 1_700_000_000_000_000_000))}, failed=False
        ),
        "systemd": Systemd(".+", "", call_systemctl, Path("/")).read,
    }
    table = build_collectors((*HOST, *DISK, *PAGE), kit)
    return [family for one in table for family in replaced.get(one.name, one.read)()]
