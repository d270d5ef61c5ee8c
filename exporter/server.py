"""The HTTP side: /metrics, a landing page, /healthz."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web
from prometheus_client.metrics_core import Metric

from exporter.errors import BadStart
from exporter.page import parse_deadline, render

LANDING = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>fleetmend-exporter</title></head>
<body><h1>fleetmend-exporter</h1><p>{modules}</p>
<p><a href="/metrics">/metrics</a> · <a href="/healthz">/healthz</a></p></body></html>
"""

# Families of a page, no later than so many seconds from now.
Collect = Callable[[float], Awaitable[Sequence[Metric]]]


def build_app(collect: Collect, modules: Sequence[str]) -> web.Application:
    """The three pages; ``collect`` is called once for each scrape."""

    async def metrics(request: web.Request) -> web.Response:
        seconds = parse_deadline(request.headers.get("X-Prometheus-Scrape-Timeout-Seconds", ""))
        families = await collect(seconds)
        accept = ",".join(request.headers.getall("Accept", []))
        page = render(families, accept, request.headers.get("Accept-Encoding", ""))
        return web.Response(body=page.body, headers=page.headers)

    async def landing(_request: web.Request) -> web.Response:
        return web.Response(text=LANDING.format(modules=", ".join(modules)), content_type="text/html")

    async def healthz(_request: web.Request) -> web.Response:
        return web.Response(text="ok")

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics), web.get("/", landing), web.get("/healthz", healthz)])
    return app


def open_listener(host: str, port: int) -> socket.socket:
    """A bound listening socket; BadStart with one line if it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise BadStart(f"cannot listen on {host}:{port}: {reason}") from None
    listener.settimeout(0)
    return listener


async def serve(app: web.Application, listener: socket.socket, stopped: asyncio.Event) -> None:
    """Answer until ``stopped``; open requests get half a second to end."""
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.5)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    try:
        await stopped.wait()
    finally:
        await runner.cleanup()
