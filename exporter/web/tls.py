"""From a web configuration's TLS settings to a server's context."""

import os
import re
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from exporter.nodes import Findings
from exporter.web.config import TLS, TLSSettings
from exporter.web.names import CIPHERS, CURVES, ClientAuth

VERSIONS = {12: ssl.TLSVersion.TLSv1_2, 13: ssl.TLSVersion.TLSv1_3}
MAX_PEM_BYTES = 1_000_000
CERTIFICATE = "-----BEGIN CERTIFICATE-----"
PRIVATE_KEY = re.compile(r"-----BEGIN ([A-Z]+ )?PRIVATE KEY-----")
ENCRYPTED = re.compile(r"-----BEGIN ENCRYPTED|Proc-Type: 4,ENCRYPTED")


@dataclass(frozen=True, slots=True)
class Pem:
    """Certificate, key and the clients' authority as text."""

    cert: str
    key: str
    client_ca: str


def build_context(tls: TLSSettings, folder: Path, findings: Findings) -> ssl.SSLContext:
    """A context for new connections. Raises BadConfig with what is wrong with the files."""
    pem = read_pem(tls, folder, findings)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    load_pair(context, pem, findings)
    ask_clients(context, tls, pem, findings)
    limit(context, tls, findings)
    findings.refuse()
    # Clients that would speak HTTP/2 agree to this.
    context.set_alpn_protocols(["http/1.1"])
    return context


def read_pem(tls: TLSSettings, folder: Path, findings: Findings) -> Pem:
    """As Go does, a file goes before a text."""

    def read(name: str, text: str, file: str) -> str:
        if not file:
            return text
        try:
            with (folder / file).open("rb") as source:
                return source.read(MAX_PEM_BYTES).decode("ascii", "replace")
        except OSError as error:
            findings.add(f"{TLS}.{name}_file", f"{file} cannot be read: {error.strerror}")
            return ""

    pem = Pem(
        read("cert", tls.cert, tls.cert_file),
        read("key", tls.key, tls.key_file),
        read("client_ca", tls.client_ca, tls.client_ca_file),
    )
    findings.refuse()
    return pem


def load_pair(context: ssl.SSLContext, pem: Pem, findings: Findings) -> None:
    """Give the context our certificate and key."""
    if CERTIFICATE not in pem.cert:
        findings.add(f"{TLS}.cert_file", "holds no certificate in PEM format")
    if ENCRYPTED.search(pem.key):
        findings.add(f"{TLS}.key_file", "the key is encrypted; nobody is here to type its passphrase")
    elif not PRIVATE_KEY.search(pem.key):
        findings.add(f"{TLS}.key_file", "holds no private key in PEM format")
    findings.refuse()
    try:
        # What was read is what is loaded, whatever has become of the files meanwhile.
        with as_path(pem.cert) as cert, as_path(pem.key) as key:
            context.load_cert_chain(cert, key, password=refuse_passphrase)
    except ssl.SSLError as error:
        findings.add(f"{TLS}.key_file", f"certificate and key cannot be used: {explain(error)}")


def refuse_passphrase() -> str:
    """OpenSSL would ask for it on the terminal."""
    return ""


@contextmanager
def as_path(text: str) -> Iterator[str]:
    """A path of text that is in memory alone: the context takes its certificate only from files."""
    number = os.memfd_create("pem")
    try:
        os.write(number, text.encode("ascii", "replace"))
        yield f"/proc/self/fd/{number}"
    finally:
        os.close(number)


def ask_clients(context: ssl.SSLContext, tls: TLSSettings, pem: Pem, findings: Findings) -> None:
    """Ask for certificates; one that is given is checked, for Python knows no other way."""
    if tls.client_auth_type in (ClientAuth.NONE, ClientAuth.REQUEST):
        return
    if_given = tls.client_auth_type is ClientAuth.VERIFY_IF_GIVEN
    context.verify_mode = ssl.CERT_OPTIONAL if if_given else ssl.CERT_REQUIRED
    # As in Go, every certificate of the file is trusted by itself.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if not pem.client_ca:
        context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
        return
    try:
        context.load_verify_locations(cadata=pem.client_ca)
    except (ssl.SSLError, ValueError):
        findings.add(f"{TLS}.client_ca_file", "holds no certificate in PEM format")


def limit(context: ssl.SSLContext, tls: TLSSettings, findings: Findings) -> None:
    """Versions, suites and curves, as far as they can be chosen."""
    suites = [CIPHERS[name] for name in tls.cipher_suites if CIPHERS[name]]
    if suites:
        try:
            context.set_ciphers(":".join(suites))
        except ssl.SSLError as error:
            findings.add(f"{TLS}.cipher_suites", explain(error))
    # Suites, but none of them for TLS 1.2, leave only TLS 1.3.
    least = 13 if tls.cipher_suites and not suites else max(tls.min_version, min(VERSIONS))
    context.minimum_version, context.maximum_version = VERSIONS[least], VERSIONS[tls.max_version]
    if tls.prefer_server_cipher_suites:
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    curve = chosen_curve(tls.curve_preferences)
    if curve:
        context.set_ecdh_curve(curve)


def chosen_curve(names: Sequence[str]) -> str:
    """Python can choose one curve, and not every one; empty for OpenSSL's own choice."""
    return CURVES[names[0]] if len(names) == 1 else ""


def find_differences(tls: TLSSettings, findings: Findings) -> None:
    """Say what is done otherwise than the file says; it asks no less of clients."""
    if tls.client_auth_type is ClientAuth.REQUIRE_ANY:
        findings.add(f"{TLS}.client_auth_type", "certificates are checked here, as with RequireAndVerifyClientCert")
    if tls.client_auth_type is ClientAuth.REQUEST:
        findings.add(f"{TLS}.client_auth_type", "certificates are not asked for here, as nobody would check them")
    if tls.min_version < 12:
        findings.add(f"{TLS}.min_version", "TLS 1.2 is the oldest that is served here")
    if tls.curve_preferences and not chosen_curve(tls.curve_preferences):
        findings.add(f"{TLS}.curve_preferences", "only a single curve other than X25519 can be chosen here")


def names_of(certificate: dict[str, Any]) -> set[str]:
    """The alternative names of a client's certificate, of every kind, as Go writes them."""
    return {written(kind, name) for kind, name in certificate.get("subjectAltName", ())}


def written(kind: str, name: str) -> str:
    if kind != "IP Address":
        return name
    try:
        return str(ip_address(name.strip()))
    except ValueError:
        return name


def explain(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).replace("_", " ").lower()
