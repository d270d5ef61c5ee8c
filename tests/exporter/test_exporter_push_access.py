"""Who we say we are, and whom we trust: read from files, anew when they change."""

import base64
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.clock import SystemClock
from exporter.push.flags import Access, PushSettings
from exporter.push.formats import ImportFormat
from exporter.push.meters import Failure
from exporter.push.page import Page, pack
from exporter.push.sender import Client, Outcome, Push
from tests.exporter.push_site import Act, Site, serving_store

needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="OPENSSL IS MISSING: TLS is not tried")


@pytest.fixture
def site() -> Iterator[Site]:
    with serving_store() as served:
        yield served


def push(url: str, access: Access, *, client: Client | None = None) -> Outcome:
    own = client or Client(PushSettings(url, 1.0, {}, access=access), ImportFormat({}), SystemClock())
    try:
        return own.post(page(), 5.0)
    finally:
        own.close()


def page() -> Page:
    return pack([b"room 2.0"], 1_700_000_000_000)


def test_a_password_comes_from_its_file(site: Site, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("geh:eim ü\n")
    assert push(site.url, Access(username="joe", password=secret)).push is Push.DONE
    scheme, _, said = site.requests[0].headers["Authorization"].partition(" ")
    assert (scheme, base64.b64decode(said).decode()) == ("Basic", "joe:geh:eim ü")


def test_a_token_is_read_for_each_push(site: Site, tmp_path: Path) -> None:
    token = tmp_path / "token"
    client = Client(PushSettings(site.url, 1.0, {}, access=Access(token=token)), ImportFormat({}), SystemClock())
    for text in ("first\n", "second\n"):
        token.write_text(text)
        client.post(page(), 5.0)
    client.close()
    assert [one.headers["Authorization"] for one in site.requests] == ["Bearer first", "Bearer second"]


def test_a_netrc_does_not_replace_the_token(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login joe password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    token = tmp_path / "token"
    token.write_text("ours")
    push(site.url, Access(token=token))
    assert site.requests[0].headers["Authorization"] == "Bearer ours"


def test_headers_come_from_a_file(site: Site, tmp_path: Path) -> None:
    headers = tmp_path / "headers"
    headers.write_text("# of the tenant\nX-Scope-OrgID: arn\n\nX-Other : a: b\n")
    push(site.url, Access(headers=headers))
    assert site.requests[0].headers["X-Scope-OrgID"] == "arn"
    assert site.requests[0].headers["X-Other"] == "a: b"
    assert site.requests[0].headers["Content-Encoding"] == "gzip"


@pytest.mark.parametrize("spoil", ["gone", "not text", "not a header"])
def test_a_secret_that_cannot_be_read_is_waited_for(spoil: str, site: Site, tmp_path: Path) -> None:
    token = tmp_path / "token"
    if spoil != "gone":
        token.write_bytes(b"\xff\xfe" if spoil == "not text" else "two\nlines ü ☃".encode())
    outcome = push(site.url, Access(token=token))
    assert outcome.push is Push.AGAIN
    assert outcome.failure in {Failure.CREDENTIALS, Failure.CONNECTION}
    assert "lines" not in outcome.text
    assert site.requests == []


def test_user_and_password_of_a_url_are_used_and_not_told(site: Site) -> None:
    url = site.url.replace("http://", "http://joe:secret@")
    site.behave = lambda _number: Act(401)
    outcome = push(url, Access())
    assert base64.b64decode(site.requests[0].headers["Authorization"].removeprefix("Basic ")) == b"joe:secret"
    assert (outcome.push, outcome.text) == (Push.REFUSED, "it answered 401")


def certify(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate of its own authority for the loopback, and its key."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", f"/CN={name}"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    return certificate, key


@needs_openssl
def test_a_store_is_trusted_by_the_ca_file_alone(tmp_path: Path) -> None:
    certificate, key = certify(tmp_path, "store")
    stranger, _ = certify(tmp_path, "stranger")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with serving_store(tls=context) as site:
        assert push(site.url, Access(ca=certificate)).push is Push.DONE
        for access in (Access(), Access(ca=stranger)):
            outcome = push(site.url, access)
            assert (outcome.push, outcome.failure) == (Push.AGAIN, Failure.CONNECTION)
        assert len(site.requests) == 1


@needs_openssl
def test_a_client_certificate_is_shown_and_read_again_when_it_changed(tmp_path: Path) -> None:
    certificate, key = certify(tmp_path, "store")
    client_certificate, client_key = certify(tmp_path, "client")
    wrong_certificate, wrong_key = certify(tmp_path, "wrong")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(client_certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    shown = tmp_path / "shown.pem", tmp_path / "shown.key"
    with serving_store(tls=context) as site:
        access = Access(ca=certificate, certificate=shown[0], key=shown[1])
        client = Client(PushSettings(site.url, 1.0, {}, access=access), ImportFormat({}), SystemClock())
        show(shown, wrong_certificate, wrong_key)
        assert client.post(page(), 5.0).push is Push.AGAIN
        show(shown, client_certificate, client_key)
        assert client.post(page(), 5.0).push is Push.DONE
        client.close()


def show(shown: tuple[Path, Path], certificate: Path, key: Path) -> None:
    shutil.copyfile(certificate, shown[0])
    shutil.copyfile(key, shown[1])
