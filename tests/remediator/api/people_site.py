"""The public listener over the real desk over a laboratory's real ledger, and people's commands against it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from remediator.api.public import build_public_app
from remediator.api.requests import RequestCounter
from remediator.api.settings import PublicSettings
from remediator.cli import build_parser
from tests.remediator.runtime.lab import Lab
from tests.remediator.runtime.test_runtime_desk import desk

TOKEN = "operator-token"
BY = {"by": "ada", "why": "new psu"}


@dataclass
class Site:
    """The public listener over a desk over a laboratory."""

    lab: Lab
    client: TestClient[web.Request, web.Application]
    folder: Path

    async def say(self, word: str, token: str = TOKEN, **body: Any) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {token}"}
        async with self.client.post(f"/v1/people/{word}", json={**BY, **body}, headers=headers) as response:
            return response.status, await response.json()

    async def read(self, path: str) -> Any:
        async with self.client.get(path) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def run(self, *words: str) -> int:
        """A command as its process would run it, in a thread: it blocks, and the listener is in this loop."""
        (self.folder / "operator.token").write_text(TOKEN)
        url = str(self.client.make_url("")).rstrip("/")
        args = build_parser(words).parse_args([*words, "--url", url, "--data", str(self.folder)])
        code = await asyncio.to_thread(args.run, args)
        assert isinstance(code, int)
        return code


@asynccontextmanager
async def opened_site(folder: Path) -> AsyncIterator[Site]:
    lab = Lab()
    app = build_public_app(
        desk(lab, folder),
        PublicSettings(),
        operator_token=TOKEN,
        requests=RequestCounter(lambda: 0.0),
        metrics_text=bytes,
    )
    async with TestClient(TestServer(app)) as client:
        yield Site(lab, client, folder)
    await lab.outbox.close()
    await lab.ledger.close()
