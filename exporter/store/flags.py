"""The store module's flags."""

import argparse
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from exporter.checks import check_url
from exporter.errors import BadStart

KINDS = ("victoria-metrics", "prometheus")
NAME = re.compile(r"[a-z][a-z0-9_]*")
HEARTBEAT = "heartbeat"
HEARTBEAT_QUERY = "max(fleetmend_heartbeat_timestamp_seconds)"
QUERIES = ("up=count(up)",)


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """``url`` is what ``/api/v1/query`` follows; ``metrics_url`` is the store's own page.

    ``queries`` by name, among them the heartbeat's, whose value is a time in unix seconds. Spans are in seconds.
    """

    url: str
    metrics_url: str
    kind: str = KINDS[0]
    queries: tuple[tuple[str, str], ...] = ()
    interval: float = 15.0
    timeout: float = 5.0
    token_file: Path | None = None


def add_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--store.url", dest="store_url", default="", metavar="URL",
        help="where queries go; for a cluster with its prefix: http://vmselect:8481/select/0/prometheus",
    )  # fmt: skip
    group.add_argument("--store.kind", dest="store_kind", default=KINDS[0], choices=KINDS)
    group.add_argument(
        "--store.metrics-url", dest="store_metrics_url", default="", metavar="URL",
        help="the store's own page (default: /metrics of the host and port of --store.url)",
    )  # fmt: skip
    group.add_argument(
        "--store.query", dest="store_queries", action="append", metavar="NAME=PROMQL",
        help=f"a canary query, repeatable (default: {QUERIES[0]})",
    )  # fmt: skip
    group.add_argument(
        "--store.heartbeat", dest="store_heartbeat", default=HEARTBEAT_QUERY, metavar="PROMQL",
        help=f"gives the newest heartbeat's time (default: {HEARTBEAT_QUERY})",
    )  # fmt: skip
    group.add_argument("--store.interval", dest="store_interval", type=float, default=15.0, metavar="SECONDS")
    group.add_argument("--store.timeout", dest="store_timeout", type=float, default=5.0, metavar="SECONDS")
    group.add_argument(
        "--store.token-file",
        dest="store_token_file",
        type=Path,
        metavar="FILE",
        help="a bearer token, read each time",
    )


def build_store(flags: argparse.Namespace, modules: Collection[str]) -> StoreSettings | None:
    """None without the module. Raises BadStart."""
    url = check_url("--store.url", flags.store_url.rstrip("/"))
    metrics_url = check_url("--store.metrics-url", flags.store_metrics_url)
    if "store" not in modules:
        return None
    if not url:
        raise BadStart("store: --store.url is missing")
    for name in ("interval", "timeout"):
        if not 0 < getattr(flags, f"store_{name}") < float("inf"):
            raise BadStart(f"--store.{name}: more than 0 seconds are needed")
    queries = parse_queries(flags.store_queries or QUERIES)
    return StoreSettings(
        url,
        metrics_url or default_metrics_url(url),
        flags.store_kind,
        ((HEARTBEAT, flags.store_heartbeat), *queries),
        flags.store_interval,
        flags.store_timeout,
        flags.store_token_file,
    )


def parse_queries(texts: Sequence[str]) -> list[tuple[str, str]]:
    """``NAME=PROMQL`` each. Raises BadStart."""
    found: dict[str, str] = {}
    for text in texts:
        name, _, query = text.partition("=")
        if not NAME.fullmatch(name) or not query.strip():
            raise BadStart(f"--store.query: {text!r} is not NAME=PROMQL")
        if name in found or name == HEARTBEAT:
            raise BadStart(f"--store.query: there is a query {name!r} already")
        found[name] = query
    return list(found.items())


def default_metrics_url(url: str) -> str:
    """``/metrics`` beside whatever path the queries have."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/metrics"
