"""Pushing to a store: what is sent, and what is tried again."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from exporter.families import gauge
from exporter.push import (
    LONGEST_BACKOFF_SECONDS,
    Push,
    Pusher,
    backoff_seconds,
    classify_status,
    hide_password,
    import_url,
)
from exporter.settings import PushSettings

FAMILIES = [gauge("room", "Room.", 2.0)]


@pytest.mark.parametrize(
    ("status", "result"),
    [(204, Push.DONE), (200, Push.DONE), (500, Push.AGAIN), (503, Push.AGAIN), (429, Push.AGAIN)]
    + [(status, Push.REFUSED) for status in (400, 401, 404, 413, 302)],
)
def test_what_is_tried_again(status: int, result: Push) -> None:
    assert classify_status(status) is result


def test_backoff_doubles_to_a_ceiling() -> None:
    assert [backoff_seconds(failures, 1.0) for failures in (1, 2, 3)] == [0.5, 1.0, 2.0]
    assert backoff_seconds(1000, 1.0) == LONGEST_BACKOFF_SECONDS
    assert backoff_seconds(3, 0.0) == 1.0


def test_endpoint_of_a_base_url() -> None:
    assert import_url("http://vm:8428/") == "http://vm:8428/api/v1/import/prometheus"
    full = "http://vm:8480/insert/0/prometheus/api/v1/import/prometheus"
    assert import_url(full) == full


def test_no_password_is_told() -> None:
    assert hide_password("http://user:secret@vm:8428/x") == "http://vm:8428/x"


@pytest.fixture
async def store() -> AsyncIterator[tuple[str, list[tuple[web.Request, bytes]]]]:
    """A store that keeps what it is sent and answers 204."""
    got: list[tuple[web.Request, bytes]] = []

    async def take(request: web.Request) -> web.Response:
        got.append((request, await request.read()))
        return web.Response(status=204)

    app = web.Application()
    app.add_routes([web.post("/api/v1/import/prometheus", take)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", got
    await runner.cleanup()


def push_once(url: str) -> Push:
    pusher = Pusher(PushSettings(url, 1.0, {"instance": "h1", "region": "arn"}))
    try:
        return pusher.push(FAMILIES)
    finally:
        pusher.close()


async def test_a_page_arrives_compressed_with_its_labels(store: tuple[str, list[tuple[web.Request, bytes]]]) -> None:
    url, got = store
    assert await asyncio.to_thread(push_once, url) is Push.DONE
    ((request, body),) = got
    assert request.query.getall("extra_label") == ["instance=h1", "region=arn"]
    # aiohttp has undone the compression that the header told of.
    assert request.headers["Content-Encoding"] == "gzip"
    assert b"room 2.0" in (gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)


def test_a_store_that_is_away_is_tried_again(unused_port: int) -> None:
    assert push_once(f"http://127.0.0.1:{unused_port}") is Push.AGAIN
