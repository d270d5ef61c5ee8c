"""Print remediator/shipped/metrics.txt: name, type and labels of each metric of docs/metrics.md, for the checks.

Usage: python -m scripts.metric_list >remediator/shipped/metrics.txt
"""

import re
from pathlib import Path

DOCUMENT = Path(__file__).parents[1] / "docs" / "metrics.md"
_ROW = re.compile(r"^\| `([a-zA-Z0-9_:]+)` \| (\w+) \| ([^|]*) \|", re.MULTILINE)
_JOB = re.compile(r"^## (?:Job `(\w+)`|.*)", re.MULTILINE)
_HOST = ("host", "region", "rack")
_PROBE = ("vantage", "vantage_region", "vantage_rack")
# What the scrape configuration adds to a job's series; what every exporter says may come from any of them.
TARGET_LABELS = {"host": _HOST, "probe": _PROBE, "": (*_HOST, *_PROBE)}


def listed(document: str) -> str:
    """One line a metric: its name, its type, its labels with those of the scrape target."""
    found: dict[str, tuple[str, set[str]]] = {}
    job = ""
    for line in document.splitlines():
        heading, row = _JOB.match(line), _ROW.match(line)
        if heading:
            job = heading[1] or ""
        elif row:
            labels = set(re.findall(r"`(\w+)`", row[3])) | set(TARGET_LABELS.get(job, ()))
            found.setdefault(row[1], (row[2], set()))[1].update(labels)
    lines = (f"{name} {kind} {','.join(sorted(labels))}" for name, (kind, labels) in sorted(found.items()))
    return "\n".join(["# Made by scripts/metric_list.py from docs/metrics.md.", *lines, ""])


if __name__ == "__main__":
    print(listed(DOCUMENT.read_text("utf-8")), end="")
