"""The whole story on real processes and a real store."""

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from tests.e2e.demo_run import played, processes_naming, standing
from tests.grafana.panel_check import panels_without_data

pytestmark = [pytest.mark.e2e, pytest.mark.live]
ALL = {"power", "cut", "returns", "full", "burst", "outage", "crashes", "away"}


def _held(report: dict[str, object]) -> dict[str, str]:
    """The trouble of every step that did not hold."""
    steps = report["steps"]
    assert isinstance(steps, list)
    return {step["name"]: step["trouble"] for step in steps if not step["ok"]}


def test_the_whole_story_holds_is_seen_in_grafana_and_a_browser_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with standing(tmp_path, "--keep", str(tmp_path / "kept")) as demo:
        report = demo.report()
        assert _held(report) == {}, demo.told()
        assert {step["name"] for step in report["steps"]} == ALL
        assert report["ok"] is True
        assert report["wrong_kills"] == 0
        assert 0 < report["power_cut_to_dead_s"] <= report["power_cut_to_replaced_s"]
        assert report["return_to_undead_gone_s"] >= 0
        page, store = demo.places()
        assert panels_without_data(store, datetime.now(UTC)) == []  # noqa: TID251
        _page_is_seen(page, tmp_path / "page.png")
        assert processes_naming(str(tmp_path / "kept"))
        assert demo.interrupt() == 0
    assert processes_naming(str(tmp_path / "kept")) == []
    assert (tmp_path / "kept" / "remediator" / "data" / "journal.db").exists()
    _no_secret_in_logs(tmp_path / "kept" / "logs")


def _page_is_seen(page: str, picture: Path) -> None:
    """A real browser draws the page; the test looks at what the page's script made of the fleet."""
    assert "h1" in requests.get(f"{page}/v1/status", timeout=10).text
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.fail("chromium is missing: the status page was not seen in a browser")
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    command += [f"--user-data-dir={picture.parent / 'browser'}", "--window-size=1400,1800"]
    command += ["--virtual-time-budget=4000", "--dump-dom", page]
    drawn = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True)
    for word in ("h1", "h5", "iad-burst1-1", "host_dead"):
        assert word in drawn.stdout


def _no_secret_in_logs(logs: Path) -> None:
    """Each worker's environment holds a sentence that only its own host may know."""
    files = list(logs.glob("*.log"))
    assert files
    for file in files:
        assert "may know this" not in file.read_text(errors="replace"), file


def test_killing_the_remediator_in_the_middle_changes_nothing_in_the_end(tmp_path: Path) -> None:
    steps = [flag for step in ("power", "returns", "burst") for flag in ("--only", step)]
    code, report, told = played(tmp_path / "out.json", "--kill-remediator", "power@2,returns@0.2,burst@2.5", *steps)
    assert _held(report) == {}, told
    assert code == 0
    assert report["wrong_kills"] == 0
    assert told.count("kill -9 of the remediator") == 3


def test_hosts_as_loopback_addresses_play_the_same_faults(tmp_path: Path) -> None:
    steps = [flag for step in ("power", "cut", "returns") for flag in ("--only", step)]
    code, report, told = played(tmp_path / "out.json", "--relay", *steps)
    assert _held(report) == {}, told
    assert code == 0


def test_prometheus_works_in_the_store_s_place(tmp_path: Path) -> None:
    if shutil.which("prometheus") is None:
        pytest.skip("!! prometheus is missing: not shown to work in the store's place")
    code, report, told = played(
        tmp_path / "out.json", "--store-kind", "prometheus", "--only", "power", "--only", "full"
    )
    assert _held(report) == {}, told
    assert code == 0
