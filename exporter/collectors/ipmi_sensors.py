"""Sensors of a BMC, as ``ipmitool sensor`` and ``ipmitool sdr elist`` list them."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import nan

from prometheus_client.metrics_core import Metric

from exporter.collectors.sysfs import parse_number
from exporter.families import Row, gauges

NOMINAL, WARNING, CRITICAL = 0.0, 1.0, 2.0
# The BMC's word on a threshold: which one was crossed, or "ns" where there is no reading.
STATES = {"ok": NOMINAL, "nc": WARNING, "lnc": WARNING, "unc": WARNING}
STATES |= dict.fromkeys(("cr", "lcr", "ucr", "nr", "lnr", "unr"), CRITICAL)
READING = re.compile(r"^(-?\d+(?:\.\d+)?) ?([A-Za-z%][A-Za-z %]*)$")

# What sensors without a number say: the first that fits counts, for "uncorrectable" holds "correctable".
WORDS = (
    (re.compile(r"deasserted|not exceeded|transition to ok", re.IGNORECASE), NOMINAL),
    (re.compile(r"uncorrectable|non-recoverable|non-redundant", re.IGNORECASE), CRITICAL),
    (re.compile(r"non-critical|degraded|correctable|throttled|inactive|rebuild", re.IGNORECASE), WARNING),
    (
        re.compile(
            r"fail|fault|lost|critical|parity|thermal trip|ierr|config error|out.of.range|exceeded|absent",
            re.IGNORECASE,
        ),
        CRITICAL,
    ),
)
SILENT = frozenset({"", "na", "no reading", "disabled", "not readable", "unknown"})
# Units that have metrics of their own: name, help, help of the state.
UNITS = {
    "degrees C": ("temperature", "celsius", "Temperature reading in degree Celsius.", "temperature sensor"),
    "RPM": ("fan_speed", "rpm", "Fan speed in rotations per minute.", "fan speed sensor"),
    "Volts": ("voltage", "volts", "Voltage reading in Volts.", "voltage sensor"),
    "Amps": ("current", "amperes", "Current reading in Amperes.", "current sensor"),
    "Watts": ("power", "watts", "Power reading in Watts.", "power sensor"),
}
LEVELS = "(0=nominal, 1=warning, 2=critical)"
LABELS = ("id", "name")


@dataclass(frozen=True, slots=True)
class Sensor:
    """``value`` in ``unit``, NaN without a number; ``state`` 0 nominal, 1 warning, 2 critical, NaN unknown."""

    number: str
    name: str
    unit: str
    value: float
    state: float


def parse_sensors(text: str) -> list[Sensor]:
    """Lines that are no sensor's (locators of controllers and boards) are left out. ValueError if nothing is left."""
    rows = [[cell.strip() for cell in line.split("|")] for line in text.splitlines() if "|" in line]
    parsed = (
        parse_listed(row) if len(row) == 5 else parse_detailed(row, place)
        for place, row in enumerate(rows, 1)
        if len(row) in {5, 10}
    )
    sensors = [sensor for sensor in parsed if sensor]
    if not sensors:
        raise ValueError("no sensor in what ipmitool said")
    return sensors


def parse_listed(row: Sequence[str]) -> Sensor | None:
    """``Inlet Temp | 04h | ok | 7.1 | 24 degrees C``; numbers are the BMC's own."""
    name, number, status, _, reading = row
    if "MC @" in reading or "FRU @" in reading:
        return None
    number = str(int(number.rstrip("h"), 16))
    found = READING.match(reading)
    if found:
        return Sensor(number, name, found[2], float(found[1]), STATES.get(status, nan))
    return Sensor(number, name, "discrete", nan, judge(reading, status))


def parse_detailed(row: Sequence[str], place: int) -> Sensor | None:
    """``Inlet Temp | 24.000 | degrees C | ok | …`` and six thresholds; the line's number tells equal names apart.

    A discrete sensor says which of its states are asserted: ``PS1 Status | 0x1 | discrete | 0x0180 | …``.
    """
    name, reading, unit, status = row[:4]
    value = parse_number(reading) if unit != "discrete" else None
    state = STATES.get(status, nan) if value is not None else nan
    return Sensor(str(place), name, unit, nan if value is None else value, state)


def judge(reading: str, status: str) -> float:
    """The state of a sensor that speaks in words, the gravest of them; without any, what its status says."""
    if reading.lower() in SILENT:
        return nan
    said = [next((state for pattern, state in WORDS if pattern.search(word)), NOMINAL) for word in reading.split(",")]
    return max(*said, STATES.get(status, NOMINAL))


def build_sensor_families(sensors: list[Sensor]) -> list[Metric]:
    """Value and state of each sensor, both even where one of them is unknown."""
    duties = [one for one in sensors if one.unit == "percent" and "fan" in one.name.lower()]
    families = [
        gauges(
            "ipmi_fan_speed_ratio",
            "Fan speed as a proportion of the maximum speed.",
            LABELS,
            _rows(duties, lambda one: one.value / 100),
        )
    ]
    for unit, (quantity, metric, text, what) in UNITS.items():
        found = [one for one in sensors if one.unit == unit]
        judged = found + duties if unit == "RPM" else found
        families += [
            gauges(f"ipmi_{quantity}_{metric}", text, LABELS, _rows(found, lambda one: one.value)),
            gauges(
                f"ipmi_{quantity}_state",
                f"Reported state of a {what} {LEVELS}.",
                LABELS,
                _rows(judged, lambda one: one.state),
            ),
        ]
    return [*families, *build_other_families([one for one in sensors if one.unit not in UNITS and one not in duties])]


def build_other_families(sensors: list[Sensor]) -> list[Metric]:
    values: list[Row] = [((one.number, one.name, one.unit), one.value) for one in sensors]
    states: list[Row] = [((one.number, one.name, one.unit), one.state) for one in sensors]
    return [
        gauges(
            "ipmi_sensor_value",
            "Generic data read from an IPMI sensor of unknown type, relying on labels for context.",
            (*LABELS, "type"),
            values,
        ),
        gauges(
            "ipmi_sensor_state",
            f"Indicates the severity of the state reported by an IPMI sensor {LEVELS}.",
            (*LABELS, "type"),
            states,
        ),
    ]


def _rows(sensors: list[Sensor], part: Callable[[Sensor], float]) -> list[Row]:
    return [((one.number, one.name), part(one)) for one in sensors]
