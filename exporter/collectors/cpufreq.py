"""Frequencies of each cpu and what governs them, from /sys/devices/system/cpu; no data where nothing does."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.files import list_names, read_optional, read_optional_number
from exporter.collectors.throttles import list_cpus
from exporter.errors import NoData
from exporter.families import gauges

HERTZ = 1000.0  # in one of the kernel's units
# File, name after node_cpu_, help. The first is often root's alone.
FREQUENCIES = (
    ("cpuinfo_cur_freq", "frequency_hertz", "Current cpu thread frequency in hertz."),
    ("cpuinfo_min_freq", "frequency_min_hertz", "Minimum cpu thread frequency in hertz."),
    ("cpuinfo_max_freq", "frequency_max_hertz", "Maximum cpu thread frequency in hertz."),
    ("scaling_cur_freq", "scaling_frequency_hertz", "Current scaled CPU thread frequency in hertz."),
    ("scaling_min_freq", "scaling_frequency_min_hertz", "Minimum scaled CPU thread frequency in hertz."),
    ("scaling_max_freq", "scaling_frequency_max_hertz", "Maximum scaled CPU thread frequency in hertz."),
)


@dataclass(frozen=True, slots=True)
class Scaling:
    """One cpu's frequencies in hertz by file, its governor, and those it could have."""

    hertz: Mapping[str, float]
    governor: str
    governors: tuple[str, ...]


def build_frequency_families(cpus: Mapping[str, Scaling]) -> list[Metric]:
    return [
        *(
            gauges(
                f"node_cpu_{name}",
                text,
                ["cpu"],
                [([cpu], scaling.hertz[file]) for cpu, scaling in cpus.items() if file in scaling.hertz],
            )
            for file, name, text in FREQUENCIES
        ),
        gauges(
            "node_cpu_scaling_governor",
            "Current enabled CPU frequency governor.",
            ["cpu", "governor"],
            [
                ((cpu, one), float(one == scaling.governor))
                for cpu, scaling in cpus.items()
                for one in scaling.governors
            ],
        ),
    ]


def read_cpufreq(sysfs: Path) -> list[Metric]:
    folders = list_cpus(f"{sysfs}/devices/system/cpu")
    cpus = {cpu: scaling for cpu, folder in folders.items() if (scaling := _read_scaling(f"{folder}/cpufreq"))}
    if not cpus:
        raise NoData("no cpu's frequency is governed")
    return build_frequency_families(cpus)


def _read_scaling(folder: str) -> Scaling | None:
    """None for a cpu that is offline, or whose frequency nobody here governs."""
    try:
        present = list_names(folder)
    except FileNotFoundError:
        return None
    numbers = {file: read_optional_number(f"{folder}/{file}") for file, *_ in FREQUENCIES if file in present}
    hertz = {file: number * HERTZ for file, number in numbers.items() if number is not None}
    governor, available = (
        read_optional(f"{folder}/{file}") or "" for file in ("scaling_governor", "scaling_available_governors")
    )
    return Scaling(hertz, governor, tuple(available.split()))
