"""What device mapper's targets say of themselves, from the privileged reader's ``dmsetup status``.

It takes no lock of LVM's, and answers while the commands of LVM hang.
"""

from collections import Counter
from collections.abc import Sequence

from prometheus_client.metrics_core import Metric

from exporter.collectors.dm_raid import build_array_families, build_path_family, parse_array, parse_paths
from exporter.collectors.dm_status import Target, divide, parse_ratio, parse_status
from exporter.collectors.thin_pool import build_pool_families, parse_pool
from exporter.errors import NoData
from exporter.families import Row, gauges
from exporter.kit import Ask


def build_target_families(targets: Sequence[Target]) -> list[Metric]:
    """Every kind of target counts, ours or not: one that is ``error`` must be seen."""
    counts = Counter((one.name, one.kind) for one in targets)
    failed = Counter((one.name, one.kind) for one in targets if one.failed)
    return [
        gauges(
            "fleetmend_dm_targets",
            "Segments of a device mapper device by the kind of their target.",
            ["name", "target"],
            counts.items(),
        ),
        gauges(
            "fleetmend_dm_targets_failed",
            "Segments whose target says that it has failed (Fail, Error, Invalid, Overflow), or is there to refuse.",
            ["name", "target"],
            [(key, failed[key]) for key in counts],
        ),
    ]


def build_snapshot_family(targets: Sequence[Target]) -> Metric:
    """A snapshot that is full is invalid from then on, and says no number any more."""
    rows: list[Row] = [
        ((one.name,), divide(*parse_ratio(one.words[0])))
        for one in targets
        if one.kind in {"snapshot", "snapshot-merge"} and one.words and not one.failed
    ]
    return gauges("fleetmend_dm_snapshot_ratio", "Space of the snapshot in use.", ["name"], rows)


def build_cache_families(targets: Sequence[Target]) -> list[Metric]:
    caches = [one for one in targets if one.kind == "cache" and len(one.words) > 10 and not one.failed]
    return [
        _by_name(
            "fleetmend_dm_cache_ratio",
            "Blocks of the cache in use.",
            {one.name: divide(*parse_ratio(one.words[3])) for one in caches},
        ),
        _by_name(
            "fleetmend_dm_cache_metadata_ratio",
            "Metadata space of the cache in use.",
            {one.name: divide(*parse_ratio(one.words[1])) for one in caches},
        ),
        _by_name(
            "fleetmend_dm_cache_dirty_blocks",
            "Blocks of the cache that its origin does not have.",
            {one.name: float(one.words[10]) for one in caches},
        ),
        _by_name(
            "fleetmend_dm_cache_needs_check",
            "Whether the cache's metadata must be repaired (cache_check) before it can be used again.",
            {one.name: float("needs_check" in one.words) for one in caches},
        ),
    ]


def build_integrity_family(targets: Sequence[Target]) -> Metric:
    found = {one.name: float(one.words[0]) for one in targets if one.kind == "integrity" and one.words}
    return _by_name("fleetmend_dm_integrity_mismatches", "Blocks whose checksum did not match.", found)


def _by_name(name: str, text: str, values: dict[str, float]) -> Metric:
    return gauges(name, text, ["name"], [((device,), value) for device, value in values.items()])


def build_status_families(targets: Sequence[Target]) -> list[Metric]:
    arrays = [parse_array(one) for one in targets if one.kind in {"raid", "mirror"} and not one.failed]
    paths = [(one.name, parse_paths(one)) for one in targets if one.kind == "multipath"]
    return [
        *build_target_families(targets),
        *build_pool_families([parse_pool(one) for one in targets if one.kind == "thin-pool"]),
        *build_array_families(arrays),
        *build_cache_families(targets),
        build_snapshot_family(targets),
        build_path_family(paths),
        build_integrity_family(targets),
    ]


def read_dmsetup(ask: Ask) -> list[Metric]:
    """Raises NoData without a reader, a driver or devices, OSError if the tool failed, ValueError for odd words."""
    targets = parse_status(ask("dmsetup_status").output)
    if not targets:
        raise NoData("no device mapper device")
    return build_status_families(targets)
