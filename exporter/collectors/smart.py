"""What disks say of their own health: smartctl's JSON, by way of the privileged reader."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client.metrics_core import Metric

from exporter.clock import Clock
from exporter.collectors.smart_fields import (
    ATTRIBUTE_FLAGS,
    ATTRIBUTE_LABELS,
    ATTRIBUTE_VALUES,
    HOUR,
    IDENTITY,
    LOGS,
    MINUTE,
    NUMBERS,
    SCSI_LABELS,
    SCSI_NUMBERS,
    Logs,
    Number,
)
from exporter.errors import NoData
from exporter.families import Row, gauges
from exporter.kit import Ask

Report = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Disk:
    """``report`` is smartctl's newest, of unix seconds ``at``; both are empty if it has never answered."""

    name: str
    answers: bool
    at: float
    report: Report


def parse_disks(output: str) -> list[Disk]:
    """The reader's list. A disk whose report is no JSON does not answer. ValueError if the list is none."""
    try:
        return [_parse_disk(one) for one in json.loads(output)["devices"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no list of disks: {type(error).__name__}: {error}") from None


def _parse_disk(one: dict[str, Any]) -> Disk:
    name = build_name(one["device"], one["type"])
    try:
        report = json.loads(one["output"] or "{}")
    except ValueError:
        return Disk(name, answers=False, at=0.0, report={})
    return Disk(name, one["state"] == "ok" and bool(report), one["at"], report)


def build_name(device: str, kind: str) -> str:
    """``sda``; with the type where one device file stands for several disks: ``bus_0_megaraid_1``."""
    name = device.removeprefix("/dev/")
    if "," in kind:
        name = f"{name}_{kind}"
    return name.removeprefix("disk/by-id/").replace("/", "_").replace(",", "_")


def find(report: Report, path: str) -> Any:
    """What is there; None if anything on the way is not."""
    here: Any = report
    for name in path.split("."):
        here = here.get(name) if isinstance(here, dict) else None
    return here


def find_number(report: Report, path: str) -> float | None:
    found = find(report, path)
    return float(found) if isinstance(found, (int, float)) else None


def find_text(report: Report, path: str) -> str:
    found = find(report, path)
    return "" if found is None else str(found).strip()


def build_number_family(number: Number, disks: Sequence[Disk], labels: Sequence[tuple[str, str]] = ()) -> Metric:
    rows: list[Row] = [
        ((disk.name, *(find_text(disk.report, path) for _, path in labels)), found * number.unit)
        for disk in disks
        if (found := find_number(disk.report, number.path)) is not None
    ]
    return gauges(number.metric, number.text, ["device", *(label for label, _ in labels)], rows)


def build_log_family(logs: Logs, disks: Sequence[Disk]) -> Metric:
    rows: list[Row] = [
        ((disk.name, kind), found)
        for disk in disks
        for kind, log in (find(disk.report, logs.path) or {}).items()
        if (found := find_number(log, logs.number)) is not None
    ]
    return gauges(logs.metric, logs.text, ["device", logs.label], rows)


def build_identity_family(disks: Sequence[Disk]) -> Metric:
    rows: list[Row] = [((one.name, *(find_text(one.report, path) for _, path in IDENTITY)), 1.0) for one in disks]
    return gauges("smartctl_device", "Device info", ["device", *(label for label, _ in IDENTITY)], rows)


def build_attribute_family(disks: Sequence[Disk]) -> Metric:
    rows = [row for disk in disks for row in _attribute_rows(disk)]
    return gauges("smartctl_device_attribute", "Device attributes", ATTRIBUTE_LABELS, rows)


def _attribute_rows(disk: Disk) -> Iterator[Row]:
    for one in find(disk.report, "ata_smart_attributes.table") or ():
        flags = one.get("flags", {})
        long = ",".join(name for name in ATTRIBUTE_FLAGS if flags.get(name))
        for kind, path in ATTRIBUTE_VALUES:
            if (found := find_number(one, path)) is not None:
                name, short = find_text(one, "name"), find_text(one, "flags.string")
                yield (disk.name, name, short, long, kind, find_text(one, "id")), found


def build_temperature_family(disks: Sequence[Disk]) -> Metric:
    rows: list[Row] = [
        ((disk.name, kind), float(degrees))
        for disk in disks
        for kind, degrees in (find(disk.report, "temperature") or {}).items()
        if isinstance(degrees, (int, float))
    ]
    return gauges("smartctl_device_temperature", "Device temperature celsius", ["device", "temperature_type"], rows)


def build_age_families(disks: Sequence[Disk]) -> list[Metric]:
    """Hours and minutes are two numbers of the report, blocks of two kinds are two of its paths."""
    on = [(one, find_number(one.report, "power_on_time.hours")) for one in disks]
    minutes = {one.name: find_number(one.report, "power_on_time.minutes") or 0.0 for one in disks}
    blocks: list[Row] = [
        ((one.name, kind), found)
        for one in disks
        for kind in ("logical", "physical")
        if (found := find_number(one.report, f"{kind}_block_size")) is not None
    ]
    return [
        gauges(
            "smartctl_device_power_on_seconds",
            "Device power on seconds",
            ["device"],
            [((one.name,), hours * HOUR + minutes[one.name] * MINUTE) for one, hours in on if hours is not None],
        ),
        gauges("smartctl_device_block_size", "Device block size", ["device", "blocks_type"], blocks),
    ]


def build_report_families(disks: Sequence[Disk]) -> list[Metric]:
    """All that smartctl said, none of it mended; what it did not say is left out."""
    known = [one for one in disks if one.report]
    return [
        *(build_number_family(number, known) for number in NUMBERS),
        *(build_number_family(number, known, SCSI_LABELS) for number in SCSI_NUMBERS),
        *(build_log_family(logs, known) for logs in LOGS),
        *build_age_families(known),
        build_identity_family(known),
        build_temperature_family(known),
        build_attribute_family(known),
    ]


def build_disk_families(disks: Sequence[Disk], now: float) -> list[Metric]:
    return [
        gauges(
            "fleetmend_smart_up",
            "Whether smartctl gets an answer of the disk.",
            ["device"],
            [((one.name,), float(one.answers)) for one in disks],
        ),
        gauges(
            "fleetmend_smart_age_seconds",
            "How long ago the disk was asked for what is told of it here; it is asked in the background.",
            ["device"],
            [((one.name,), max(0.0, now - one.at)) for one in disks if one.at],
        ),
    ]


class SmartDisks:
    """Keeps what it has read: disks are asked once a minute, and a report is long."""

    def __init__(self, ask: Ask, clock: Clock) -> None:
        self._ask = ask
        self._clock = clock
        self._at = 0.0
        self._disks: list[Disk] = []
        self._families: list[Metric] = []

    def read(self) -> list[Metric]:
        """Raises NoData without a reader, smartctl or disks, OSError or ValueError if it failed."""
        answer = self._ask("smart")
        if answer.at != self._at:
            self._disks = parse_disks(answer.output)
            self._families, self._at = build_report_families(self._disks), answer.at
        if not self._disks:
            raise NoData("no disk that smartctl knows")
        return self._families + build_disk_families(self._disks, self._clock.now())
