"""The pages as a client sees them: choosing collectors, limits, formats, methods, landing page."""

import asyncio
import gzip
import socket

import pytest
from aiohttp import web

from exporter.errors import BadStart
from exporter.web.answers import plain
from exporter.web.flags import WebSettings
from exporter.web.scrape import BadQuery, parse_wanted
from tests.exporter.web_lab import ANYWHERE, DEFAULTS, FakeCollect, receive, send, serving

OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
SOURCE = FakeCollect().source


@pytest.mark.parametrize(
    ("collect", "exclude", "wanted"),
    [
        ([], [], None),
        (["cpu"], [], {"cpu"}),
        (["cpu", "machines"], [], {"cpu", "machines"}),
        ([], ["cpu"], {"time"}),
        ([], ["cpu", "time"], set()),
        # What runs only if it is asked for does not begin to by excluding another.
        ([], ["machines"], DEFAULTS),
    ],
)
def test_which_collectors_a_query_wants(collect: list[str], exclude: list[str], wanted: set[str] | None) -> None:
    assert parse_wanted(frozenset(collect), frozenset(exclude), SOURCE) == wanted


@pytest.mark.parametrize(
    ("collect", "exclude", "words"),
    [
        (["cpu"], ["time"], "Combined collect and exclude queries are not allowed."),
        (["cpus"], [], "missing collector: 'cpus' (did you mean cpu?)"),
        ([], ["zfs"], "missing collector: 'zfs' (there are: cpu, machines, time)"),
        ([""], [], "missing collector: ''"),
    ],
)
def test_queries_that_cannot_be(collect: list[str], exclude: list[str], words: str) -> None:
    with pytest.raises(BadQuery) as raised:
        parse_wanted(frozenset(collect), frozenset(exclude), SOURCE)
    assert words in str(raised.value)


async def test_a_scrape_names_its_collectors_and_its_deadline() -> None:
    collect = FakeCollect()
    async with serving(collect) as site:
        got = await site.get("/metrics?collect%5B%5D=cpu", {"X-Prometheus-Scrape-Timeout-Seconds": "5"})
        both = await site.get("/metrics?collect[]=cpu&exclude[]=time")
        unknown = await site.get("/metrics?collect[]=<b>")
    assert got.status == 200
    assert b"up_here 1.0\n" in got.body
    assert collect.asked == [(4.5, frozenset({"cpu"}))]
    assert (both.status, unknown.status) == (400, 400)
    assert unknown.headers["content-type"].startswith("text/plain")
    assert unknown.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("1e9", 120.0),
        ("0", 9.5),
        ("-3", 9.5),
        ("nan", 9.5),
        ("inf", 9.5),
        ("1e-300", 0.1),
        ("10, 20", 9.5),
        ("x" * 4000, 9.5),
    ],
)
async def test_a_nonsensical_timeout_is_held_to_reason(said: str, seconds: float) -> None:
    collect = FakeCollect()
    async with serving(collect) as site:
        got = await site.get(headers={"X-Prometheus-Scrape-Timeout-Seconds": said})
    assert got.status == 200
    assert collect.asked == [(seconds, None)]


async def test_formats_and_compression_by_negotiation() -> None:
    async with serving(FakeCollect(padding=100)) as site:
        plain = await site.get()
        packed = await site.get(headers={"Accept-Encoding": "gzip"})
        openmetrics = await site.get(headers={"Accept": OPENMETRICS})
    assert plain.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert openmetrics.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert openmetrics.body.endswith(b"# EOF\n")


async def test_a_large_page_is_written_beside_the_loop() -> None:
    async with serving(FakeCollect(padding=200_000)) as site:
        slow = asyncio.create_task(site.get())
        await asyncio.sleep(0.05)
        quick = await site.get("/healthz")
        assert (quick.status, slow.done()) == (200, False)
        got = await slow
    assert got.body.count(b"\nfiller{") == 200_000


async def test_methods_and_paths() -> None:
    async with serving(FakeCollect()) as site:
        head = await site.get(method="HEAD")
        whole = await site.get()
        post = await site.get(method="POST")
        missing = await site.get("/metrics/")
    assert (head.status, head.headers["content-length"]) == (200, whole.headers["content-length"])
    assert (post.status, post.headers["allow"]) == (405, "GET, HEAD")
    assert missing.status == 404


async def test_too_many_scrapes_at_once_are_refused_at_once() -> None:
    collect = FakeCollect(gate=asyncio.Event())
    assert collect.gate
    async with serving(collect, WebSettings(ANYWHERE, max_requests=2)) as site:
        waiting = [asyncio.create_task(site.get()) for _ in range(2)]
        await collect.until_begun(2)
        refused = await site.get()
        health = await site.get("/healthz")
        collect.gate.set()
        answered = [*await asyncio.gather(*waiting), await site.get()]
    assert refused.status == 503
    assert refused.body == b"Limit of concurrent requests reached (2), try again later.\n"
    assert health.status == 200
    assert [got.status for got in answered] == [200, 200, 200]


async def test_any_number_of_scrapes_if_there_is_no_limit() -> None:
    collect = FakeCollect(gate=asyncio.Event())
    assert collect.gate
    async with serving(collect, WebSettings(ANYWHERE, max_requests=0)) as site:
        waiting = [asyncio.create_task(site.get()) for _ in range(60)]
        await collect.until_begun(60)
        collect.gate.set()
        assert {got.status for got in await asyncio.gather(*waiting)} == {200}


async def test_a_client_that_leaves_frees_its_place_and_breaks_nobody() -> None:
    collect = FakeCollect(gate=asyncio.Event())
    assert collect.gate
    async with serving(collect, WebSettings(ANYWHERE, max_requests=2)) as site:
        with socket.create_connection(("127.0.0.1", site.port)) as leaving:
            leaving.sendall(b"GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n")
            await collect.until_begun(1)
            staying = asyncio.create_task(site.get())
            await collect.until_begun(1)
        collect.gate.set()
        assert (await staying).status == 200
        assert [(await site.get()).status for _ in range(3)] == [200] * 3


async def test_a_bug_costs_one_answer(caplog: pytest.LogCaptureFixture) -> None:
    collect = FakeCollect(error=ZeroDivisionError)
    async with serving(collect) as site:
        broken = await site.get()
        collect.error = None
        again = await site.get()
    assert (broken.status, again.status) == (500, 200)
    assert "ZeroDivisionError" in caplog.text


async def test_landing_page_lists_collectors_with_their_last_state() -> None:
    async with serving(FakeCollect(), WebSettings(ANYWHERE, path="/stats/metrics")) as site:
        before = await site.get("/")
        await site.get("/stats/metrics")
        await site.get("/stats/metrics?collect[]=machines")
        after = await site.get("/")
        gone = await site.get("/metrics")
    assert b'<a href="/stats/metrics">' in before.body
    assert (
        b'<a href="/stats/metrics?collect%5B%5D=cpu">cpu</a></td><td>not asked yet</td><td>always</td>' in before.body
    )
    assert b">cpu</a></td><td>ok</td><td>always</td>" in after.body
    assert b">machines</a></td><td>ok</td><td>if asked for</td>" in after.body
    assert after.headers["content-security-policy"].startswith("default-src 'none'")
    assert after.headers["x-frame-options"] == "deny"
    assert gone.status == 404


async def test_metrics_at_the_root() -> None:
    async with serving(FakeCollect(), WebSettings(ANYWHERE, path="/")) as site:
        assert b"up_here" in (await site.get("/")).body


async def test_health_and_no_word_of_what_serves_it() -> None:
    async with serving(FakeCollect()) as site:
        healthz, readyz = await site.get("/healthz"), await site.get("/readyz")
    assert (healthz.status, healthz.body, readyz.status, readyz.body) == (200, b"ok\n", 200, b"ready\n")
    assert healthz.headers["server"] == "fleetmend-exporter"


async def test_requests_one_after_the_other_on_one_connection() -> None:
    async with serving(FakeCollect()) as site:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        for _ in range(2):
            await send(writer, "/metrics", {})
        assert [(await receive(reader)).status for _ in range(2)] == [200, 200]
        writer.close()
        await writer.wait_closed()


async def test_pages_of_a_modules_own() -> None:
    async def answer(_request: web.BaseRequest) -> web.Response:
        return plain(200, "probed")

    async with serving(FakeCollect()) as site:
        site.pages.add({"/probe": answer})
        assert (await site.get("/probe")).body == b"probed\n"
        assert b'<a href="/probe">' in (await site.get("/")).body
        with pytest.raises(BadStart, match="/probe is another page"):
            site.pages.add({"/probe": answer})
