"""Own targets: lists in http_sd's and file_sd's form, what is refused, what stays when a source is away."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from exporter.clock import SystemClock
from exporter.probe.groups import build_checks, merge_checks, parse_json, parse_yaml
from exporter.probe.modules import BUILT_IN, Http, Module, Prober
from exporter.probe.names import choose
from exporter.probe.prober import Prober as Probing
from exporter.probe.sources import (
    REFRESH_HEADER,
    FileSource,
    HttpSource,
    Source,
    build_source_families,
    describe,
    name_urls,
    parse_refresh,
)
from exporter.probe.target import Place, parse_place

pytestmark = pytest.mark.slow

HTTP, HTTPS, TCP, ICMP = (BUILT_IN[name] for name in ("http", "https", "tcp", "icmp"))
IPMI = Module("ipmi", Prober.IPMI)
API = Module("api", Prober.HTTP, http=Http(path="/api", scheme="https"))


@pytest.mark.parametrize(
    ("target", "module", "place"),
    [
        ("10.0.0.1:9080", HTTP, Place("10.0.0.1", 9080)),
        ("db.internal", HTTP, Place("db.internal", 80)),
        ("db.internal", HTTPS, Place("db.internal", 443, secure=True)),
        ("db.internal:8443", API, Place("db.internal", 8443, "/api", secure=True)),
        ("http://db.internal/x?y=1", API, Place("db.internal", 80, "/x?y=1")),
        ("https://[2001:db8::1]:8443/", HTTP, Place("2001:db8::1", 8443, "/", secure=True)),
        ("[2001:db8::1]:22", TCP, Place("2001:db8::1", 22)),
        ("2001:db8::1", ICMP, Place("2001:db8::1", 0)),
        ("10.0.0.1", ICMP, Place("10.0.0.1", 0)),
        ("10.0.0.1", IPMI, Place("10.0.0.1", 623, secure=True)),
        ("bmc1:6230", IPMI, Place("bmc1", 6230, secure=True)),
    ],
)
def test_where_a_target_is(target: str, module: Module, place: Place) -> None:
    assert parse_place(target, module) == place


@pytest.mark.parametrize(
    ("target", "module", "words"),
    [
        ("", TCP, "is no target"),
        ("a b:1", TCP, "is no target"),
        ("10.0.0.1", TCP, "needs HOST:PORT"),
        ("http://h", TCP, "not a URL"),
        ("ftp://h/", HTTP, "only http and https"),
        ("http://:80/", HTTP, "names no host"),
        ("h:99999", HTTP, "out of range"),
        ("http://u:sesame@h/", HTTP, "must hold no password"),
        ("h\r\nX: y:1", HTTP, "is no target"),
    ],
)
def test_what_cannot_be_asked(target: str, module: Module, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        parse_place(target, module)
    assert "sesame" not in str(caught.value)


def test_the_host_header_names_a_port_that_is_not_the_usual_one() -> None:
    assert parse_place("https://[::1]/", HTTP).authority == "[::1]"
    assert parse_place("h:8080", HTTP).authority == "h:8080"


def test_labels_module_and_instance() -> None:
    groups = parse_json(
        b'[{"targets": ["h1:1", "h2:2"], "labels": {"__param_module": "tcp", "__x": "1", "team": "db", "e": ""}},'
        b' {"targets": ["h3:3"], "labels": {"module": "http", "instance": "three"}}, {"targets": ["h4:4"]}]'
    )
    checks = build_checks(groups, BUILT_IN).checks
    assert [dict(one.labels) for one in checks] == [
        {"instance": "h1:1", "module": "tcp", "team": "db"},
        {"instance": "h2:2", "module": "tcp", "team": "db"},
        {"instance": "three", "module": "http"},
        {"instance": "h4:4", "module": "http_2xx"},
    ]
    assert [one.module.prober for one in checks] == [Prober.TCP, Prober.TCP, Prober.HTTP, Prober.HTTP]


def test_a_target_that_cannot_be_asked_takes_no_other_along() -> None:
    groups = parse_yaml(
        b"- {targets: [h1, 'h2:2'], labels: {module: tcp}}\n- {targets: [h3:3], labels: {module: nonsense}}\n"
        b"- {targets: [h4:4], labels: {phase: x}}\n- {targets: [h5:5], labels: {a-b: x}}\n"
    )
    found = build_checks(groups, BUILT_IN)
    assert [one.target for one in found.checks] == ["h2:2"]
    said = " | ".join(found.problems)
    assert all(words in said for words in ("h1: module tcp needs", "unknown module 'nonsense'", "'phase'", "'a-b'"))


@pytest.mark.parametrize(
    "text", [b"{", b'{"targets": []}', b'[{"targets": "h"}]', b'[{"targets": [1]}]', b"\xff", b"[1]"]
)
def test_what_is_no_list(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_json(text)
    with pytest.raises(ValueError, match=r"."):
        parse_yaml(text)


def test_of_two_lists_the_first_ones_word_counts() -> None:
    labels = {"instance": "x", "module": "tcp"}
    lists = [
        build_checks(parse_json(json.dumps([{"targets": [one], "labels": labels}]).encode()), BUILT_IN)
        for one in ("a:1", "b:2")
    ]
    assert [one.target for one in merge_checks(lists)] == ["a:1"]


@asynccontextmanager
async def following(source: Source) -> AsyncIterator[Callable[[], Any]]:
    """Runs the source; what is yielded waits for its next new list."""
    changed = asyncio.Event()
    task = asyncio.create_task(source.run(changed.set))

    async def wait() -> list[str]:
        async with asyncio.timeout(5):
            await changed.wait()
        changed.clear()
        return [one.target for one in source.kept.list.checks]

    try:
        yield wait
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_file_is_read_again_when_it_has_changed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, new = tmp_path / "targets.yml", tmp_path / "new"
    source = FileSource(path, BUILT_IN, SystemClock(), 0.02)
    async with following(source) as next_list:
        path.write_text("- {targets: ['h1:1'], labels: {module: tcp}}")
        assert await next_list() == ["h1:1"]
        new.write_text("- {targets: ['h1:1', 'h2:2'], labels: {module: tcp}}")
        new.replace(path)
        assert await next_list() == ["h1:1", "h2:2"]
        path.write_text("- {targets: ")
        await asyncio.sleep(0.2)
        assert (len(source.kept.list.checks), source.kept.failures) == (2, 1)
        path.unlink()
        await asyncio.sleep(0.2)
        assert len(source.kept.list.checks) == 2
        path.write_text("")
        assert await next_list() == []
    assert "No such file" in caplog.text
    assert "well again" in caplog.text


async def test_http_sd_and_what_stays_when_it_is_away(caplog: pytest.LogCaptureFixture) -> None:
    told: dict[str, Any] = {"status": 200, "body": [{"targets": ["h1:1"], "labels": {"module": "tcp"}}]}
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.headers[REFRESH_HEADER])
        return web.json_response(told["body"], status=told["status"], headers={REFRESH_HEADER: "1"})

    app = web.Application()
    app.router.add_get("/sd", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    # Asked each hour, were it not for what the other side says.
    url = f"http://joe:sesame@127.0.0.1:{port}/sd?token=sesame"
    source = HttpSource(url, name_urls([url])[0], 3600.0, BUILT_IN, SystemClock())
    async with following(source) as next_list:
        assert await next_list() == ["h1:1"]
        told["body"] = [{"targets": ["h2:2"], "labels": {"module": "tcp"}}]
        assert await next_list() == ["h2:2"]
        told["status"] = 500
        await asyncio.sleep(1.2)
    await runner.cleanup()
    assert [one.target for one in source.kept.list.checks] == ["h2:2"]
    assert source.kept.failures == 1
    assert asked[0] == "3600"
    samples = {one.name: one for family in build_source_families([source.kept]) for one in family.samples}
    assert samples["probe_vantage_targets"].value == 1
    assert samples["probe_vantage_targets_failures_total"].value == 1
    assert "it answered 500" in caplog.text
    assert "sesame" not in caplog.text + samples["probe_vantage_targets"].labels["source"]


def test_a_refresh_that_makes_no_sense_is_no_refresh() -> None:
    assert [parse_refresh(text, 60.0) for text in ("5", "0", "nan", "inf", "-1", "", "soon", "1e9")] == [
        5.0, 1.0, 60.0, 60.0, 1.0, 60.0, 60.0, 3600.0
    ]  # fmt: skip


def test_lists_are_told_apart_without_their_secrets() -> None:
    urls = ["http://u:sesame@sd/a?token=sesame", "http://sd/b", "http://sd/a?token=other"]
    assert name_urls(urls) == ["http://sd/a", "http://sd/b", "http://sd/a#2"]


def test_what_went_wrong_is_told_without_the_url() -> None:
    assert describe(ValueError("it answered 500")) == "it answered 500"
    assert describe(OSError("http://u:sesame@h")) == "OSError"


def test_the_preferred_family_comes_first() -> None:
    assert choose(["::1", "10.0.0.1"], prefer_ip6=False) == "10.0.0.1"
    assert choose(["10.0.0.1", "::1"], prefer_ip6=True) == "::1"
    assert choose(["::1"], prefer_ip6=False) == "::1"
    assert choose([], prefer_ip6=False) == ""


async def test_names_are_looked_up_ahead_and_a_name_without_address_is_our_own_fault(unused_port: int) -> None:
    prober = Probing("p", SystemClock(), lambda: "ok")
    groups = [{"targets": [f"localhost:{unused_port}", "nobody.invalid:1"], "labels": {"module": "fast"}}]
    modules = {"fast": Module("fast", Prober.TCP, timeout=0.2, interval=0.2)}
    prober.check(build_checks(parse_json(json.dumps(groups).encode()), modules).checks)
    task = asyncio.create_task(prober.run(lambda: None))
    for _ in range(100):
        await asyncio.sleep(0.05)
        if len(prober.own.fresh()) == 2:
            break
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    ended = {check.place.host: (str(one.outcome), one.trouble) for check, one in prober.own.fresh()}
    assert ended == {
        "localhost": ("refused", "Connection refused"),
        "nobody.invalid": ("error_here", "nobody.invalid has no address"),
    }
