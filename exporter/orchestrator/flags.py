"""The orchestrator's flags."""

import argparse
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from exporter.checks import check_url
from exporter.errors import BadStart

# VictoriaMetrics refuses pages over 16 MiB.
MAX_PAGE_BYTES = 12 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class OrchestratorSettings:
    """Where the remediator is, the token to show it, and how long a page may be before compression."""

    state_url: str
    max_page_bytes: int = MAX_PAGE_BYTES
    token_file: Path | None = None


def add_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--state-url", default="", metavar="URL", help="the remediator's own listener")
    group.add_argument(
        "--state-token-file", type=Path, default=None, metavar="FILE", help="a monitor's token, where it asks for one"
    )
    group.add_argument(
        "--orchestrator.max-page-bytes",
        dest="max_page_bytes",
        type=int,
        default=MAX_PAGE_BYTES,
        metavar="BYTES",
        help="leave out the largest families of a page that would be larger (default: 12 MiB)",
    )


def build_orchestrator(flags: argparse.Namespace, modules: Collection[str]) -> OrchestratorSettings | None:
    """None without the module. Raises BadStart."""
    url = check_url("--state-url", flags.state_url)
    if "orchestrator" not in modules:
        return None
    if not url:
        raise BadStart("orchestrator: --state-url is missing")
    if flags.max_page_bytes <= 0:
        raise BadStart("--orchestrator.max-page-bytes: more than 0 are needed")
    return OrchestratorSettings(url, flags.max_page_bytes, flags.state_token_file)
