"""NVMe controllers, from /sys/class/nvme."""

from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.sysfs import find_attribute, list_folder
from exporter.errors import NoData
from exporter.families import Row, gauges

# Label, the kernel's file.
FIELDS = (
    ("firmware_revision", "firmware_rev"),
    ("model", "model"),
    ("serial", "serial"),
    ("state", "state"),
    ("cntlid", "cntlid"),
)


def read_nvme(sysfs: Path) -> list[Metric]:
    root = sysfs / "class/nvme"
    names = list_folder(root, "nvme")
    if not names:
        raise NoData("no NVMe controller")
    rows: list[Row] = [
        ((name, *(find_attribute(f"{root}/{name}/{file}") or "" for _, file in FIELDS)), 1.0) for name in names
    ]
    text = "Non-numeric data from /sys/class/nvme/<device>, value is always 1."
    return [gauges("node_nvme_info", text, ("device", *(label for label, _ in FIELDS)), rows)]
