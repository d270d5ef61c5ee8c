"""The agent's own HTTP: whether it is there, for people and for its peers, and the operator's freeze."""

import msgspec
from aiohttp import web

from remediator.agent.bell import Bell
from remediator.agent.frozen import Frozen
from remediator.agent.peering import Peering
from remediator.model.errors import BadInput, PermanentError, Problem

_BODY_BYTES = 16_384


class Server:
    """Listens on one address; says nothing of machines to anybody."""

    def __init__(self, frozen: Frozen, peering: Peering, bell: Bell) -> None:
        self._frozen = frozen
        self._peering = peering
        self._bell = bell
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen.

        Raises:
            BadInput: the address is in use or not this host's.
        """
        app = web.Application(client_max_size=_BODY_BYTES)
        app.add_routes([
            web.get("/healthz", self._health),
            web.get("/v1/freeze", self._show),
            web.post("/v1/freeze", self._freeze),
            web.get("/v1/peer", self._peer),
        ])  # fmt: skip
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port, reuse_address=True).start()
        except OSError as error:
            raise BadInput(
                [Problem("--listen", 0, 0, f"cannot listen on {host}:{port}: {error.strerror}")]
            ) from error

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()

    async def _health(self, _: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def _show(self, _: web.Request) -> web.Response:
        return web.json_response({"frozen": self._frozen.text})

    async def _peer(self, request: web.Request) -> web.Response:
        """A peer asks whether we are there; what we answer is signed, and remembered."""
        try:
            asked = request.query
            return web.json_response(self._peering.answer(asked.get("from", ""), asked.get("nonce", "")))
        except PermanentError as error:
            return web.json_response({"error": str(error)}, status=400)

    async def _freeze(self, request: web.Request) -> web.Response:
        try:
            document = msgspec.json.decode(await request.read(), type=dict[str, object])
            await self._frozen.take(document)
        except msgspec.MsgspecError:
            return web.json_response({"error": "the body is no JSON object"}, status=400)
        except PermanentError as error:
            return web.json_response({"error": str(error)}, status=403)
        self._bell.ring()
        return web.json_response({"frozen": self._frozen.text})
