"""One of our evaluators as a process of its own: ``live_ours STORE FILE... PORT``.

What it says is active is at ``/api/v1/alerts``, in the form of the others; what it records goes into its store.
"""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import msgspec
from aiohttp import web

from remediator.clock import SystemClock
from remediator.model.alert import AlertState, Group
from remediator.model.evidence import Gate
from remediator.policy.alert_files import read_alert_file
from remediator.policy.kept import Kept
from remediator.sources.evaluator import Evaluator
from remediator.sources.schedule import Schedule
from remediator.sources.store import Store
from remediator.sources.write_back import WriteBack
from remediator.sources.written import Block


class Recorded(WriteBack):
    """Recorded series alone: Prometheus' ruler writes ALERTS of the same labels into the same store."""

    def put(self, block: Block) -> None:
        if b"ALERTS" not in block.body:
            super().put(block)


def groups(path: Path) -> tuple[Group, ...]:
    """A rule file's groups, as the product reads them."""
    part = read_alert_file(Kept().content(path), path.name)
    if part is None or part.unread or not part.groups:
        raise SystemExit(f"{path} cannot be read")
    return part.groups


def page(evaluator: Evaluator) -> web.Application:
    async def alerts(_: web.Request) -> web.Response:
        active = [
            {"labels": alert.labels, "state": alert.state.value}
            for alert in evaluator.alerts()
            if alert.state is not AlertState.RESOLVED
        ]
        body = msgspec.json.encode({"status": "success", "data": {"alerts": active}})
        return web.Response(body=body, content_type="application/json")

    application = web.Application()
    application.router.add_get("/api/v1/alerts", alerts)
    return application


async def run(store: str, files: list[str], port: int) -> None:
    """Evaluate, and say what is active, until the process is stopped."""
    clock = SystemClock()
    gate = Gate(open=True, reason="", since=clock.now())
    read = tuple(group for file in files for group in groups(Path(file)))
    with ThreadPoolExecutor(8) as threads, closing(Recorded(store)) as writer:
        asked = Store(store, timedelta(seconds=5))
        evaluator = Evaluator(read, asked, clock, lambda: gate, threads, writer)
        runner = web.AppRunner(page(evaluator), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        await Schedule(evaluator, clock).run()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], sys.argv[2:-1], int(sys.argv[-1])))
