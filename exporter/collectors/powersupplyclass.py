"""Power supplies and batteries, from /sys/class/power_supply."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.sysfs import find_attribute, list_folder, open_folder, parse_number
from exporter.errors import NoData
from exporter.families import gauges

MICRO = 1e6
TENTH = 10.0  # of a degree

# The kernel's files whose names the metrics keep, and those whose names they do not; by what one unit is divided by.
NUMBERS: dict[str, tuple[str, float]] = {
    **{name: (name, 1) for name in ("authentic", "calibrate", "capacity", "online", "present")},
    **{name: (name, 1) for name in ("capacity_alert_max", "capacity_alert_min")},
    "cycle_count": ("cyclecount", 1),
    "time_to_empty_now": ("time_to_empty_seconds", 1),
    "time_to_full_now": ("time_to_full_seconds", 1),
    **{f"current_{name}": (f"current_{name}", MICRO) for name in ("boot", "max")},
    **{f"energy_{name}": (f"energy_{name}", MICRO) for name in ("empty", "empty_design", "full", "full_design")},
    **{f"charge_{name}": (f"charge_{name}", MICRO) for name in ("empty", "empty_design", "full", "full_design")},
    **{f"voltage_{name}": (f"voltage_{name}", MICRO) for name in ("boot", "max", "max_design", "min", "min_design")},
    "voltage_ocv": ("voltage_ocv", MICRO),
    "current_now": ("current_ampere", MICRO),
    "energy_now": ("energy_watthour", MICRO),
    "voltage_now": ("voltage_volt", MICRO),
    "charge_now": ("charge_ampere", MICRO),
    "power_now": ("power_watt", MICRO),
    **{f"charge_{name}": (f"charge_{name}", MICRO) for name in ("control_limit", "control_limit_max", "counter")},
    "charge_term_current": ("charge_term_current", MICRO),
    "constant_charge_current": ("constant_charge_current", MICRO),
    "constant_charge_current_max": ("constant_charge_current_max", MICRO),
    "constant_charge_voltage": ("constant_charge_voltage", MICRO),
    "constant_charge_voltage_max": ("constant_charge_voltage_max", MICRO),
    "precharge_current": ("precharge_current", MICRO),
    "input_current_limit": ("input_current_limit", MICRO),
    "temp": ("temp_celsius", TENTH),
    **{f"temp_{name}": (f"temp_{name}_celsius", TENTH) for name in ("alert_max", "alert_min", "max", "min")},
    **{f"temp_ambient{name}": (f"temp_ambient{name}_celsius", TENTH) for name in ("", "_max", "_min")},
}
TEXTS = (
    "capacity_level", "charge_type", "health", "manufacturer", "model_name", "scope", "serial_number", "status",
    "technology", "type", "usb_type",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Supply:
    """One supply: its attributes as the kernel words them."""

    name: str
    attributes: dict[str, str]


def read_supply(root: Path, name: str) -> Supply:
    """Attributes that the driver refuses are left out."""
    with open_folder(f"{root}/{name}") as folder:
        # Asked for one by one, an attribute that the supply lacks would cost as much as one that it has.
        wanted = [file for file in list_folder(root / name) if file in NUMBERS or file in TEXTS]
        return Supply(name, {file: text for file in wanted if (text := find_attribute(file, folder))})


def build_supply_families(supplies: Sequence[Supply]) -> list[Metric]:
    info = [((one.name, *(one.attributes.get(text, "") for text in TEXTS)), 1.0) for one in supplies]
    return [
        gauges(
            "node_power_supply_info",
            "info of /sys/class/power_supply/<power_supply>.",
            ("power_supply", *TEXTS),
            info,
        ),
        *(_number_family(supplies, file) for file in NUMBERS if any(file in one.attributes for one in supplies)),
    ]


def _number_family(supplies: Sequence[Supply], file: str) -> Metric:
    name, unit = NUMBERS[file]
    numbers = ((one.name, parse_number(one.attributes.get(file))) for one in supplies)
    rows = [((supply,), number / unit) for supply, number in numbers if number is not None]
    text = f"{name} value of /sys/class/power_supply/<power_supply>."
    return gauges(f"node_power_supply_{name}", text, ["power_supply"], rows)


def read_power_supplies(sysfs: Path, ignore: str = "^$") -> list[Metric]:
    root = sysfs / "class/power_supply"
    names = [name for name in list_folder(root) if not re.search(ignore, name)]
    if not names:
        raise NoData("no power supplies")
    return build_supply_families([read_supply(root, name) for name in names])
