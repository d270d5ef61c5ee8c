"""Where the kernel's trees are: prefixes, so that containers and fixture trees work alike."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from exporter.errors import BadStart

MOUNTS_EXCLUDED = r"^/(dev|proc|run|sys|mnt|media|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)"
FILESYSTEMS_EXCLUDED = (
    r"^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs"
    r"|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tracefs)$"
)
DISKS_EXCLUDED = r"^(ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$"
DEVICES_EXCLUDED = r"^lo$"
LINKS_IGNORED = r"^$"
UNITS_INCLUDED = r".+"
UNITS_EXCLUDED = r".+\.(automount|device|mount|scope|slice|target)"


@dataclass(frozen=True, slots=True)
class Exclusions:
    """Regular expressions, searched: mount points, filesystem types, disks and network devices left out.

    ``links`` are network devices whose state is left out; ``units`` matches whole names of systemd's.
    The defaults are those of Debian's prometheus-node-exporter.
    """

    mounts: str = MOUNTS_EXCLUDED
    filesystems: str = FILESYSTEMS_EXCLUDED
    disks: str = DISKS_EXCLUDED
    devices: str = DEVICES_EXCLUDED
    links: str = LINKS_IGNORED
    units: str = UNITS_EXCLUDED


@dataclass(frozen=True, slots=True)
class Places:
    """Prefixes of the kernel's trees and what to leave out; ``mount_timeout`` in seconds.

    ``units`` is the pattern of systemd's units that are told, ``textfiles`` the folders of files that others write.
    """

    procfs: Path = Path("/proc")
    sysfs: Path = Path("/sys")
    rootfs: Path = Path("/")
    udev: Path = Path("/run/udev/data")
    mount_timeout: float = 5.0
    exclude: Exclusions = field(default_factory=Exclusions)
    kmsg: Path = Path("/dev/kmsg")
    units: str = UNITS_INCLUDED
    textfiles: tuple[Path, ...] = ()


def check_places(places: Places) -> None:
    """Raise BadStart, naming the flag, for a prefix that is no readable directory."""
    for flag, path in (("procfs", places.procfs), ("sysfs", places.sysfs), ("rootfs", places.rootfs)):
        if not (path.is_dir() and os.access(path, os.R_OK | os.X_OK)):
            raise BadStart(f"--path.{flag}: {path} is not a readable directory")
