"""What each cpu is, from /proc/cpuinfo: many labels that hardly change, and so only for those who ask."""

from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.files import read_text
from exporter.families import gauges

# Label, field of the file.
FIELDS = (
    ("package", "physical id"),
    ("core", "core id"),
    ("cpu", "processor"),
    ("vendor", "vendor_id"),
    ("family", "cpu family"),
    ("model", "model"),
    ("model_name", "model name"),
    ("microcode", "microcode"),
    ("stepping", "stepping"),
    ("cachesize", "cache size"),
)


def parse_cpuinfo(text: str) -> list[dict[str, str]]:
    """The fields of each cpu; other architectures have fewer of them, and end with lines of no cpu's."""
    blocks = text.strip().split("\n\n")
    cpus = [{key.strip(): value.strip() for key, _, value in map(_split, block.splitlines())} for block in blocks]
    return [cpu for cpu in cpus if cpu.get("processor", "").isdecimal()]


def _split(line: str) -> tuple[str, str, str]:
    return line.partition(":")


def read_cpu_info(procfs: Path) -> list[Metric]:
    cpus = parse_cpuinfo(read_text(f"{procfs}/cpuinfo"))
    rows = [([cpu.get(field, "") for _, field in FIELDS], 1.0) for cpu in cpus]
    return [gauges("node_cpu_info", "CPU information from /proc/cpuinfo.", [label for label, _ in FIELDS], rows)]
