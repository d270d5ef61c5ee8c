"""Modules: how a target is asked. Named and shaped as blackbox_exporter's, as far as we have the same."""

import re
import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

BODY_LIMIT = 1 << 20  # bytes of an answer that are looked at
DEFAULT_TIMEOUT = 5.0
DEFAULT_INTERVAL = 1.0
BMC_TIMEOUT, BMC_INTERVAL = 10.0, 60.0  # BMCs are slow, and answer few at a time
DEFAULT_MODULE = "http_2xx"


class Prober(StrEnum):
    """What a module asks by."""

    TCP = "tcp"
    HTTP = "http"
    ICMP = "icmp"
    IPMI = "ipmi"
    REDFISH = "redfish"


BMC_PROBERS = frozenset({Prober.IPMI, Prober.REDFISH})


@dataclass(frozen=True, slots=True)
class Tls:
    """Whom to trust: the system's authorities, those of ``ca_file``, or anybody; an empty name is the target's."""

    ca_file: Path | None = None
    server_name: str = ""
    insecure_skip_verify: bool = False


@dataclass(frozen=True, slots=True)
class Http:
    """A GET and what its answer must be; without statuses any 2xx will do. ``scheme`` is for targets without one."""

    path: str = "/"
    scheme: str = "http"
    headers: tuple[tuple[str, str], ...] = ()
    valid_status_codes: frozenset[int] = frozenset()
    fail_if_body_matches: tuple[re.Pattern[bytes], ...] = ()
    fail_if_body_not_matches: tuple[re.Pattern[bytes], ...] = ()
    body_size_limit: int = BODY_LIMIT


@dataclass(frozen=True, slots=True)
class Bmc:
    """Where user names and passwords are, how Redfish is logged in to, and the program that speaks IPMI."""

    credentials: Path
    session: bool = True
    ipmitool: str = "ipmitool"


@dataclass(frozen=True, slots=True)
class Module:
    """One way to ask; ``timeout`` and ``interval`` in seconds. ``secure`` is for tcp: TLS right after connecting."""

    name: str
    prober: Prober
    timeout: float = DEFAULT_TIMEOUT
    interval: float = DEFAULT_INTERVAL
    prefer_ip6: bool = False
    secure: bool = False
    http: Http = field(default_factory=Http)
    tls: Tls = field(default_factory=Tls)
    bmc: Bmc | None = None


BUILT_IN = {
    module.name: module
    for module in (
        Module("tcp", Prober.TCP),
        Module("tcp_connect", Prober.TCP),
        Module("tls", Prober.TCP, secure=True),
        Module("http", Prober.HTTP),
        Module("http_2xx", Prober.HTTP),
        Module("https", Prober.HTTP, http=Http(scheme="https")),
        Module("icmp", Prober.ICMP),
    )
}


def build_context(tls: Tls) -> ssl.SSLContext:
    """Costs tens of milliseconds: one for each module. Raises OSError for authorities that cannot be read."""
    context = ssl.create_default_context(cafile=str(tls.ca_file) if tls.ca_file else None)
    return distrust(context) if tls.insecure_skip_verify else context


def distrust(context: ssl.SSLContext) -> ssl.SSLContext:
    """Ask for no proof."""
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
