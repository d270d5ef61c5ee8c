"""The modules file: blackbox_exporter's shape, as far as we have the same, every mistake with its place."""

import re
import ssl
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from exporter.errors import BadStart
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
from exporter.probe.credentials import read_logins
from exporter.probe.modules import (
    BMC_INTERVAL,
    BMC_PROBERS,
    BMC_TIMEOUT,
    BUILT_IN,
    DEFAULT_INTERVAL,
    DEFAULT_TIMEOUT,
    Bmc,
    Http,
    Module,
    Prober,
    Tls,
    build_context,
)

MAX_BYTES = 1_000_000
LONGEST_TIMEOUT, SHORTEST_INTERVAL = 60.0, 0.1
PROTOCOLS = {"ip4": False, "ip6": True}


def load_modules(path: Path | None) -> dict[str, Module]:
    """Those of the file over the built-in ones. Raises BadStart with everything that is wrong."""
    if path is None:
        return BUILT_IN
    findings = Findings(str(path))
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadStart(f"--modules.file: {path}: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise BadStart(f"--modules.file: {path}: is too large")
    modules = parse_modules(parse_document(content, findings), findings)
    findings.refuse()
    return BUILT_IN | modules


def parse_modules(root: yaml.Node | None, findings: Findings) -> dict[str, Module]:
    """What is wrong is added to ``findings``."""
    if root is None or is_null(root):
        return {}
    top = parse_fields(root, "", findings, {"modules": parse_every})
    return dict(top.get("modules", {}))


def parse_every(node: yaml.Node, path: str, findings: Findings) -> dict[str, Module]:
    found = {name: parse_module(name, child, below, findings) for name, below, child in pairs(node, path, findings)}
    return {name: module for name, module in found.items() if module is not None}


def parse_module(name: str, node: yaml.Node, path: str, findings: Findings) -> Module | None:
    told = parse_fields(node, path, findings, FIELDS)
    prober = told.get("prober")
    if prober is None:
        if f"{path}.prober" not in findings.places:
            findings.add(path, "prober is missing")
        return None
    refuse_strangers(prober, told, path, findings)
    timeout = told.get("timeout", BMC_TIMEOUT if prober in BMC_PROBERS else DEFAULT_TIMEOUT)
    interval = told.get("interval", BMC_INTERVAL if prober in BMC_PROBERS else DEFAULT_INTERVAL)
    section = told.get(prober.value, {})
    return Module(
        name,
        prober,
        timeout,
        interval,
        prefer_ip6=told.get("preferred_ip_protocol", False),
        secure=section.get("tls", False) if prober is Prober.TCP else False,
        http=build_http(section) if prober is Prober.HTTP else Http(),
        tls=told.get("tls_config", Tls()),
        bmc=build_bmc(section, path, prober, findings) if prober in BMC_PROBERS else None,
    )


def refuse_strangers(prober: Prober, told: Mapping[str, Any], path: str, findings: Findings) -> None:
    """A section that belongs to another prober would be without effect."""
    for other in Prober:
        if other is not prober and other.value in told:
            findings.add(f"{path}.{other.value}", f"is not for prober {prober.value}")
    if "tls_config" in told and prober in {Prober.ICMP, Prober.IPMI}:
        findings.add(f"{path}.tls_config", f"is not for prober {prober.value}")


def build_http(section: Mapping[str, Any]) -> Http:
    known = {one.name for one in fields(Http)}
    told = {name.removesuffix("_regexp"): value for name, value in section.items()}
    return Http(**{name: value for name, value in told.items() if name in known})


def build_bmc(section: Mapping[str, Any], path: str, prober: Prober, findings: Findings) -> Bmc | None:
    credentials = section.get("credentials_file")
    below = f"{path}.{prober.value}"
    if credentials is None:
        if f"{below}.credentials_file" not in findings.places:
            findings.add(below, "credentials_file is missing")
        return None
    return Bmc(credentials, section.get("auth", True), section.get("ipmitool", "ipmitool"))


def parse_path(node: yaml.Node, path: str, findings: Findings) -> Path:
    """Relative to the folder of the modules file."""
    return Path(findings.file).parent / parse_text(node, path, findings)


def parse_credentials(node: yaml.Node, path: str, findings: Findings) -> Path:
    file = parse_path(node, path, findings)
    try:
        read_logins(file)
    except OSError as error:
        raise BadValue(f"{file}: {error.strerror}") from None
    except ValueError as error:
        raise BadValue(str(error)) from None
    return file


def parse_tls(node: yaml.Node, path: str, findings: Findings) -> Tls:
    known = {"ca_file": parse_path, "server_name": parse_text, "insecure_skip_verify": parse_flag}
    tls = Tls(**parse_fields(node, path, findings, known))
    try:
        build_context(tls)
    except (OSError, ssl.SSLError) as error:
        findings.add(f"{path}.ca_file", error.strerror or str(error))
    return tls


def parse_pattern(node: yaml.Node, path: str, findings: Findings) -> re.Pattern[bytes]:
    try:
        return re.compile(parse_text(node, path, findings).encode())
    except re.error as error:
        raise BadValue(f"no regular expression: {error}") from None


def parse_status(node: yaml.Node, path: str, findings: Findings) -> int:
    status = parse_whole(node, path, findings)
    if not 100 <= status <= 599:
        raise BadValue("must be a status from 100 to 599")
    return int(status)


def parse_statuses(node: yaml.Node, path: str, findings: Findings) -> frozenset[int]:
    return frozenset(list_of(parse_status)(node, path, findings))


def parse_url_path(node: yaml.Node, path: str, findings: Findings) -> str:
    text = parse_text(node, path, findings)
    if not re.fullmatch(r"/[!-~]*", text):
        raise BadValue("must begin with / and hold no spaces")
    return text


def parse_headers(node: yaml.Node, path: str, findings: Findings) -> tuple[tuple[str, str], ...]:
    told: list[tuple[str, str]] = []
    for name, below, child in pairs(node, path, findings):
        value = parse_value(child, below, findings, parse_text)
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) or "\n" in str(value) or "\r" in str(value):
            findings.add(below, "is no header")
        told.append((name, str(value)))
    return tuple(told)


def parse_limit(node: yaml.Node, path: str, findings: Findings) -> int:
    limit = int(parse_whole(node, path, findings))
    if not 1 <= limit <= 1 << 24:
        raise BadValue("must be from 1 to 16777216 bytes")
    return limit


def span(least: float, most: float) -> Parse:
    def parse(node: yaml.Node, path: str, findings: Findings) -> float:
        seconds = float(parse_span(node, path, findings))
        if not least <= seconds <= most:
            raise BadValue(f"must be from {least:g} s to {most:g} s")
        return seconds

    return parse


def section_of(known: Mapping[str, Parse]) -> Parse:
    def parse(node: yaml.Node, path: str, findings: Findings) -> dict[str, Any]:
        return parse_fields(node, path, findings, known)

    return parse


HTTP_FIELDS: dict[str, Parse] = {
    "method": one_of({"GET": "GET"}, "method"),
    "path": parse_url_path,
    "scheme": one_of({"http": "http", "https": "https"}, "scheme"),
    "headers": parse_headers,
    "valid_status_codes": parse_statuses,
    "fail_if_body_matches_regexp": list_of(parse_pattern),
    "fail_if_body_not_matches_regexp": list_of(parse_pattern),
    "body_size_limit": parse_limit,
}
BMC_FIELDS: dict[str, Parse] = {"credentials_file": parse_credentials}
FIELDS: dict[str, Parse] = {
    "prober": one_of({prober.value: prober for prober in Prober}, "prober"),
    "timeout": span(0.001, LONGEST_TIMEOUT),
    "interval": span(SHORTEST_INTERVAL, 86400.0),
    "preferred_ip_protocol": one_of(PROTOCOLS, "protocol"),
    "tls_config": parse_tls,
    "tcp": section_of({"tls": parse_flag}),
    "http": section_of(HTTP_FIELDS),
    "icmp": section_of({}),
    "ipmi": section_of(BMC_FIELDS | {"ipmitool": parse_text}),
    "redfish": section_of(BMC_FIELDS | {"auth": one_of({"session": True, "basic": False}, "way")}),
}
