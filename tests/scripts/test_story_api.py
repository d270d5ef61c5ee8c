"""The demo's client: it shows the operator's token as soon as there is one."""

from pathlib import Path

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from scripts.story.api import Api


async def test_reads_and_writes_carry_the_token_once_its_file_is_there(tmp_path: Path) -> None:
    seen: list[str] = []

    async def told(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization", ""))
        return web.json_response([])

    app = web.Application()
    app.router.add_route("*", "/v1/apps/web/machines", told)
    token = tmp_path / "operator.token"
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        api = Api(session, str(server.make_url("")).rstrip("/"), lambda: token.read_text().strip())
        assert await api.machines("web") == []
        token.write_text("right\n")
        await api.machines("web")
        await api.ask("POST", "/v1/apps/web/machines", {})
    assert seen == ["", "Bearer right", "Bearer right"]
