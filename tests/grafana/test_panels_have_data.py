"""Every expression runs on the real stores, and every panel has data on sample pages (after a story: tests/e2e)."""

import time
from collections import Counter
from pathlib import Path

import pytest

from remediator.clock import SystemClock
from remediator.store_binary import StoreKind
from tests.grafana.panel_check import panels_without_data
from tests.grafana.sample_pages import TARGET_LABELS, page
from tests.store_lab import has_store, running_store, serving, targets

DEADLINE_SECONDS = 40.0


class SamplePages:
    """Answers discovery and scrapes; counts the scrapes of each job."""

    def __init__(self) -> None:
        self._scrapes: Counter[str] = Counter()

    def __call__(self, path: str, own_address: str) -> str:
        job = path.rpartition("/")[2].partition("?")[0]
        if path.startswith("/sd/"):
            return targets((own_address, {**TARGET_LABELS[job], "__metrics_path__": f"/pages/{job}"}))
        self._scrapes[job] += 1
        return page(job, self._scrapes[job])


@pytest.mark.store
@pytest.mark.parametrize("kind", ["victoriametrics", "prometheus"])
def test_every_panel_has_data_on_sample_pages(kind: StoreKind, tmp_path: Path) -> None:
    if not has_store(kind, tmp_path / "cache"):
        pytest.skip(f"no {kind} here and no way to get one")
    with serving(SamplePages()) as site, running_store(kind, tmp_path, site) as store:
        empty, started = ["not asked yet"], time.perf_counter()
        while empty and time.perf_counter() - started < DEADLINE_SECONDS:
            time.sleep(2)
            empty = _ask(store)
        assert not empty


def _ask(store: str) -> list[str]:
    try:
        return panels_without_data(store, SystemClock().now())
    except OSError:
        return ["the store is not up yet"]
