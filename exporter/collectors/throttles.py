"""How often heat slowed cpus down, from thermal_throttle in /sys/devices/system/cpu."""

from collections.abc import Mapping

from prometheus_client.metrics_core import Metric

from exporter.collectors.files import list_names, read_optional, read_optional_number
from exporter.families import counters

# What is counted, its labels, help.
KINDS = (
    ("core", ("package", "core"), "Number of times this CPU core has been throttled."),
    ("package", ("package",), "Number of times this CPU package has been throttled."),
)

# For each kind, the file that counts by label values.
ThrottleCounts = Mapping[str, Mapping[tuple[str, ...], str]]


def list_cpus(folder: str) -> dict[str, str]:
    """The folder of each cpu, by its number; none in a container that hides them."""
    try:
        names = list_names(folder)
    except FileNotFoundError:
        return {}
    return {name[3:]: f"{folder}/{name}" for name in names if name.startswith("cpu") and name[3:].isdecimal()}


def find_throttle_counts(folder: str) -> ThrottleCounts:
    """One file for each core and each package: all the threads of one tell the same."""
    found: dict[str, dict[tuple[str, ...], str]] = {kind: {} for kind, *_ in KINDS}
    for cpu in list_cpus(folder).values():
        place = {name: read_optional(f"{cpu}/topology/{name}") for name in ("physical_package_id", "core_id")}
        package, core = place["physical_package_id"], place["core_id"]
        if package is None or core is None:
            continue
        for kind, key in (("core", (package, core)), ("package", (package,))):
            path = f"{cpu}/thermal_throttle/{kind}_throttle_count"
            if key not in found[kind] and read_optional_number(path) is not None:
                found[kind][key] = path
    return found


def read_throttles(files: ThrottleCounts) -> list[Metric]:
    """Kinds that no cpu counts have no rows."""
    read = {kind: [(key, read_optional_number(path)) for key, path in files[kind].items()] for kind in files}
    return [
        counters(
            f"node_cpu_{kind}_throttles_total",
            text,
            labels,
            [(key, count) for key, count in read[kind] if count is not None],
        )
        for kind, labels, text in KINDS
    ]
