"""Members and progress of device mapper's RAID and mirrors, and paths of its multipath devices, from their words."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from prometheus_client.metrics_core import Metric

from exporter.collectors.dm_status import Target, divide, parse_ratio
from exporter.families import gauges, one_hot

# The kernel's letters; a mirror has more of them, each for a failure of another kind.
HEALTH = {"A": "in_sync", "a": "syncing", "D": "failed", "-": "missing"}
HEALTHS = ("in_sync", "syncing", "failed", "missing")
ACTIONS = ("idle", "frozen", "resync", "recover", "check", "repair", "reshape", "undef")
PATH = re.compile(r"\b\d+:\d+ ([AF]) \d+")


@dataclass(frozen=True, slots=True)
class Array:
    """``health`` has one letter for each member; ``mismatches`` and ``action`` only RAID has, not mirrors."""

    name: str
    level: str
    health: str
    sync_ratio: float
    action: str = ""
    mismatches: int = 0

    @property
    def members(self) -> Counter[str]:
        return Counter(HEALTH.get(letter, "failed") for letter in self.health)


def parse_array(target: Target) -> Array:
    """A segment of kind ``raid`` or ``mirror``. Raises ValueError or IndexError for what no kernel says."""
    words = target.words
    if target.kind == "raid":
        # Kernels before 3.7 say neither action nor mismatches.
        more = (words[4], int(words[5])) if len(words) > 5 else ("undef", 0)
        return Array(target.name, words[0], words[2], divide(*parse_ratio(words[3])), *more)
    legs = int(words[0])
    return Array(target.name, "mirror", words[legs + 3], divide(*parse_ratio(words[legs + 1])))


def parse_paths(target: Target) -> Counter[str]:
    """How many paths of a multipath device are active, and how many have failed."""
    return Counter("active" if letter == "A" else "failed" for letter in PATH.findall(" ".join(target.words)))


def build_array_families(arrays: Sequence[Array]) -> list[Metric]:
    members = [((one.name, one.level, health), one.members[health]) for one in arrays for health in HEALTHS]
    raids = [one for one in arrays if one.action]
    return [
        gauges(
            "fleetmend_dm_raid_members",
            "Members of a device mapper RAID or mirror by their health.",
            ["name", "level", "health"],
            members,
        ),
        gauges(
            "fleetmend_dm_raid_sync_ratio",
            "How much of the array is in sync.",
            ["name"],
            [((one.name,), one.sync_ratio) for one in arrays],
        ),
        gauges(
            "fleetmend_dm_raid_mismatches",
            "Places that the last check of the array found to differ.",
            ["name"],
            [((one.name,), one.mismatches) for one in raids],
        ),
        gauges(
            "fleetmend_dm_raid_action",
            "What the array is doing: 1 for the action under way.",
            ["name", "action"],
            one_hot([((one.name,), one.action) for one in raids], ACTIONS),
        ),
    ]


def build_path_family(devices: Sequence[tuple[str, Counter[str]]]) -> Metric:
    return gauges(
        "fleetmend_dm_multipath_paths",
        "Paths of a multipath device by what device mapper itself thinks of them.",
        ["name", "state"],
        [((name, state), paths[state]) for name, paths in devices for state in ("active", "failed")],
    )
