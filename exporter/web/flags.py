"""The flags of the web side; their names are node_exporter's where it has them."""

import argparse
import re
from dataclasses import dataclass
from pathlib import Path

from exporter.errors import BadStart
from exporter.web.listen import EVERYWHERE, LOOPBACK, Address, parse_address

DEFAULT_PATH = "/metrics"
DEFAULT_MAX_REQUESTS = 40
OTHER_PAGES = ("/healthz", "/readyz")
USABLE_PATH = re.compile(r"/[A-Za-z0-9._~/-]*")


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Where to listen, the path of the metrics, scrapes at the same time (0: any number), and the web config file."""

    listen: tuple[Address, ...]
    path: str = DEFAULT_PATH
    max_requests: int = DEFAULT_MAX_REQUESTS
    config_file: Path | None = None


def add_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--listen", action="append", default=[], metavar="IP:PORT",
        help="default: the loopback, at the module's port; repeatable",
    )  # fmt: skip
    group.add_argument(
        "--web.listen-address", dest="listen_addresses", action="append", default=[], metavar="[IP]:PORT",
        help="as --listen, but without an IP it is every address; repeatable",
    )  # fmt: skip
    group.add_argument("--web.telemetry-path", dest="telemetry_path", default=DEFAULT_PATH, metavar="PATH")
    group.add_argument(
        "--web.max-requests", dest="max_requests", type=int, default=DEFAULT_MAX_REQUESTS, metavar="N",
        help="scrapes at the same time; 0 is any number",
    )  # fmt: skip
    group.add_argument(
        "--web.config.file", dest="web_config", type=Path, metavar="FILE",
        help="TLS, users, headers and rate limit, in exporter-toolkit's format",
    )  # fmt: skip


def build_web(flags: argparse.Namespace, default_port: int) -> WebSettings:
    """Raises BadStart, naming the flag, on what cannot work."""
    listen = [parse_address("--listen", text, LOOPBACK) for text in flags.listen]
    # Without an IP, this one is node_exporter's: every address.
    listen += [parse_address("--web.listen-address", text, EVERYWHERE) for text in flags.listen_addresses]
    if not USABLE_PATH.fullmatch(flags.telemetry_path) or flags.telemetry_path in OTHER_PAGES:
        raise BadStart(f"--web.telemetry-path: {flags.telemetry_path!r} is not a path of its own that begins with /")
    if flags.max_requests < 0:
        raise BadStart("--web.max-requests: 0 or more are needed")
    return WebSettings(
        tuple(listen) or (Address(LOOPBACK, default_port),),
        flags.telemetry_path,
        flags.max_requests,
        flags.web_config,
    )
