"""What kernel this is, from uname(2)."""

import os
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.files import read_text
from exporter.families import gauges

LABELS = ("sysname", "release", "version", "machine", "nodename", "domainname")


def build_uname_family(uname: os.uname_result, domainname: str) -> Metric:
    values = (uname.sysname, uname.release, uname.version, uname.machine, uname.nodename, domainname)
    text = "Labeled system information as provided by the uname system call."
    return gauges("node_uname_info", text, LABELS, [(values, 1.0)])


def read_uname(procfs: Path) -> list[Metric]:
    # Python's uname leaves the NIS domain out; the kernel shows it here, for our own UTS namespace.
    domainname = read_text(f"{procfs}/sys/kernel/domainname").strip()
    return [build_uname_family(os.uname(), domainname)]
