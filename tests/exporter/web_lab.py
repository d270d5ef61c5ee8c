"""A server with made-up collectors on a free port, a client that speaks plain HTTP/1.1, and certificates."""

import asyncio
import contextlib
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import bcrypt
import pytest
from prometheus_client.metrics_core import Metric

from exporter.clock import SystemClock
from exporter.families import gauge, gauges, one_hot
from exporter.web.connections import Patience
from exporter.web.flags import WebSettings
from exporter.web.listen import Address, address_of, open_listeners
from exporter.web.pages import Pages
from exporter.web.scrape import STATE_FAMILY, Source
from exporter.web.server import build_guard, serve
from exporter.workers import Workers

DEFAULTS = frozenset({"cpu", "time"})
ON_REQUEST = frozenset({"machines"})
NOT_FOR_EVER = 10.0  # seconds
ANYWHERE = (Address("127.0.0.1", 0),)


@dataclass
class FakeCollect:
    """Answers at once, or when ``gate`` is opened; remembers what it was asked."""

    asked: list[tuple[float, frozenset[str] | None]] = field(default_factory=list)
    gate: asyncio.Event | None = None
    begun: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    padding: int = 0
    error: type[Exception] | None = None

    async def __call__(self, seconds: float, names: frozenset[str] | None) -> Sequence[Metric]:
        self.asked.append((seconds, names))
        self.begun.release()
        if self.error:
            raise self.error
        if self.gate:
            await self.gate.wait()
        states = one_hot([([name], "ok") for name in sorted(names or DEFAULTS)], ["ok", "error"])
        filler = gauges("filler", "Filler.", ["text"], [([f"{number:0100}"], 1.0) for number in range(self.padding)])
        return [
            filler,
            gauge("up_here", "Made up.", 1.0),
            gauges(STATE_FAMILY, "State.", ["collector", "state"], states),
        ]

    async def until_begun(self, times: int) -> None:
        """Wait for so many more scrapes to begin."""
        async with asyncio.timeout(NOT_FOR_EVER):
            for _ in range(times):
                await self.begun.acquire()

    @property
    def source(self) -> Source:
        return Source(self, DEFAULTS | ON_REQUEST, DEFAULTS)


@dataclass(frozen=True)
class Got:
    """An answer; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Site:
    """A running server."""

    port: int
    pages: Pages

    async def get(
        self,
        path: str = "/metrics",
        headers: dict[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
        method: str = "GET",
    ) -> Got:
        """One request on a connection of its own."""
        async with asyncio.timeout(NOT_FOR_EVER):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=tls)
            try:
                await send(writer, path, headers or {}, method)
                return await receive(reader, method)
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()


async def send(writer: asyncio.StreamWriter, path: str, headers: dict[str, str], method: str = "GET") -> None:
    lines = [f"{method} {path} HTTP/1.1", "Host: here", *(f"{name}: {value}" for name, value in headers.items())]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    await writer.drain()


async def receive(reader: asyncio.StreamReader, method: str = "GET") -> Got:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = 0 if method == "HEAD" else int(headers.get("content-length", "0"))
    return Got(int(first.split()[1]), headers, await reader.readexactly(length))


@contextlib.asynccontextmanager
async def serving(
    collect: FakeCollect,
    settings: WebSettings | None = None,
    patience: Patience | None = None,
    config_file: Path | None = None,
) -> AsyncIterator[Site]:
    """Serve in this loop until the block ends."""
    settings = settings or WebSettings(ANYWHERE)
    guard = build_guard(config_file, SystemClock()) if config_file else None
    pages = Pages(settings, ["host"], collect.source, Workers(), guard)
    stopped = asyncio.Event()
    with open_listeners(ANYWHERE) as listeners:
        running = asyncio.create_task(serve(pages, listeners, stopped, patience or Patience()))
        try:
            yield Site(address_of(listeners[0]).port, pages)
        finally:
            stopped.set()
            await running


def hashed(password: str) -> str:
    """A bcrypt hash that is cheap to check."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


@dataclass(frozen=True)
class Authority:
    """Signs certificates with openssl, in one folder."""

    folder: Path

    @property
    def cert(self) -> Path:
        return self.folder / "ca.pem"

    def issue(self, name: str, alternatives: str = "IP:127.0.0.1,DNS:localhost") -> tuple[Path, Path]:
        """Certificate and key, ``<name>.pem`` and ``<name>.key``, written anew."""
        cert, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        asked, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={alternatives}\n")
        openssl("req", *NEW_KEY, "-keyout", key, "-out", asked, "-subj", f"/CN={name}")
        signing = ("-CA", self.cert, "-CAkey", self.folder / "ca.key", "-CAcreateserial", "-extfile", extensions)
        openssl("x509", "-req", "-in", asked, "-out", cert, "-days", "2", *signing)
        return cert, key

    def client(self, most: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED) -> ssl.SSLContext:
        """A client that trusts this authority, and has no certificate of its own."""
        context = ssl.create_default_context(cafile=str(self.cert))
        context.maximum_version = most
        return context


NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def make_authority(folder: Path) -> Authority:
    """A new one; skips the test where there is no openssl."""
    if not shutil.which("openssl"):
        pytest.skip("OPENSSL IS MISSING: no certificates can be made")
    folder.mkdir()
    openssl(
        "req",
        "-x509",
        *NEW_KEY,
        "-keyout",
        folder / "ca.key",
        "-out",
        folder / "ca.pem",
        "-days",
        "2",
        "-subj",
        "/CN=ca",
    )
    return Authority(folder)


def openssl(*arguments: str | Path) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr.decode()
