"""Two organisations on one fleet, their tokens, and the public listener over the real desk."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from remediator.api.public import build_public_app
from remediator.api.requests import RequestCounter
from remediator.api.settings import PublicSettings
from remediator.model.app import App
from remediator.model.host import HostStatus
from remediator.model.machine import Snapshot
from remediator.model.token import Access, TokenAsk
from remediator.settings import RateLimits, WebSettings
from remediator.tenants import Tenants
from tests.remediator.builders import NOON, host, machine, volume
from tests.remediator.runtime.lab import SETTINGS, Lab
from tests.remediator.runtime.test_runtime_desk import desk

OPERATOR = "operator-token"
UNLIMITED = RateLimits(enabled=False)
Client = TestClient[web.Request, web.Application]


@dataclass
class Town:
    """``acme`` owns app web (machine a1, volume va), ``globex`` owns app vault (machine g1, volume vg)."""

    lab: Lab
    client: Client
    tenants: Tenants
    app: web.Application
    secrets: dict[str, str] = field(default_factory=dict)

    async def token(self, name: str, access: Access = Access.WRITE, org: str = "acme", app: str = "") -> str:
        ask = TokenAsk(name, access, "" if access in (Access.OPERATOR, Access.MONITOR) else org, app, by="tests")
        _, self.secrets[name] = await self.tenants.tokens.make(ask)
        return self.secrets[name]

    async def ask(self, token: str, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        shown = {"Authorization": f"Bearer {token}"} if token else {}
        async with self.client.request(method, path, json=body, headers={**shown, **headers}) as response:
            told = await response.read()
            return response.status, told.decode()

    async def get(self, token: str, path: str, **headers: str) -> tuple[int, Any]:
        return await self.ask(token, "GET", path, **headers)

    def reads(self) -> list[str]:
        """The path pattern of everything that can be read."""
        return [path for method, path in self.endpoints() if method == "GET"]

    def endpoints(self) -> list[tuple[str, str]]:
        """Methods with path patterns."""
        routes = self.app.router.routes()
        return sorted({(route.method, route.resource.canonical) for route in routes if route.resource})


@asynccontextmanager
async def opened_town(
    folder: Path,
    onlookers: str = "loopback",
    *,
    served: bool = True,
    lab: Lab | None = None,
    limits: RateLimits = UNLIMITED,
) -> AsyncIterator[Town]:
    """With a client of its own, unless somebody else is to serve the application."""
    lab = lab or Lab()
    asked = replace(SETTINGS, web=WebSettings(onlookers=onlookers), rate_limits=limits)
    tenants = Tenants(lab.ledger, lab.clock, asked)
    await lab.put(host("h1"), host("h2", status=HostStatus.UNREACHABLE))
    await lab.put(App("web", "acme", "default", NOON), App("vault", "globex", "default", NOON))
    for app, name, on in (("web", "a1", "h1"), ("web", "a2", "h2"), ("vault", "g1", "h1"), ("vault", "g2", "h2")):
        await lab.put(machine(name, on, app=app))
    for app, name in (("web", "va"), ("vault", "vg")):
        await lab.put(replace(volume(name), app=app), Snapshot(f"s{name}", name, app, NOON, 5, "ab" * 32))
    held = {"a1": "acme-secret", "g1": "globex-secret"}
    lab.configs.learn("h1", [{"id": name, "config": {"env": {"KEY": text}}} for name, text in held.items()])
    app_of_all = build_public_app(
        desk(lab, folder),
        PublicSettings(tenancy=tenants.tenancy()),
        operator_token=OPERATOR,
        requests=RequestCounter(lambda: 0.0),
        metrics_text=bytes,
    )
    client = TestClient(TestServer(app_of_all if served else web.Application()))
    async with client:
        yield Town(lab, client, tenants, app_of_all)
    await lab.outbox.close()
    await lab.ledger.close()
