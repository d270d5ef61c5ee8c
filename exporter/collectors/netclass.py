"""State of network devices, from /sys/class/net: link, carrier changes, speed, and what is set."""

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.netdev import parse_netdev
from exporter.collectors.sysfs import OpenAttributes, list_folder, parse_number
from exporter.errors import NoData
from exporter.families import counters, gauges

# Name after node_network_, the kernel's file, and the unit of one count.
NUMBERS = (
    ("address_assign_type", "addr_assign_type", 1),
    ("carrier", "carrier", 1),
    ("carrier_changes_total", "carrier_changes", 1),
    ("carrier_down_changes_total", "carrier_down_count", 1),
    ("carrier_up_changes_total", "carrier_up_count", 1),
    ("device_id", "dev_id", 1),
    ("dormant", "dormant", 1),
    ("flags", "flags", 1),
    ("iface_id", "ifindex", 1),
    ("iface_link", "iflink", 1),
    ("iface_link_mode", "link_mode", 1),
    ("mtu_bytes", "mtu", 1),
    ("name_assign_type", "name_assign_type", 1),
    ("net_dev_group", "netdev_group", 1),
    ("protocol_type", "type", 1),
    ("speed_bytes", "speed", 1000 * 1000 / 8),
    ("transmit_queue_length", "tx_queue_len", 1),
)
TEXTS = ("address", "broadcast", "duplex", "ifalias", "operstate")
INFO_LABELS = ("device", "adminstate", *TEXTS)
FILES = (*TEXTS, *(file for _, file, _ in NUMBERS))
MOST_OPEN = 16  # devices: some may have a thousand, and we no more than a thousand open files
# A device and the inode of its folder.
Key = tuple[str, int]
IFF_UP = 1


@dataclass(frozen=True, slots=True)
class Link:
    """One device; a number is None where the driver does not say it, as the speed of a link that is down."""

    device: str
    texts: dict[str, str]
    numbers: dict[str, float | None]

    @property
    def adminstate(self) -> str:
        """What somebody set, whatever the cable says."""
        flags = self.numbers["flags"]
        return "unknown" if flags is None else "up" if int(flags) & IFF_UP else "down"

    @property
    def info(self) -> tuple[str, ...]:
        """The values of INFO_LABELS."""
        return (self.device, self.adminstate, *(self.texts[text] for text in TEXTS))


def read_link(device: str, attributes: OpenAttributes) -> Link | None:
    """None if the device has just been removed."""
    if attributes.find("operstate") is None:
        return None
    texts = {text: attributes.find(text) or "" for text in TEXTS}
    return Link(device, texts, {name: parse_number(attributes.find(file)) for name, file, _ in NUMBERS})


def build_link_families(links: list[Link]) -> list[Metric]:
    return [
        gauges(
            "node_network_up",
            "Value is 1 if operstate is 'up', 0 otherwise.",
            ["device"],
            [((one.device,), float(one.texts["operstate"] == "up")) for one in links],
        ),
        gauges(
            "node_network_info",
            "Non-numeric data from /sys/class/net/<iface>, value is always 1.",
            INFO_LABELS,
            [(one.info, 1.0) for one in links],
        ),
        *(_number_family(links, name, unit) for name, _, unit in NUMBERS),
    ]


def _number_family(links: list[Link], name: str, unit: float) -> Metric:
    rows = [((one.device,), number * unit) for one in links if (number := one.numbers[name]) is not None]
    build = counters if name.endswith("_total") else gauges
    return build(f"node_network_{name}", f"Network device property: {name}", ["device"], rows)


def list_devices(procfs: Path, sysfs: Path) -> list[str]:
    """Devices of our own network namespace that sysfs shows. Raises NoData if it shows another namespace's.

    A sysfs belongs to the namespace that mounted it: after ``nsenter --net`` it is still the host's, with an eth0
    that is not ours.
    """
    shown = [name for name in list_folder(sysfs / "class/net") if name != "bonding_masters"]
    ours = parse_netdev((procfs / "net" / "dev").read_text())
    foreign = [name for name in shown if name not in ours and (sysfs / "class/net" / name).exists()]
    if foreign:
        raise NoData(f"{sysfs} shows another network namespace, with {foreign[0]}")
    return [name for name in shown if name in ours]


class Links:
    """Keeps the attributes of the first devices open; a device that was made anew has another folder."""

    def __init__(self, procfs: Path, sysfs: Path, ignore: str) -> None:
        self._procfs = procfs
        self._sysfs = sysfs
        self._ignore = re.compile(ignore)
        self._open: dict[Key, OpenAttributes] = {}

    def read(self) -> list[Metric]:
        devices = [one for one in list_devices(self._procfs, self._sysfs) if not self._ignore.search(one)]
        keys = dict(self._find_folder(device) for device in devices)
        for gone in self._open.keys() - keys.items():
            self._open.pop(gone).close()
        return build_link_families([link for key in keys.items() if (link := self._read(key))])

    def _find_folder(self, device: str) -> Key:
        with suppress(FileNotFoundError):
            return device, os.stat(f"{self._sysfs}/class/net/{device}").st_ino  # noqa: PTH116
        return device, 0

    def _read(self, key: Key) -> Link | None:
        attributes = self._open.get(key)
        if attributes:
            return read_link(key[0], attributes)
        try:
            attributes = OpenAttributes(f"{self._sysfs}/class/net/{key[0]}", FILES)
        except FileNotFoundError:
            return None
        link = read_link(key[0], attributes)
        if len(self._open) < MOST_OPEN:
            self._open[key] = attributes
        else:
            attributes.close()
        return link
