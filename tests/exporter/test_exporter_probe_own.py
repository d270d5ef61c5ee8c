"""A prober of its own lists as a real process: its page, its /probe, and what modules see."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
import requests

from tests.exporter.probe_lab import certify, mute, nobody, saying, server_context, serving
from tests.exporter.scraped import Scraped, scrape

pytestmark = pytest.mark.slow

MODULES = """
modules:
  http: {prober: http, timeout: 300ms, interval: 400ms}
  tcp: {prober: tcp, timeout: 300ms, interval: 400ms}
  icmp: {prober: icmp, timeout: 300ms, interval: 400ms}
  tls: {prober: tcp, timeout: 300ms, interval: 400ms, tcp: {tls: true}, tls_config: {ca_file: trusted.pem}}
  https: {prober: http, timeout: 300ms, interval: 400ms, http: {scheme: https}, tls_config: {ca_file: trusted.pem}}
  strict:
    prober: http
    timeout: 300ms
    interval: 400ms
    http: {fail_if_body_not_matches_regexp: ["status: ok"]}
"""
HELLO = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
Start = Callable[..., str]


class Site:
    """Servers of every kind, and lists of them."""

    def __init__(self, folder: Path, ports: dict[str, int]) -> None:
        self.folder = folder
        self.ports = ports

    def groups(self) -> list[dict[str, object]]:
        asked = {
            "well": "http", "greeter": "strict", "mute": "http", "gone": "tcp", "nobody": "tcp", "secure": "https",
            "expired": "https", "stranger": "tls",
        }  # fmt: skip
        named: list[dict[str, object]] = [
            {"targets": [f"127.0.0.1:{self.ports[name]}"], "labels": {"module": module, "instance": name}}
            for name, module in asked.items()
        ]
        return [*named, {"targets": ["127.0.0.1"], "labels": {"module": "icmp", "instance": "ping", "team": "net"}}]

    def start(self, start: Start) -> str:
        (self.folder / "modules.yml").write_text(MODULES)
        (self.folder / "targets.json").write_text(json.dumps(self.groups()))
        targets, modules = str(self.folder / "targets.json"), str(self.folder / "modules.yml")
        return start("probe", "--targets.file", targets, "--modules.file", modules)


@pytest.fixture
async def site(tmp_path: Path, unused_port: int) -> AsyncIterator[Site]:
    good, expired = certify(tmp_path, "good"), certify(tmp_path, "expired", end="20200102000000Z")
    stranger = certify(tmp_path, "stranger")
    (tmp_path / "trusted.pem").write_text(good.read_text() + expired.read_text())
    async with AsyncExitStack() as stack:
        ports = {"gone": unused_port, "nobody": await stack.enter_async_context(nobody())}
        ports["well"] = await stack.enter_async_context(serving(saying(HELLO)))
        ports["greeter"] = await stack.enter_async_context(serving(saying(HELLO)))
        ports["mute"] = await stack.enter_async_context(serving(mute))
        for name, certificate in (("secure", good), ("expired", expired), ("stranger", stranger)):
            server = serving(saying(HELLO), ssl=server_context(certificate))
            ports[name] = await stack.enter_async_context(server)
        yield Site(tmp_path, ports)


async def page_of(site: Site, start_exporter: Start) -> Scraped:
    """As soon as every target has been asked."""
    url = await asyncio.to_thread(site.start, start_exporter)
    for _ in range(50):
        page = await asyncio.to_thread(scrape, url)
        if len(page.rows("probe_success")) == 9:
            return page
        await asyncio.sleep(0.1)
    pytest.fail("not every target was asked within five seconds")


OUTCOMES = {
    "well": "ok", "greeter": "wrong_answer", "mute": "wrong_answer", "gone": "refused", "nobody": "silent",
    "secure": "ok", "expired": "wrong_answer", "stranger": "wrong_answer", "ping": "ok",
}  # fmt: skip


async def test_the_page_of_own_targets(site: Site, start_exporter: Start) -> None:
    page = await page_of(site, start_exporter)
    ended = {one.labels["instance"]: one.labels["outcome"] for one in page.rows("probe_outcome") if one.value}
    assert ended == OUTCOMES
    assert {one.labels["instance"]: one.value for one in page.rows("probe_success")} == {
        name: float(outcome == "ok") for name, outcome in OUTCOMES.items()
    }
    # Silence of what no remediator assigned is nobody's vote.
    assert page.rows("probe_silent") == []
    assert page.value("probe_http_status_code", instance="well") == 200
    assert page.value("probe_http_status_code", instance="mute") == 0
    assert page.value("probe_failed_due_to_regex", instance="greeter") == 1
    assert page.value("probe_failed_due_to_regex", instance="well") == 0
    assert page.value("probe_http_ssl", instance="secure") == 1
    phases = {one.labels["phase"]: one.value for one in page.rows("probe_http_duration_seconds", instance="secure")}
    assert phases.keys() == {"resolve", "connect", "tls", "processing", "transfer"}
    assert 0 < sum(phases.values()) <= page.value("probe_duration_seconds", instance="secure") + 1e-6
    assert page.value("probe_http_duration_seconds", instance="well", phase="tls") == 0
    assert page.value("probe_ssl_earliest_cert_expiry", instance="secure") == 4102358400
    assert page.value("probe_ssl_earliest_cert_expiry", instance="expired") == 1577923200
    assert page.value("probe_ip_protocol", instance="gone") == 4
    assert 0 < page.value("probe_icmp_duration_seconds", instance="ping", phase="rtt", team="net") < 0.3
    assert page.value("probe_vantage_targets") == 9
    # How many of them come late is the business of whatever else runs here.
    assert len(page.rows("probe_vantage_probes_skipped_total")) == 1
    assert page.value("probe_vantage_schedule_lag_seconds_count") >= 9
    assert page.value("probe_vantage_probes_total", outcome="error_here") == 0


async def ask(url: str, **parameters: str) -> requests.Response:
    return await asyncio.to_thread(lambda: requests.get(f"{url}/probe", params=parameters, timeout=10))


async def test_one_target_asked_now(site: Site, start_exporter: Start) -> None:
    url = await asyncio.to_thread(site.start, start_exporter)
    well = await ask(url, target=f"http://localhost:{site.ports['well']}/", module="http")
    assert "\nprobe_success 1.0\n" in well.text
    assert "\nprobe_http_status_code 200.0\n" in well.text
    assert "probe_dns_lookup_time_seconds" in well.text
    assert "probe_vantage" not in well.text
    nobody = await ask(url, target=f"127.0.0.1:{site.ports['nobody']}", module="tcp")
    assert "\nprobe_success 0.0\n" in nobody.text
    assert 'probe_outcome{outcome="silent"} 1.0' in nobody.text


async def test_words_about_a_probe(site: Site, start_exporter: Start) -> None:
    url = await asyncio.to_thread(site.start, start_exporter)
    said = (await ask(url, target=f"127.0.0.1:{site.ports['expired']}", module="https", debug="true")).text
    assert "certificate has expired" in said
    assert "wrong_answer after" in said
    assert "probe_ssl_earliest_cert_expiry 1.5779232e+09" in said


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({}, "Target parameter is missing"),
        ({"target": "x" * 3000}, "too long"),
        ({"target": "h", "module": "nonsense"}, "Unknown module 'nonsense'"),
        ({"target": "h", "module": "tcp"}, "needs HOST:PORT"),
        ({"target": "h:1/x y", "module": "http"}, "is no target"),
    ],
)
def test_what_cannot_be_asked_for(
    parameters: dict[str, str], words: str, start_exporter: Start, tmp_path: Path
) -> None:
    (tmp_path / "m.yml").write_text("modules: {}")
    url = start_exporter("probe", "--modules.file", str(tmp_path / "m.yml"))
    answer = requests.get(f"{url}/probe", params=parameters, timeout=10)
    assert answer.status_code == 400
    assert words in answer.text


async def test_only_so_many_at_once(start_exporter: Start, tmp_path: Path) -> None:
    (tmp_path / "m.yml").write_text("modules: {tcp: {prober: tcp, timeout: 1s}}")
    url = await asyncio.to_thread(start_exporter, "probe", "--modules.file", str(tmp_path / "m.yml"))
    async with nobody() as port, aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def status() -> int:
            query = {"target": f"127.0.0.1:{port}", "module": "tcp"}
            async with session.get(f"{url}/probe", params=query) as answer:
                return answer.status

        statuses = await asyncio.gather(*(status() for _ in range(80)))
    assert (statuses.count(200), statuses.count(503)) == (50, 30)
    assert (await ask(url, target="127.0.0.1:1", module="tcp")).status_code == 200


def test_promtool_has_nothing_to_say(site: Site, start_exporter: Start) -> None:
    page = requests.get(f"{site.start(start_exporter)}/metrics", timeout=10).text
    try:
        done = subprocess.run(
            ["promtool", "check", "metrics"], input=page, text=True, capture_output=True, timeout=20, check=False
        )
    except FileNotFoundError:
        pytest.skip("PROMTOOL IS MISSING: the page is not checked")
    assert done.stdout + done.stderr == ""
