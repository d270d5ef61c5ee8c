"""What node_exporter calls the elements of a hardware sensor, and in which unit."""

import re
from dataclasses import dataclass

NOT_IN_NAMES = re.compile(r"[^a-z0-9:_]")
MILLI = 0.001
MICRO = 1e6

# Kinds that are whole by themselves: name after node_hwmon_, help, factor.
WHOLE = {
    "beep_enable": ("beep_enabled", "Hardware beep enabled", 1.0),
    "vrm": ("voltage_regulator_version", "Hardware voltage regulator", 1.0),
    "update_interval": ("update_interval_seconds", "Hardware monitor update interval", MILLI),
}
# Kinds with a unit of their own: suffix, help, factor, divisor.
UNITS = {
    "in": ("_volts", "Hardware monitor for voltage", MILLI, 1.0),
    "cpu": ("_volts", "Hardware monitor for voltage", MILLI, 1.0),
    "temp": ("_celsius", "Hardware monitor for temperature", MILLI, 1.0),
    "curr": ("_amps", "Hardware monitor for current", MILLI, 1.0),
    "energy": ("_joule_total", "Hardware monitor for joules used so far", 1.0, MICRO),
    "power": ("_watt", "Hardware monitor for power usage in watts", 1.0, MICRO),
    "humidity": (
        "",
        "Hardware monitor for humidity, as a ratio (multiply with 100.0 to get the humidity as a percentage)",
        1.0,
        MICRO,
    ),
    "fan": ("_rpm", "Hardware monitor for fan revolutions per minute", 1.0, 1.0),
}
SPEEDS = frozenset({"input", "min", "max", "target"})
INTERVALS = frozenset({"average_interval", "average_interval_min", "average_interval_max"})


@dataclass(frozen=True, slots=True)
class Meaning:
    """A metric's name and help; its value is the file's times ``factor`` over ``divisor``."""

    name: str
    text: str
    factor: float = 1.0
    divisor: float = 1.0


def clean_name(text: str) -> str:
    """A text of the driver's as part of a metric's name, or as a label."""
    return NOT_IN_NAMES.sub("_", text.lower()).strip("_")


def meaning_of(kind: str, element: str, *, bare: bool) -> Meaning:
    """``bare`` says that the sensor has a file without an element too, whose value is another than ``input``'s."""
    if kind in WHOLE:
        name, text, factor = WHOLE[kind]
        return Meaning(f"node_hwmon_{name}", text, factor)
    name = f"node_hwmon_{kind}"
    if element and (element != "input" or bare):
        name += f"_{clean_name(element)}"
    return _without_unit(kind, element, name) or _with_unit(kind, element, name)


def _without_unit(kind: str, element: str, name: str) -> Meaning | None:
    if element in {"fault", "alarm"}:
        return Meaning(name, f"Hardware sensor {element} status ({kind})")
    if element == "beep":
        return Meaning(f"{name}_enabled", "Hardware monitor sensor has beeping enabled")
    if kind == "power" and element == "accuracy":
        return Meaning(name, "Hardware monitor power meter accuracy, as a ratio", divisor=MICRO)
    return None


def _with_unit(kind: str, element: str, name: str) -> Meaning:
    if kind == "power" and element in INTERVALS:
        text = f"Hardware monitor power usage update interval ({element})"
        return Meaning(f"{name}_seconds", text, MILLI)
    if kind == "freq" and element == "input":
        return Meaning(f"{name}_freq_mhz", "Hardware monitor for GPU frequency in MHz", divisor=MICRO)
    unitless = (kind == "temp" and element == "type") or (kind == "fan" and element not in SPEEDS)
    if kind not in UNITS or unitless:
        return Meaning(name, f"Hardware monitor {kind} element {element}")
    suffix, text, factor, divisor = UNITS[kind]
    return Meaning(f"{name}{suffix}", f"{text} ({element or 'input'})", factor, divisor)
