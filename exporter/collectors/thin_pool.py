"""Thin pools, from the words of device mapper's thin-pool target (Documentation/admin-guide/device-mapper)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from prometheus_client.metrics_core import Metric

from exporter.collectors.dm_status import Target, divide, parse_ratio
from exporter.families import gauges, one_hot

METADATA_BLOCK_BYTES = 4096
MODES = ("rw", "ro", "out_of_data_space", "fail")


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes."""

    used: float
    size: float


@dataclass(frozen=True, slots=True)
class ThinPool:
    """A pool that has failed says nothing but that: its space is None, and so is what old kernels do not say."""

    name: str
    mode: str
    data: Space | None = None
    metadata: Space | None = None
    low_watermark: float | None = None
    needs_check: bool = False
    queues: bool | None = None


def parse_pool(target: Target) -> ThinPool:
    """Raises ValueError or IndexError for what no kernel says."""
    if target.failed:
        return ThinPool(target.name, "fail")
    words = target.words
    used_metadata, metadata = parse_ratio(words[1])
    used, blocks = parse_ratio(words[2])
    block_bytes = divide(target.size, blocks)
    return ThinPool(
        target.name,
        words[4],
        Space(used * block_bytes, target.size),
        Space(used_metadata * METADATA_BLOCK_BYTES, metadata * METADATA_BLOCK_BYTES),
        # The newest word, and the last one.
        float(words[-1]) * METADATA_BLOCK_BYTES if words[-1].isdecimal() and len(words) > 6 else None,
        "needs_check" in words,
        "queue_if_no_space" in words,
    )


def build_pool_families(pools: Sequence[ThinPool]) -> list[Metric]:
    known = [one for one in pools if one.data and one.metadata]
    return [
        *_space("data", "Data", [(one.name, one.data) for one in known if one.data]),
        *_space("metadata", "Metadata", [(one.name, one.metadata) for one in known if one.metadata]),
        _gauges(
            "metadata_low_watermark_bytes",
            "Free metadata space below which the kernel raises an event for the thin pool.",
            ((one.name, one.low_watermark) for one in pools if one.low_watermark is not None),
        ),
        gauges(
            "fleetmend_thin_pool_mode",
            "What the thin pool allows: 1 for the mode it is in; only repair brings one that has failed back.",
            ["pool", "mode"],
            one_hot([((one.name,), one.mode) for one in pools], MODES),
        ),
        _gauges(
            "needs_check",
            "Whether the thin pool's metadata must be repaired (thin_check) before it can be used again.",
            ((one.name, one.needs_check) for one in pools),
        ),
        _gauges(
            "queue_if_no_space",
            "Whether writers wait (1) or get an error at once (0) when the thin pool is full.",
            ((one.name, one.queues) for one in pools if one.queues is not None),
        ),
    ]


def _space(part: str, title: str, spaces: Sequence[tuple[str, Space]]) -> list[Metric]:
    return [
        _gauges(
            f"{part}_ratio",
            f"{title} space of the thin pool in use.",
            ((n, divide(s.used, s.size)) for n, s in spaces),
        ),
        _gauges(f"{part}_used_bytes", f"{title} space of the thin pool in use.", ((n, s.used) for n, s in spaces)),
        _gauges(f"{part}_size_bytes", f"{title} space of the thin pool.", ((n, s.size) for n, s in spaces)),
    ]


def _gauges(name: str, text: str, values: Iterable[tuple[str, float]]) -> Metric:
    return gauges(f"fleetmend_thin_pool_{name}", text, ["pool"], [((pool,), float(value)) for pool, value in values])
