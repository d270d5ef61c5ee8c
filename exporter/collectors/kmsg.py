"""Trouble that the kernel's log tells of, counted by reason."""

import json
from collections.abc import Mapping
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.families import counters
from exporter.kit import Ask
from exporter.kmsg import REASONS, KernelLog

TEXT = "Lines of the kernel's log that tell of trouble, by reason, since the oldest line that it held at our start."


def parse_counts(output: str) -> dict[str, int]:
    """The privileged reader's ``{"REASON": count}``. ValueError if it is something else."""
    counts = json.loads(output)
    if not isinstance(counts, dict):
        raise ValueError("the kernel log's counts are no object")  # noqa: TRY004
    return {str(reason): int(count) for reason, count in counts.items()}


def build_log_families(counts: Mapping[str, int]) -> list[Metric]:
    """Every reason, also those without a line: a counter that is born at 1 shows no increase."""
    known = dict.fromkeys(REASONS, 0) | dict(counts)
    rows = [([reason], count) for reason, count in known.items()]
    return [counters("fleetmend_kernel_log_events_total", TEXT, ["reason"], rows)]


class KernelLogEvents:
    """Reads the log itself, or asks the privileged reader where that is not allowed."""

    def __init__(self, path: Path, ask: Ask) -> None:
        self._path = path
        self._ask = ask
        self._log: KernelLog | None = None

    def read(self) -> list[Metric]:
        return build_log_families(self._counts())

    def _counts(self) -> dict[str, int]:
        try:
            self._log = self._log or KernelLog(self._path)
        except (PermissionError, FileNotFoundError):
            return parse_counts(self._ask("kmsg").output)
        return self._log.counts()
