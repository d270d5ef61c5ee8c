"""How a host's disks are put together, in few words: hosts that are alike have the same, an odd one stands out.

Nothing of it names a host or a disk: no serial numbers, no names, no machine's own volumes.
"""

import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.clock import Clock
from exporter.collectors.dm_status import Target, parse_status
from exporter.collectors.mounts import Mount, read_mounts
from exporter.collectors.sysfs import find_attribute, find_number, list_folder
from exporter.errors import NoData
from exporter.families import gauges
from exporter.kit import Ask
from exporter.places import Places

REFRESH_SECONDS = 60.0
SECTOR_BYTES = 512
MASS_STORAGE = "0x01"  # the PCI class
UNITS = ("B", "K", "M", "G", "T", "P")
NONE = "none"


@dataclass(frozen=True, slots=True)
class Layout:
    """Each part is sorted words with counts, joined by commas, or ``none``."""

    raid: str
    controller: str
    filesystem: str
    disks: str

    @property
    def fingerprint(self) -> str:
        return f"{zlib.crc32(' '.join(astuple(self)).encode()):08x}"


def join(words: Iterable[str]) -> str:
    """``2xa,b``: each word once, with how often it came."""
    counted = sorted(Counter(words).items())
    return ",".join(f"{count}x{word}" if count > 1 else word for word, count in counted) or NONE


def describe_size(size: float) -> str:
    """Two digits, as disks are sold: ``960G``, ``8T``. Makers differ in the third."""
    exponent = 0
    while size >= 999.5 and exponent < len(UNITS) - 1:
        size, exponent = size / 1000, exponent + 1
    return f"{float(f'{size:.2g}'):g}{UNITS[exponent]}"


def describe_targets(targets: Sequence[Target]) -> set[str]:
    """Kinds of RAID and of pools that volumes are made of. Each once: how many volumes there are is no layout."""
    return {word for one in targets if (word := _describe_target(one))}


def _describe_target(target: Target) -> str:
    match target.kind, target.words:
        case "raid", (level, members, *_):
            return f"dm:{level}/{members}"
        case "mirror", (members, *_):
            return f"dm:mirror/{members}"
        case "striped", (members, *_):
            return f"dm:striped/{members}"
        case "thin-pool", _:
            return "dm:thin-pool"
        case _:
            return ""


def read_arrays(sysfs: Path) -> list[str]:
    """Software RAID: level and how many members it should have."""
    folders = [f"{sysfs}/block/{name}/md" for name in list_folder(sysfs / "block", "md")]
    levels = [(find_attribute(f"{folder}/level"), find_attribute(f"{folder}/raid_disks")) for folder in folders]
    return [f"md:{level}/{(members or '0').split()[0]}" for level, members in levels if level]


def read_controllers(sysfs: Path) -> list[str]:
    """Controllers of mass storage on PCI: vendor, device and driver."""
    root = sysfs / "bus/pci/devices"
    folders = [root / name for name in list_folder(root)]
    return [
        _describe_controller(one)
        for one in folders
        if (find_attribute(f"{one}/class") or "").startswith(MASS_STORAGE)
    ]


def _describe_controller(folder: Path) -> str:
    ids = [(find_attribute(f"{folder}/{file}") or "?").removeprefix("0x") for file in ("vendor", "device")]
    driver = folder / "driver"
    return f"{':'.join(ids)}/{driver.resolve().name if driver.exists() else NONE}"


def read_disks(sysfs: Path) -> list[str]:
    """Real disks with a medium, by kind and size: neither removable ones nor what is made of other disks."""
    root = sysfs / "block"
    found = (_describe_disk(root / name) for name in list_folder(root))
    return [word for word in found if word]


def _describe_disk(folder: Path) -> str:
    size = (find_number(f"{folder}/size") or 0.0) * SECTOR_BYTES
    hidden = find_attribute(f"{folder}/hidden") == "1"  # a single path of an NVMe disk that has several
    if not (folder / "device").exists() or find_attribute(f"{folder}/removable") == "1" or hidden or not size:
        return ""
    kind = "nvme" if folder.name.startswith("nvme") else "ssd"
    if find_attribute(f"{folder}/queue/rotational") == "1":
        kind = "hdd"
    return f"{kind}-{describe_size(size)}"


def describe_filesystems(mounts: Sequence[Mount]) -> str:
    """The root's type, and those of the others that are on disks; how many there are is no layout."""
    root = {one.fstype for one in mounts if one.mountpoint == "/"}
    data = {one.fstype for one in mounts if one.mountpoint != "/" and one.device.startswith("/dev/")}
    return f"root={join(root)};data={join(data)}"


class DiskLayout:
    """Looks again once a minute, and keeps what it saw of volumes while nobody can tell."""

    def __init__(self, places: Places, clock: Clock, ask: Ask) -> None:
        self._places = places
        self._clock = clock
        self._ask = ask
        self._volumes: set[str] | None = None
        self._layout: Layout | None = None
        self._due = float("-inf")

    def read(self) -> list[Metric]:
        """Raises OSError or ValueError, rather than tell of another layout, if volumes were never told of."""
        now = self._clock.monotonic()
        if self._layout is None or now >= self._due:
            self._layout, self._due = self._look(), now + REFRESH_SECONDS
        return [build_layout_family(self._layout)]

    def _look(self) -> Layout:
        sysfs = self._places.sysfs
        raid = [*read_arrays(sysfs), *self._read_volumes()]
        filesystems = describe_filesystems(read_mounts(self._places))
        return Layout(join(raid), join(read_controllers(sysfs)), filesystems, join(read_disks(sysfs)))

    def _read_volumes(self) -> set[str]:
        try:
            self._volumes = describe_targets(parse_status(self._ask("dmsetup_status").output))
        except NoData:
            return self._volumes or set()
        except (OSError, ValueError):
            if self._volumes is None:
                raise
        return self._volumes


def build_layout_family(layout: Layout) -> Metric:
    return gauges(
        "fleetmend_disk_layout_info",
        "How the disks are put together; the value is always 1. Hosts that are alike have the same fingerprint. "
        "Looked at once a minute.",
        ["fingerprint", "raid", "controller", "filesystem", "disks"],
        [((layout.fingerprint, *astuple(layout)), 1.0)],
    )
