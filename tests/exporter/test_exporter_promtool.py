"""promtool on a live page of each exporter: it may complain of nothing that it does not say of node_exporter."""

import asyncio
import shutil
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from exporter.fakes import JOIN_TOKEN, FakeRemediator

ALLOWED = Path(__file__).parent / "promtool_allowed.txt"
LONGEST_LIST = 85  # lower it whenever a line goes

pytestmark = pytest.mark.skipif(not shutil.which("promtool"), reason="PROMTOOL IS MISSING: pages are not checked")


def allowed() -> set[str]:
    lines = ALLOWED.read_text().splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def test_the_allowed_list_only_shrinks_and_is_node_exporters() -> None:
    assert len(allowed()) <= LONGEST_LIST
    assert all(line.startswith(("node_", "ipmi_", "lvm_", "smartctl_")) for line in allowed())


def scrape(url: str) -> str:
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        return str(answer.read(), "utf-8")


def complaints(page: str) -> set[str]:
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=page, text=True, capture_output=True, timeout=20, check=False
    )
    return set((done.stdout + done.stderr).splitlines())


def test_the_page_of_a_host_that_has_everything() -> None:
    page = (Path(__file__).parent / "fixtures" / "golden.prom").read_text()
    assert "node_hwmon_temp_celsius" in page
    assert complaints(page) - allowed() == set()


@pytest.mark.parametrize("module", ["host", "disk"])
def test_host_and_disk_pages(module: str, start_exporter: Callable[..., str]) -> None:
    page = scrape(start_exporter(module))
    assert "node_scrape_collector_success" in page
    assert complaints(page) - allowed() == set()


async def test_orchestrator_page(start_exporter: Callable[..., str], full_state: dict[str, Any]) -> None:
    async with FakeRemediator(state=full_state) as remediator:
        page = await asyncio.to_thread(lambda: scrape(start_exporter("orchestrator", "--state-url", remediator.url)))
    assert "fleetmend_orchestrator_up 1.0" in page
    assert complaints(page) == set()


async def test_orchestrator_page_without_a_remediator(start_exporter: Callable[..., str], unused_port: int) -> None:
    url = start_exporter("orchestrator", "--state-url", f"http://127.0.0.1:{unused_port}")
    page = await asyncio.to_thread(scrape, url)
    assert "fleetmend_orchestrator_up 0.0" in page
    assert "host_inventory_info" not in page
    assert complaints(page) == set()


async def test_probe_page(start_exporter: Callable[..., str], tmp_path: Path) -> None:
    async with FakeRemediator() as remediator:
        address, _, port = remediator.url.removeprefix("http://").partition(":")
        remediator.targets = [{"host": "h1", "region": "arn", "rack": "r2", "address": address, "port": int(port)}]
        flags = ["--vantage", "p-r1", "--region", "arn", "--rack", "r1", "--remediator", remediator.url]
        flags += ["--join-token", JOIN_TOKEN, "--token-file", str(tmp_path / "token")]
        url = await asyncio.to_thread(start_exporter, "probe", *flags)
        await remediator.wait_for(lambda: any(report["results"] for report in remediator.reports))
        page = await asyncio.to_thread(scrape, url)
    assert 'probe_success{host="h1",rack="r2",region="arn"} 1.0' in page
    assert complaints(page) == set()
