"""Stand-ins for what a machine without the hardware cannot ask: texts that real commands gave; looks at families."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.errors import NoData
from exporter.kit import Answer

TREE = Path(__file__).parent / "fixtures"
Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def ask_bmc(source: str) -> Answer:
    """What a privileged reader would say of a BMC."""
    file = TREE / "ipmi" / f"{source.removeprefix('ipmi_')}.txt"
    if not file.exists():
        raise NoData(source)
    return Answer(file.read_text(), 1_700_000_000.0, 0.5)


def call_systemctl(argv: Sequence[str]) -> str:
    """What systemctl printed on a host with a unit of each kind."""
    words = " ".join(argv)
    name = "list-units" if "list-units" in words else "manager" if "SystemState" in words else "units"
    return (TREE / "systemd" / f"{name}.txt").read_text()


def series(families: Iterable[Metric]) -> Series:
    """Values by name and labels; an empty label is none."""
    samples = (sample for family in families for sample in family.samples)
    return {(one.name, frozenset((k, v) for k, v in one.labels.items() if v)): one.value for one in samples}


def value(families: Iterable[Metric], name: str, /, **labels: str) -> float | None:
    """Of the one series of that name with exactly these labels; None if there is none."""
    return series(families).get((name, frozenset(labels.items())))


def write_tree(root: Path, files: dict[str, str]) -> Path:
    """Files with their texts, and their folders."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root
