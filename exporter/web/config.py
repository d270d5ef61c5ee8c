"""exporter-toolkit's web configuration file: TLS, headers, users and a rate limit."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from exporter.nodes import (
    BadValue,
    Findings,
    Parse,
    is_null,
    list_of,
    one_of,
    pairs,
    parse_document,
    parse_fields,
    parse_flag,
    parse_span,
    parse_text,
    parse_value,
    parse_whole,
)
from exporter.web.names import CIPHERS, CLIENT_AUTH, CURVES, VERSIONS, ClientAuth

MAX_BYTES = 1_000_000
BCRYPT = re.compile(r"\$2[abxy]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}")
# A header's allowed values; an empty tuple allows any.
HEADERS: dict[str, tuple[str, ...]] = {
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
    "Content-Security-Policy": (),
}
TLS = "tls_server_config"


@dataclass(frozen=True, slots=True)
class TLSSettings:
    """``tls_server_config``: files relative to the config's folder, or their content itself."""

    cert_file: str = ""
    key_file: str = ""
    client_ca_file: str = ""
    cert: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    client_ca: str = ""
    client_auth_type: ClientAuth = ClientAuth.NONE
    client_allowed_sans: tuple[str, ...] | None = None
    min_version: int = 12
    max_version: int = 13
    cipher_suites: tuple[str, ...] = ()
    curve_preferences: tuple[str, ...] = ()
    prefer_server_cipher_suites: bool = True


@dataclass(frozen=True, slots=True)
class RateLimit:
    """One request each ``interval`` seconds (0: no limit), ``burst`` at once."""

    interval: float = 0.0
    burst: int = 0


@dataclass(frozen=True, slots=True)
class WebConfig:
    """A whole file; ``tls`` is None for plain HTTP, ``users`` maps names to bcrypt hashes."""

    tls: TLSSettings | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[bytes, bytes] = field(default_factory=dict, repr=False)
    limit: RateLimit = field(default_factory=RateLimit)


def parse_client_auth(node: yaml.Node, path: str, findings: Findings) -> ClientAuth | None:
    """An empty one counts as none at all."""
    return one_of(CLIENT_AUTH, "policy")(node, path, findings) if node.value else None


TLS_FIELDS: dict[str, Parse] = {
    **dict.fromkeys(("cert_file", "key_file", "client_ca_file", "cert", "key", "client_ca"), parse_text),
    "client_auth_type": parse_client_auth,
    "client_allowed_sans": list_of(parse_text),
    "min_version": one_of(VERSIONS, "TLS version"),
    "max_version": one_of(VERSIONS, "TLS version"),
    "cipher_suites": list_of(one_of({name: name for name in CIPHERS}, "cipher suite")),
    "curve_preferences": list_of(one_of({name: name for name in CURVES}, "curve")),
    "prefer_server_cipher_suites": parse_flag,
}
# Any one of these means that TLS is wanted.
TLS_ENABLING = {"cert_file", "key_file", "client_ca_file", "cert", "key", "client_ca", "client_auth_type"}


def read_config(path: Path) -> tuple[WebConfig, Findings]:
    """The file's settings, and its places for what is found later. Raises BadConfig with everything wrong."""
    findings = Findings(str(path))
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        findings.add("", f"cannot be read: {error.strerror}")
        content = b""
    if len(content) > MAX_BYTES:
        findings.add("", "is too large")
    findings.refuse()
    return parse_config(content, findings), findings


def parse_config(content: bytes, findings: Findings) -> WebConfig:
    """Raises BadConfig with everything wrong, but for what files that it names hold."""
    root = parse_document(content, findings)
    fields: dict[str, Any] = {}
    if root is not None and not is_null(root):
        sections: dict[str, Parse] = {
            TLS: parse_tls,
            "http_server_config": parse_http,
            "rate_limit": parse_limit,
            "basic_auth_users": parse_users,
        }
        fields = parse_fields(root, "", findings, sections)
    findings.refuse()
    return WebConfig(
        fields.get(TLS) or None,
        fields.get("http_server_config", {}),
        fields.get("basic_auth_users", {}),
        fields.get("rate_limit", RateLimit()),
    )


def parse_tls(node: yaml.Node, path: str, findings: Findings) -> TLSSettings | None:
    """None where no field asks for TLS."""
    fields = parse_fields(node, path, findings, TLS_FIELDS)
    if not any(fields.get(name) for name in TLS_ENABLING & fields.keys()):
        return None
    tls = TLSSettings(**fields)
    for name in ("cert", "key"):
        if not fields.get(f"{name}_file") and not fields.get(name):
            findings.add(f"{path}.{name}_file", "is missing")
    for name, text in refused_together(tls):
        findings.add(f"{path}.{name}", text)
    return tls


def refused_together(tls: TLSSettings) -> list[tuple[str, str]]:
    """Fields that do not go together, with the reason."""
    refused = []
    kind, authority = tls.client_auth_type, tls.client_ca_file or tls.client_ca
    needed = kind in (ClientAuth.REQUIRE_ANY, ClientAuth.REQUIRE_AND_VERIFY)
    if authority and kind is ClientAuth.NONE:
        refused.append(("client_ca_file", "needs a client_auth_type that asks for certificates"))
    if kind is ClientAuth.REQUIRE_ANY and not authority:
        text = "a certificate that nobody checks cannot be demanded here; add client_ca_file, and it will be checked"
        refused.append(("client_auth_type", text))
    if tls.client_allowed_sans is not None and not needed:
        refused.append(("client_allowed_sans", "needs client_auth_type RequireAndVerifyClientCert"))
    if tls.min_version > tls.max_version or tls.max_version < 12:
        refused.append(("max_version", "leaves no TLS version; 1.2 and 1.3 are served here"))
    return refused


def parse_http(node: yaml.Node, path: str, findings: Findings) -> dict[str, str]:
    """The headers; http2 is read and left alone: what is served here is HTTP/1.1, to which clients agree."""
    fields = parse_fields(node, path, findings, {"http2": parse_flag, "headers": parse_headers})
    return dict(fields.get("headers", {}))


def parse_headers(node: yaml.Node, path: str, findings: Findings) -> dict[str, str]:
    fields = parse_fields(node, path, findings, dict.fromkeys(HEADERS, parse_header))
    for name, value in fields.items():
        if HEADERS[name] and value not in HEADERS[name]:
            findings.add(f"{path}.{name}", f"must be {' or '.join(HEADERS[name])}")
    return fields


def parse_header(node: yaml.Node, path: str, findings: Findings) -> str:
    value = parse_text(node, path, findings)
    if not value.isprintable() or not value.isascii():
        raise BadValue("must be one line of ASCII")
    return value


def parse_users(node: yaml.Node, path: str, findings: Findings) -> dict[bytes, bytes]:
    users = {}
    for name, below, child in pairs(node, path, findings):
        value = parse_value(child, below, findings, parse_text) or ""
        # The value is never shown: it may be a password that somebody forgot to hash.
        if not BCRYPT.fullmatch(value):
            findings.add(below, "is not a bcrypt hash (see htpasswd -nBC 10)")
        users[name.encode()] = value.encode()
    return users


def parse_limit(node: yaml.Node, path: str, findings: Findings) -> RateLimit:
    fields = parse_fields(node, path, findings, {"interval": parse_span, "burst": parse_whole})
    limit = RateLimit(**fields)
    if limit.interval and limit.burst < 1:
        findings.add(f"{path}.burst", "must be at least 1, or nothing is answered")
    return limit
