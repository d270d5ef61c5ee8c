"""Members of bonded network devices and how many of them have a link, from /sys/class/net."""

from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.sysfs import find_attribute, read_attribute
from exporter.errors import NoData
from exporter.families import gauges

Bonds = dict[str, list[str]]  # state of the link of each member, by bond; empty if it is unknown


def read_bonds(root: Path) -> Bonds:
    """Raises NoData if the kernel has no bonding; a member that just left counts as one without a link."""
    try:
        masters = read_attribute(f"{root}/bonding_masters")
    except FileNotFoundError:
        raise NoData("no bonding") from None
    return {
        master: [
            _member_state(f"{root}/{master}", member)
            for member in (find_attribute(f"{root}/{master}/bonding/slaves") or "").split()
        ]
        for master in masters.split()
    }


def _member_state(folder: str, member: str) -> str:
    # Older kernels named the link "slave_".
    for prefix in ("lower", "slave"):
        if state := find_attribute(f"{folder}/{prefix}_{member}/bonding_slave/mii_status"):
            return state
    return ""


def build_bonding_families(bonds: Bonds) -> list[Metric]:
    return [
        gauges(
            "node_bonding_slaves",
            "Number of configured slaves per bonding interface.",
            ["master"],
            [((master,), float(len(states))) for master, states in bonds.items()],
        ),
        gauges(
            "node_bonding_active",
            "Number of active slaves per bonding interface.",
            ["master"],
            [((master,), float(states.count("up"))) for master, states in bonds.items()],
        ),
    ]


def read_bonding(sysfs: Path) -> list[Metric]:
    return build_bonding_families(read_bonds(sysfs / "class/net"))
