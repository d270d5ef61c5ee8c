"""Temperatures, fans, voltages and power of the sensors in /sys/class/hwmon, under node_exporter's names.

``temp1_crit`` of a chip is ``node_hwmon_temp_crit_celsius{chip, sensor="temp1"}``. Values are the driver's, bogus
ones too: a header without a fan says 0 rpm for ever, and a critical 0 or 127 °C is one that nobody set.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.hwmon_names import Meaning, clean_name, meaning_of
from exporter.collectors.sysfs import find_attribute, list_folder, open_folder, parse_number
from exporter.errors import NoData
from exporter.families import Row, counters, gauges

KINDS = frozenset({
    "vrm", "beep_enable", "update_interval", "in", "cpu", "fan", "pwm", "temp", "curr", "power", "energy", "humidity",
    "intrusion", "freq",
})  # fmt: skip
FILE = re.compile(r"^([^0-9]+)([0-9]*)(?:_(.+))?$")
LABELS = ("chip", "sensor")


@dataclass(frozen=True, slots=True)
class Element:
    """A file of a sensor: ``fan1_input`` is element *input* of the sensor *fan1*, whose kind is *fan*."""

    folder: str
    file: str
    kind: str
    sensor: str
    element: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A file to be read at each scrape, and what is made of it."""

    folder: str
    file: str
    labels: tuple[str, str]
    meaning: Meaning


@dataclass(frozen=True, slots=True)
class Chip:
    """``name`` is unique and stays over reboots; ``human`` is what the driver calls the chip, if anything.

    ``sensor_labels`` are the driver's words for its sensors.
    """

    name: str
    human: str
    sensor_labels: dict[str, str]
    readings: tuple[Reading, ...]


def parse_element(folder: str, file: str) -> Element | None:
    """None for a file that is no sensor's."""
    found = FILE.match(file)
    if not found or found[1] not in KINDS:
        return None
    return Element(folder, file, found[1], f"{found[1]}{int(found[2] or 0)}", found[3] or "")


def name_chip(folder: Path) -> str:
    """By bus and device, which no order of loading changes; else by driver; else by number."""
    device = folder / "device"
    if device.exists():
        place = device.resolve()
        parts = [clean_name(place.parent.name), clean_name(place.name)]
        if parts[1]:
            return "_".join(part for part in parts if part)
    return clean_name(find_attribute(f"{folder}/name") or "") or clean_name(folder.resolve().name)


def read_chip(folder: Path) -> Chip:
    """Older drivers keep their sensors beside the device."""
    places = [place for place in (folder, folder / "device") if place.is_dir()]
    files = [path for place in places for name in list_folder(place) if (path := place / name).is_file()]
    found = [parse_element(str(path.parent), path.name) for path in files]
    elements = list({(one.sensor, one.element): one for one in found if one}.values())
    labels = {one.sensor: find_attribute(f"{one.folder}/{one.file}") for one in elements if one.element == "label"}
    known = {sensor: label for sensor, label in labels.items() if label is not None}
    name = name_chip(folder)
    return Chip(
        name, clean_name(find_attribute(f"{folder}/name") or ""), known, tuple(_readings(name, elements, known))
    )


def _readings(chip: str, elements: list[Element], labels: dict[str, str]) -> Iterator[Reading]:
    bare = {one.sensor for one in elements if not one.element}
    for one in elements:
        sensor: str | None = one.sensor
        if one.kind == "freq" and one.element == "input":
            # Frequencies go by their label, and have no metric without one.
            sensor = clean_name(labels[one.sensor]) if one.sensor in labels else None
        if one.element != "label" and sensor is not None:
            meaning = meaning_of(one.kind, one.element, bare=one.sensor in bare)
            yield Reading(one.folder, one.file, (chip, sensor), meaning)


def read_values(chips: Iterable[Chip]) -> dict[Meaning, list[Row]]:
    """Rows by what they mean; what the driver refuses just now, as of a fan that is asleep, has none."""
    values: dict[Meaning, list[Row]] = {}
    readings = [one for chip in chips for one in chip.readings]
    for place, found in groupby(readings, key=lambda one: one.folder):
        with suppress(FileNotFoundError), open_folder(place) as folder:
            for meaning, row in _rows(found, folder):
                values.setdefault(meaning, []).append(row)
    return values


def _rows(readings: Iterable[Reading], folder: int) -> Iterator[tuple[Meaning, Row]]:
    for one in readings:
        number = parse_number(find_attribute(one.file, folder))
        if number is not None:
            yield one.meaning, (one.labels, number * one.meaning.factor / one.meaning.divisor)


def build_value_families(values: dict[Meaning, list[Row]]) -> list[Metric]:
    """Sensors that word one metric differently (``in0`` and ``in1_input``) are one family."""
    texts: dict[str, str] = {}
    rows: dict[str, list[Row]] = {}
    for meaning, found in values.items():
        texts.setdefault(meaning.name, meaning.text)
        rows.setdefault(meaning.name, []).extend(found)
    return [
        (counters if name.endswith("_total") else gauges)(name, texts[name], LABELS, found)
        for name, found in rows.items()
    ]


def build_name_families(chips: Iterable[Chip]) -> list[Metric]:
    names: list[Row] = [((chip.name, chip.human), 1.0) for chip in chips if chip.human]
    labels: list[Row] = [
        ((chip.name, sensor, label), 1.0) for chip in chips for sensor, label in chip.sensor_labels.items()
    ]
    return [
        gauges(
            "node_hwmon_chip_names", "Annotation metric for human-readable chip names", ("chip", "chip_name"), names
        ),
        gauges("node_hwmon_sensor_label", "Label for given chip and sensor", (*LABELS, "label"), labels),
    ]


class Sensors:
    """Remembers what files each chip has: they are made when its driver binds, and their folder is made anew then."""

    def __init__(self, sysfs: Path) -> None:
        self._root = sysfs / "class/hwmon"
        self._chips: dict[tuple[str, int], Chip] = {}

    def read(self) -> list[Metric]:
        folders = [self._root / name for name in list_folder(self._root)]
        keys = {(folder.name, folder.stat().st_ino): folder for folder in folders if folder.is_dir()}
        if not keys:
            raise NoData("no sensors")
        self._chips = {key: self._chips.get(key) or read_chip(folder) for key, folder in keys.items()}
        chips = list(self._chips.values())
        return [*build_name_families(chips), *build_value_families(read_values(chips))]
