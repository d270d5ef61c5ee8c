"""What board, BIOS and chassis this is, from /sys/class/dmi/id."""

from functools import cache
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.sysfs import find_attribute
from exporter.errors import NoData
from exporter.families import gauges

FIELDS = (
    "bios_date", "bios_release", "bios_vendor", "bios_version", "board_asset_tag", "board_name", "board_serial",
    "board_vendor", "board_version", "chassis_asset_tag", "chassis_serial", "chassis_vendor", "chassis_version",
    "product_family", "product_name", "product_serial", "product_sku", "product_uuid", "product_version",
    "system_vendor",
)  # fmt: skip
FILES = {"system_vendor": "sys_vendor"}
TEXT = f"A metric with a constant '1' value labeled by {', '.join(FIELDS)} if provided by DMI."


# Firmware does not change under a running kernel.
@cache
def read_fields(root: Path) -> dict[str, str]:
    """Fields that there are and that we may read: serial numbers are root's alone."""
    texts = {field: find_attribute(f"{root}/{FILES.get(field, field)}") for field in FIELDS}
    return {field: text for field, text in texts.items() if text is not None}


def read_dmi(sysfs: Path) -> list[Metric]:
    fields = read_fields(sysfs / "class/dmi/id")
    if not fields:
        raise NoData("no DMI")
    return [gauges("node_dmi_info", TEXT, tuple(fields), [(tuple(fields.values()), 1.0)])]
