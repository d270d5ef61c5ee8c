"""Real TLS on a running server: certificates and their rotation, clients' certificates, versions and suites."""

import asyncio
import os
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.exporter.web_lab import Authority, FakeCollect, Site, make_authority, serving

pytestmark = pytest.mark.slow

STRICT = "client_ca_file: clients/ca.pem, client_auth_type: RequireAndVerifyClientCert"
Refused = (ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Signed ``server``; beside it, in ``clients/``, is another that signed ``prometheus``."""
    made = make_authority(tmp_path / "pki")
    made.issue("server")
    make_authority(made.folder / "clients").issue("prometheus", "DNS:prometheus.example,IP:2001:db8::1")
    return made


def configure(authority: Authority, fields: str = "", more: str = "", pair: str = "server") -> Path:
    """Written whole, then moved into its place."""
    path = authority.folder / "web.yml"
    text = f"tls_server_config: {{cert_file: {pair}.pem, key_file: {pair}.key, {fields}}}\n{more}\n"
    path.with_suffix(".new").write_text(text)
    path.with_suffix(".new").rename(path)
    return path


def with_certificate(authority: Authority) -> ssl.SSLContext:
    context = authority.client()
    folder = authority.folder / "clients"
    context.load_cert_chain(folder / "prometheus.pem", folder / "prometheus.key")
    return context


async def test_pages_over_tls_and_nothing_without(authority: Authority, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(FakeCollect(), config_file=configure(authority)) as site:
        got = await site.get(tls=authority.client())
        with pytest.raises(Refused):
            await site.get()
    assert got.status == 200
    assert caplog.text == ""


async def test_clients_that_would_speak_http_2_agree_to_http_1(authority: Authority) -> None:
    offering = authority.client()
    offering.set_alpn_protocols(["h2", "http/1.1"])
    async with serving(
        FakeCollect(), config_file=configure(authority, more="http_server_config: {http2: true}")
    ) as site:
        _, writer = await asyncio.open_connection("127.0.0.1", site.port, ssl=offering)
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
        writer.close()
        await writer.wait_closed()


async def certificate_served(site: Site, authority: Authority) -> bytes:
    context = authority.client()
    _, writer = await asyncio.open_connection("127.0.0.1", site.port, ssl=context)
    found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    return bytes(found)


async def test_a_new_certificate_is_served_to_the_next_connection(authority: Authority) -> None:
    async with serving(FakeCollect(), config_file=configure(authority)) as site:
        before = await certificate_served(site, authority)
        authority.issue("server")
        after = await certificate_served(site, authority)
        again = await certificate_served(site, authority)
    assert before != after == again
    assert ssl.DER_cert_to_PEM_cert(after) == (authority.folder / "server.pem").read_text()


async def test_connections_that_are_open_outlive_the_rotation(authority: Authority) -> None:
    async with serving(FakeCollect(), config_file=configure(authority)) as site:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port, ssl=authority.client())
        authority.issue("server")
        await certificate_served(site, authority)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()
        await writer.wait_closed()


async def test_a_pair_that_is_half_rotated_changes_nothing_yet(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(FakeCollect(), config_file=configure(authority)) as site:
        before = await certificate_served(site, authority)
        cert, key = authority.issue("next")
        cert.rename(authority.folder / "server.pem")
        between = await certificate_served(site, authority)
        assert "key values mismatch" in caplog.text
        degraded = await site.get("/readyz", tls=authority.client())
        key.rename(authority.folder / "server.key")
        after = await certificate_served(site, authority)
        well = await site.get("/readyz", tls=authority.client())
    assert before == between != after
    assert b"degraded: web configuration" in degraded.body
    assert well.body == b"ready\n"


@pytest.mark.parametrize(
    ("policy", "with_one", "without", "with_a_strangers"),
    [
        ("NoClientCert", True, True, True),
        ("RequestClientCert", True, True, True),
        ("RequireAnyClientCert", True, False, False),  # stricter here than in Go, and said so
        ("VerifyClientCertIfGiven", True, True, False),
        ("RequireAndVerifyClientCert", True, False, False),
    ],
)
async def test_client_certificates(
    policy: str, with_one: bool, without: bool, with_a_strangers: bool, authority: Authority, tmp_path: Path
) -> None:
    make_authority(tmp_path / "strangers").issue("stranger")
    stranger = authority.client()
    stranger.load_cert_chain(tmp_path / "strangers/stranger.pem", tmp_path / "strangers/stranger.key")
    ca = "" if policy == "NoClientCert" else "client_ca_file: clients/ca.pem, "
    async with serving(FakeCollect(), config_file=configure(authority, f"{ca}client_auth_type: {policy}")) as site:
        assert await is_served(site, with_certificate(authority)) is with_one
        assert await is_served(site, authority.client()) is without
        assert await is_served(site, stranger) is with_a_strangers


async def test_every_certificate_of_the_clients_file_is_trusted_by_itself(authority: Authority) -> None:
    fields = "client_ca_file: clients/prometheus.pem, client_auth_type: RequireAndVerifyClientCert"
    async with serving(FakeCollect(), config_file=configure(authority, fields)) as site:
        assert await is_served(site, with_certificate(authority))
        assert not await is_served(site, authority.client())


async def is_served(site: Site, context: ssl.SSLContext) -> bool:
    try:
        return (await site.get(tls=context)).status == 200
    except Refused:
        return False


@pytest.mark.parametrize(
    ("allowed", "status"),
    [("prometheus.example", 200), ("'2001:db8::1'", 200), ("2001:DB8:0::1", 403), ("example", 403)],
)
async def test_allowed_names_of_a_clients_certificate(allowed: str, status: int, authority: Authority) -> None:
    path = configure(authority, f"{STRICT}, client_allowed_sans: [other.example, {allowed}]")
    async with serving(FakeCollect(), config_file=path) as site:
        assert (await site.get(tls=with_certificate(authority))).status == status


@pytest.mark.parametrize(
    ("fields", "client", "served"),
    [
        ("min_version: TLS12", {"most": ssl.TLSVersion.TLSv1_2}, "TLSv1.2"),
        ("min_version: TLS10", {"most": ssl.TLSVersion.TLSv1_2}, "TLSv1.2"),
        ("min_version: TLS13", {"most": ssl.TLSVersion.TLSv1_2}, ""),
        ("max_version: TLS12", {}, "TLSv1.2"),
        ("max_version: TLS13", {}, "TLSv1.3"),
        # Suites, and none of them of TLS 1.2.
        ("cipher_suites: [TLS_AES_128_GCM_SHA256]", {"most": ssl.TLSVersion.TLSv1_2}, ""),
        ("cipher_suites: [TLS_AES_128_GCM_SHA256]", {}, "TLSv1.3"),
    ],
)
async def test_versions(fields: str, client: dict[str, ssl.TLSVersion], served: str, authority: Authority) -> None:
    async with serving(FakeCollect(), config_file=configure(authority, fields)) as site:
        assert (await agreed(site, authority.client(**client)))[0] == served


async def test_suites_and_their_order(authority: Authority) -> None:
    names = ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"]
    old = {"most": ssl.TLSVersion.TLSv1_2}
    async with serving(
        FakeCollect(), config_file=configure(authority, f"cipher_suites: [{', '.join(reversed(names))}]")
    ) as site:
        assert await agreed(site, authority.client(**old)) == ("TLSv1.2", "ECDHE-ECDSA-CHACHA20-POLY1305")
        configure(authority, f"cipher_suites: [{', '.join(names)}]")
        assert await agreed(site, authority.client(**old)) == ("TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384")


async def test_a_single_curve(authority: Authority) -> None:
    only_x25519 = authority.client()
    async with serving(FakeCollect(), config_file=configure(authority, "curve_preferences: [CurveP384]")) as site:
        assert await is_served(site, only_x25519)
        other = authority.client()
        other.set_ecdh_curve("secp521r1")
        assert not await is_served(site, other)


async def agreed(site: Site, context: ssl.SSLContext) -> tuple[str, str]:
    """Version and suite; empty when there is no agreement."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", site.port, ssl=context)
    except Refused:
        return "", ""
    found = writer.get_extra_info("ssl_object")
    version, suite = found.version(), found.cipher()[0]
    writer.close()
    await writer.wait_closed()
    return version, suite


async def test_a_handshake_that_stops_holds_up_nobody(authority: Authority) -> None:
    async with serving(FakeCollect(), config_file=configure(authority)) as site:
        silent = [await asyncio.open_connection("127.0.0.1", site.port) for _ in range(50)]
        assert (await site.get(tls=authority.client())).status == 200
        for _, writer in silent:
            writer.close()
            await writer.wait_closed()


def replace_by_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda path: path.write_text(""), "tls_server_config: turning this on or off needs a restart"),
        (lambda path: path.write_text("tls_server_config: {"), "not valid YAML"),
        (lambda path: path.unlink(), "cannot be read: No such file or directory"),
        (
            lambda path: path.write_text("tls_server_config: {cert_file: server.pem, key_file: server.key}"),
            "basic_auth_users, client_auth_type: turning this on or off needs a restart",
        ),
        # Nobody writes into it: reading it never ends, as on a disk that does not answer.
        (replace_by_pipe, ""),
    ],
)
async def test_a_broken_or_weaker_file_leaves_the_last_good_one_in_force(
    change: Callable[[Path], object], words: str, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    users = "basic_auth_users: {a: $2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG}"
    path = configure(authority, STRICT, users)
    async with serving(FakeCollect(), config_file=path) as site:
        assert (await site.get(tls=with_certificate(authority))).status == 401
        change(path)
        assert (await site.get(tls=with_certificate(authority))).status == 401
        assert not await is_served(site, authority.client())
    assert words in caplog.text
    assert caplog.text.count("stays in force") == bool(words)
