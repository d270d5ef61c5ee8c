"""One of our own targets: where it is, how it is asked, and the labels that it has on the page."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from exporter.probe.modules import BMC_PROBERS, Module, Prober

LABEL = re.compile(r"^[a-zA-Z_][a-zA-Z0-9_]*$")
PRINTABLE = re.compile(r"^[!-~]+$")
PORTS = {"http": 80, "https": 443}
IPMI_PORT, REDFISH_PORT = 623, 443


@dataclass(frozen=True, slots=True)
class Place:
    """``host`` is a name or an address; ``path`` and ``secure`` are for HTTP; port 0 is for ICMP, which has none."""

    host: str
    port: int
    path: str = "/"
    secure: bool = False

    @property
    def authority(self) -> str:
        """As it stands in a URL or a Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = PORTS["https" if self.secure else "http"]
        return host if self.port == default else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Check:
    """``target`` as it was listed; ``labels`` in the order of their names.

    One that is not ``listed``, but was named by whoever asked us over HTTP, is shown no password but its own.
    """

    target: str
    place: Place
    module: Module
    labels: tuple[tuple[str, str], ...] = ()
    listed: bool = True


def parse_place(target: str, module: Module) -> Place:
    """Raises ValueError, with words, for what the module cannot ask."""
    if not PRINTABLE.match(target):
        raise ValueError(f"{target!r} is no target")
    if module.prober is Prober.HTTP:
        return parse_url(target, module)
    if "/" in target:
        raise ValueError(f"{target}: module {module.name} asks HOST:PORT, not a URL")
    parts = urlsplit(f"//{target}" if target.count(":") < 2 or target.startswith("[") else f"//[{target}]")
    host, port = checked_host(target, parts.hostname), parts.port
    if module.prober in BMC_PROBERS:
        return Place(host, port or (IPMI_PORT if module.prober is Prober.IPMI else REDFISH_PORT), secure=True)
    if module.prober is Prober.ICMP:
        return Place(host, 0)
    if not port:
        raise ValueError(f"{target}: module {module.name} needs HOST:PORT")
    return Place(host, port)


def parse_url(target: str, module: Module) -> Place:
    """``HOST:PORT``, or a URL, whose scheme and path come before the module's."""
    parts = urlsplit(target if "://" in target else f"{module.http.scheme}://{target}")
    if parts.scheme not in PORTS:
        raise ValueError(f"{target}: only http and https are asked")
    if parts.username or parts.password:
        raise ValueError("a target is shown on the page: it must hold no password")
    path = parts.path or module.http.path
    query = f"?{parts.query}" if parts.query else ""
    host, port = checked_host(target, parts.hostname), parts.port or PORTS[parts.scheme]
    return Place(host, port, path + query, parts.scheme == "https")


def checked_host(target: str, host: str | None) -> str:
    if not host:
        raise ValueError(f"{target!r} names no host")
    return host
