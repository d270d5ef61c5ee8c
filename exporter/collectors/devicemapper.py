"""Device mapper's devices, from /sys/block/dm-*: which there are, and which let nothing through just now."""

from dataclasses import dataclass
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.sysfs import find_attribute, find_number, list_folder
from exporter.errors import NoData
from exporter.families import gauges


@dataclass(frozen=True, slots=True)
class Mapped:
    """One device; the kernel knows it as ``device`` (``dm-0``), people as ``name``."""

    device: str
    name: str
    uuid: str
    suspended: bool
    readonly: bool


def read_mapped(sysfs: Path) -> list[Mapped]:
    """Devices that end while being read are passed over."""
    root = sysfs / "block"
    found = [(device, f"{root}/{device}") for device in list_folder(root, "dm-")]
    return [
        Mapped(
            device,
            name,
            find_attribute(f"{folder}/dm/uuid") or "",
            find_attribute(f"{folder}/dm/suspended") == "1",
            find_number(f"{folder}/ro") == 1,
        )
        for device, folder in found
        if (name := find_attribute(f"{folder}/dm/name"))
    ]


def build_mapped_families(devices: list[Mapped]) -> list[Metric]:
    return [
        gauges(
            "fleetmend_dm_info",
            "The kernel's and the owner's name of a device mapper device; the value is always 1.",
            ["device", "name", "uuid"],
            [((one.device, one.name, one.uuid), 1.0) for one in devices],
        ),
        gauges(
            "fleetmend_dm_suspended",
            "Whether the device holds back everything that is read from it and written to it.",
            ["name"],
            [((one.name,), float(one.suspended)) for one in devices],
        ),
        gauges(
            "fleetmend_dm_readonly",
            "Whether the device refuses to be written.",
            ["name"],
            [((one.name,), float(one.readonly)) for one in devices],
        ),
    ]


def read_devicemapper(sysfs: Path) -> list[Metric]:
    devices = read_mapped(sysfs)
    if not devices:
        raise NoData("no device mapper device")
    return build_mapped_families(devices)
