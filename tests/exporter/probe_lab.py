"""An engine on the test's own loop, and servers that answer as they are told."""

import asyncio
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from exporter.clock import SystemClock
from exporter.probe.engine import Engine

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def running_engine() -> AsyncIterator[Engine]:
    """Turned by what is ready, and every few milliseconds for what is due."""
    engine = Engine(SystemClock().monotonic)
    engine.attach(asyncio.get_running_loop())

    async def turn_often() -> None:
        while True:
            await asyncio.sleep(0.005)
            engine.turn()

    turning = asyncio.create_task(turn_often())
    try:
        yield engine
    finally:
        turning.cancel()
        engine.detach(asyncio.get_running_loop())


@asynccontextmanager
async def serving(answer: Serve, **options: object) -> AsyncIterator[int]:
    """A server on a free loopback port; ``options`` are those of asyncio's ``start_server``."""
    open_now: set[asyncio.StreamWriter] = set()

    async def close_after(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_now.add(writer)
        with suppress(ConnectionError):
            await answer(reader, writer)
        writer.close()

    server = await asyncio.start_server(close_after, "127.0.0.1", 0, **options)  # type: ignore[arg-type]
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in open_now:
            writer.close()
            with suppress(ConnectionError, TimeoutError):
                await writer.wait_closed()


def saying(text: str | bytes) -> Serve:
    """Read a request, say this, and hang up."""
    raw = text.encode() if isinstance(text, str) else text

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        await writer.drain()

    return answer


async def mute(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Take the connection and whatever comes, and say nothing."""
    await reader.read()


@asynccontextmanager
async def nobody() -> AsyncIterator[int]:
    """A listener whose queue is full: the kernel drops what comes, as if the host were gone."""
    with socket.socket() as listener, socket.socket() as waiting:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting.connect(listener.getsockname())
        yield listener.getsockname()[1]


def certify(folder: Path, name: str, *, start: str = "20200101000000Z", end: str = "20991231000000Z") -> Path:
    """A certificate for localhost and 127.0.0.1, signed by itself, its key in the same file, with these dates."""
    file, request, key = folder / f"{name}.pem", folder / f"{name}.csr", folder / f"{name}.key"
    config = folder / f"{name}.cnf"
    (folder / f"{name}.txt").write_text("")
    config.write_text(
        f"[ca]\ndefault_ca=own\n[own]\ndatabase={folder}/{name}.txt\nnew_certs_dir={folder}\nrand_serial=yes\n"
        "default_md=sha256\npolicy=any\nx509_extensions=own_extensions\n[any]\ncommonName=supplied\n"
        "[own_extensions]\nsubjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:TRUE\n"
    )
    make = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    run_openssl(*make, "-keyout", str(key), "-out", str(request), "-subj", f"/CN={name}")
    dates = ["-startdate", start, "-enddate", end]
    sign = ["ca", "-config", str(config), "-selfsign", "-batch", "-notext", "-keyfile", str(key), *dates]
    run_openssl(*sign, "-in", str(request), "-out", str(file))
    file.write_text(file.read_text() + key.read_text())
    return file


def run_openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=30)


def server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
