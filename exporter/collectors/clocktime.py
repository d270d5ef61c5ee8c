"""The system's time, zone and clock sources."""

from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.clock import Clock
from exporter.collectors.files import list_names, read_text
from exporter.families import gauge, gauges


def parse_clocksources(available: str, current: str) -> tuple[list[str], str]:
    """The kernel's clock sources and the one in use."""
    return available.split(), current.strip()


def read_time(sysfs: Path, clock: Clock) -> list[Metric]:
    zone, offset = clock.zone()
    return [
        gauge("node_time_seconds", "System time in seconds since epoch (1970).", clock.now()),
        gauges(
            "node_time_zone_offset_seconds", "System time zone offset in seconds.", ["time_zone"], [([zone], offset)]
        ),
        *read_clocksources(sysfs),
    ]


def read_clocksources(sysfs: Path) -> list[Metric]:
    found: list[tuple[str, list[str], str]] = []
    root = f"{sysfs}/devices/system/clocksource"
    for name in list_names(root):
        device = name.removeprefix("clocksource")
        if device != name:
            texts = [read_text(f"{root}/{name}/{which}_clocksource") for which in ("available", "current")]
            found.append((device, *parse_clocksources(texts[0], texts[1])))
    labels = ["device", "clocksource"]
    return [
        gauges(
            "node_time_clocksource_available_info",
            "Available clocksources read from '/sys/devices/system/clocksource'.",
            labels,
            [((device, source), 1.0) for device, available, _ in found for source in available],
        ),
        gauges(
            "node_time_clocksource_current_info",
            "Current clocksource read from '/sys/devices/system/clocksource'.",
            labels,
            [((device, current), 1.0) for device, _, current in found],
        ),
    ]
