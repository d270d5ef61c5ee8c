"""The public listener in a thread of its own, over a control in memory: what generated requests are sent to."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import web

from remediator.api.fakes.control import FakeControl
from remediator.api.fakes.fleet import troubled_control, troubled_fleet
from remediator.api.public import build_public_app
from remediator.api.requests import RequestCounter
from remediator.api.settings import PublicSettings

TOKEN = "operator-token-for-conformance"
# In every full config of the control; nobody but who may read configs sees it.
SECRET = "swordfish"
NOW = datetime(2026, 8, 10, 3, 12, 5, tzinfo=UTC)


class Told(logging.Handler):
    """Every line that the server logs."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@dataclass(frozen=True)
class Served:
    url: str
    log: Told
    paths: frozenset[tuple[str, str]]
    control: FakeControl
    token: str = TOKEN

    def said(self) -> str:
        return "\n".join(self.log.lines)

    def renew(self) -> None:
        """The fleet as it was in the beginning: what one operation stops or destroys is not another's trouble."""
        self.control.world = troubled_fleet(NOW)
        self.control.life.leases.clear()


def public_app(control: FakeControl | None = None) -> web.Application:
    """As it is served, over the fleet in the middle of a bad night."""
    control = control or troubled_control(NOW)
    control.life.told |= {"exec": {"exit_code": 0, "stdout": "", "stderr": ""}, "ps": {"processes": []}}
    return build_public_app(
        control,
        PublicSettings(),
        operator_token=TOKEN,
        requests=RequestCounter(lambda: 0.0),
        metrics_text=lambda: b"fleetmend_gate_open 1\n",
    )


def paths_of(app: web.Application) -> frozenset[tuple[str, str]]:
    """Method and path of whatever the application serves; HEAD comes with every GET."""
    routes = ((route.method, route.resource.canonical) for route in app.router.routes() if route.resource)
    return frozenset(each for each in routes if each[0] != "HEAD")


@contextmanager
def serving() -> Iterator[Served]:
    """The listener on a free port of the loopback."""
    loop, told = asyncio.new_event_loop(), Told()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    logging.getLogger().addHandler(told)
    control = troubled_control(NOW)
    app = public_app(control)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    try:
        port = asyncio.run_coroutine_threadsafe(_opened(runner), loop).result(10)
        yield Served(f"http://127.0.0.1:{port}", told, paths_of(app), control)
    finally:
        logging.getLogger().removeHandler(told)
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _opened(runner: web.AppRunner) -> int:
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port: int = runner.addresses[0][1]
    return port
