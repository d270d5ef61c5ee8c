"""The door before our applications: slow clients, too many of them, and TLS."""

import asyncio
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from remediator.doors import Patience
from remediator.listeners import listen_on
from remediator.model.errors import BadInput
from remediator.settings import TlsSettings, WebSettings
from remediator.tls import Certificate

QUICK = Patience(greeting=0.1, body=0.1, taking=0.1, idle=0.1)
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
LONG = 10.0
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def read(request: web.Request) -> web.Response:
    size = len(await request.read())
    return web.Response(body=b"x" * int(request.query.get("size", "0")) or str(size).encode())


@asynccontextmanager
async def door(patience: Patience | None = None, settings: WebSettings | None = None) -> AsyncIterator[int]:
    """The port of an application that counts what it is sent."""
    app = web.Application()
    app.router.add_route("*", "/", read)
    with socket.create_server(("127.0.0.1", 0)) as bound:
        async with AsyncExitStack() as stack:
            await listen_on(stack, app, f"fd:{bound.fileno()}", "listen", door=settings, patience=patience)
            yield bound.getsockname()[1]


@asynccontextmanager
async def client(port: int, context: ssl.SSLContext | None = None) -> AsyncIterator[Streams]:
    name = "localhost" if context else None
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def ends(reader: asyncio.StreamReader) -> bytes:
    """What is still said until the connection is at its end."""
    async with asyncio.timeout(LONG):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


async def answered(streams: Streams, data: bytes) -> str:
    reader, writer = streams
    writer.write(data)
    async with asyncio.timeout(LONG):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(line.split(":")[1] for line in head.splitlines() if line.lower().startswith("content-length"))
        return head.splitlines()[0] + " " + (await reader.readexactly(int(length))).decode()


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET / HTT",
        b"GET / HTTP/1.1\r\nHost: a\r\nX",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n12",
    ],
)
async def test_a_client_that_stops_in_the_middle_is_cut_off(begun: bytes) -> None:
    async with door(QUICK) as port, client(port) as (reader, writer):
        writer.write(begun)
        assert await ends(reader) == b""


async def test_a_client_that_sends_a_byte_now_and_then_is_cut_off_too() -> None:
    async with door(QUICK) as port, client(port) as (reader, writer):
        ended = asyncio.create_task(ends(reader))
        for byte in b"GET / HTTP/1.1\r\nX-Slow: " + b"a" * 500:
            if ended.done():
                break
            writer.write(bytes([byte]))
            await asyncio.sleep(0.02)
        assert ended.done()
        assert await ended == b""


@pytest.mark.slow
async def test_a_client_that_does_not_take_its_answer_is_cut_off() -> None:
    async with door(QUICK) as port, client(port) as (reader, writer):
        writer.write(b"GET /?size=30000000 HTTP/1.1\r\nHost: a\r\n\r\n")
        await asyncio.sleep(0.5)
        assert len(await ends(reader)) < 30_000_000


@pytest.mark.slow
async def test_who_keeps_its_pace_keeps_its_connection() -> None:
    # What is left of a shorter step must not end a later one.
    patience = Patience(greeting=1.0, body=1.0, taking=LONG, idle=LONG)
    async with door(patience) as port, client(port) as streams:
        assert (await answered(streams, GET)).endswith("200 OK 0")
        streams[1].write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n12")
        await asyncio.sleep(0.05)
        assert (await answered(streams, b"34")).endswith("200 OK 4")
        await asyncio.sleep(1.2)
        assert (await answered(streams, GET)).endswith("200 OK 0")


async def test_of_too_many_the_one_that_has_idled_longest_goes() -> None:
    async with door(Patience(most=2)) as port, client(port) as first, client(port) as second:
        for streams in (first, second):
            await answered(streams, GET)
        async with client(port) as third:
            await answered(third, GET)
            assert await ends(first[0]) == b""
            assert (await answered(second, GET)).endswith("200 OK 0")


async def test_what_is_no_http_is_answered_in_the_api_s_shape() -> None:
    async with door() as port, client(port) as (reader, writer):
        writer.write(b"nonsense\r\n\r\n")
        told = await ends(reader)
        assert told.startswith(b"HTTP/1.0 400")
        assert told.endswith(b'{"error":"invalid request: this is not HTTP as it is spoken here","status":"invalid"}')


def made(folder: Path, name: str) -> TlsSettings:
    """A certificate for localhost, signed by itself."""
    if shutil.which("openssl") is None:
        pytest.skip("OPENSSL IS MISSING: no certificate can be made")
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    make = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    named = ["-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(
        ["openssl", *make, *named, "-keyout", str(key), "-out", str(cert)],
        check=True,
        capture_output=True,
        timeout=30,
    )
    return TlsSettings(cert, key)


def trusting(tls: TlsSettings, own: TlsSettings | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(tls.cert_file))
    if own:
        context.load_cert_chain(own.cert_file, own.key_file)
    return context


async def test_tls_is_spoken_and_nothing_older_than_is_allowed(tmp_path: Path) -> None:
    tls = made(tmp_path, "server")
    async with door(settings=WebSettings(replace(tls, min_version="TLS13"))) as port:
        async with client(port, trusting(tls)) as streams:
            assert (await answered(streams, GET)).endswith("200 OK 0")
        older = trusting(tls)
        older.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises((ssl.SSLError, ConnectionError)):
            async with client(port, older):
                pass
        async with client(port) as (reader, writer):
            writer.write(GET)
            assert await ends(reader) == b""


async def test_clients_may_be_asked_for_certificates(tmp_path: Path) -> None:
    tls, agent = made(tmp_path, "server"), made(tmp_path, "agent")
    asking = replace(tls, client_ca_file=agent.cert_file, client_auth_type="RequireAndVerifyClientCert")
    async with door(settings=WebSettings(asking)) as port:
        async with client(port, trusting(tls, agent)) as streams:
            assert (await answered(streams, GET)).endswith("200 OK 0")
        # With TLS 1.3 a client learns of it with its first read.
        async with client(port, trusting(tls)) as (reader, writer):
            writer.write(GET)
            with pytest.raises((ssl.SSLError, ConnectionError, EOFError)):
                await reader.readexactly(1)


async def test_a_new_certificate_is_taken_up_and_a_broken_one_is_not(tmp_path: Path) -> None:
    first, second = made(tmp_path, "first"), made(tmp_path, "second")
    live = Certificate(first, "web")
    context = live.context()

    async def greeted(trusted: TlsSettings) -> bool:
        """Whether who trusts that certificate is greeted."""
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
        async with server:
            try:
                async with client(server.sockets[0].getsockname()[1], trusting(trusted)):
                    return True
            except ssl.SSLError:
                return False

    trusted_first, trusted_second = tmp_path / "one.pem", tmp_path / "two.pem"
    trusted_first.write_bytes(first.cert_file.read_bytes())
    trusted_second.write_bytes(second.cert_file.read_bytes())
    one, two = replace(first, cert_file=trusted_first), replace(second, cert_file=trusted_second)
    first.cert_file.write_bytes(second.cert_file.read_bytes())
    live.look()
    # The key is still the old one's: half of a change.
    assert "cannot be used: " in live.trouble()
    assert await greeted(one)
    first.key_file.write_bytes(second.key_file.read_bytes())
    live.look()
    assert live.trouble() == ""
    assert await greeted(two)
    assert not await greeted(one)


def test_what_cannot_be_used_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("no certificate")
    settings = TlsSettings(tmp_path / "cert.pem", tmp_path / "missing.key")
    with pytest.raises(BadInput, match=r"web\.tls_server_config: .* cannot be used"):
        Certificate(settings, "web").context()
