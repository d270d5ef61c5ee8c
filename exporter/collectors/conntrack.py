"""Connection tracking: how full its table is and what it dropped; no data where the kernel tracks nothing."""

from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.files import parse_number, read_present, read_text
from exporter.families import gauge

# Column of the file, help.
COLUMNS = (
    ("found", "Number of searched entries which were successful."),
    ("invalid", "Number of packets seen which can not be tracked."),
    ("ignore", "Number of packets seen which are already connected to a conntrack entry."),
    ("insert", "Number of entries inserted into the list."),
    ("insert_failed", "Number of entries for which list insertion was attempted but failed."),
    ("drop", "Number of packets dropped due to conntrack failure."),
    (
        "early_drop",
        "Number of dropped conntrack entries to make room for new ones, if maximum table size was reached.",
    ),
    ("search_restart", "Number of conntrack table lookups which had to be restarted due to hashtable resizes."),
)


def parse_conntrack(text: str) -> dict[str, int]:
    """Sums over all cpus by column: a head of names, then for each cpu a line of hexadecimal counts.

    ValueError for a line of another length.
    """
    names, *rows = (line.split() for line in text.splitlines())
    cpus = [dict(zip(names, (int(count, 16) for count in row), strict=True)) for row in rows]
    return {name: sum(counts[name] for counts in cpus) for name in names}


def read_conntrack(procfs: Path) -> list[Metric]:
    folder = f"{procfs}/sys/net/netfilter"
    entries, limit = (parse_number(read_present(f"{folder}/nf_conntrack_{name}")) for name in ("count", "max"))
    counts = _read_counts(procfs)
    return [
        gauge(
            "node_nf_conntrack_entries",
            "Number of currently allocated flow entries for connection tracking.",
            entries,
        ),
        gauge("node_nf_conntrack_entries_limit", "Maximum size of connection tracking table.", limit),
        *(gauge(f"node_nf_conntrack_stat_{name}", text, counts[name]) for name, text in COLUMNS if name in counts),
    ]


def _read_counts(procfs: Path) -> dict[str, int]:
    """None where only root may read them: how full the table is is still told."""
    try:
        return parse_conntrack(read_text(f"{procfs}/net/stat/nf_conntrack"))
    except (FileNotFoundError, PermissionError):
        return {}
