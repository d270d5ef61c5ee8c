"""What the command line says of probing, checked."""

import argparse
from dataclasses import dataclass, field
from pathlib import Path

from exporter.checks import check_url
from exporter.errors import BadStart


@dataclass(frozen=True, slots=True)
class OwnSettings:
    """Where this prober's own targets are listed, and how they are asked; ``refresh`` in seconds."""

    urls: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    modules_file: Path | None = None
    refresh: float = 60.0


@dataclass(frozen=True, slots=True)
class ProbeSettings:
    """``join_token`` as given, a token or ``@FILE``; needed until ``token_file`` holds the lasting token.

    An empty ``advertise`` is the address listened on. Without remediators there are only our own targets.
    """

    name: str
    region: str
    rack: str
    remediators: tuple[str, ...]
    token_file: Path
    join_token: str = ""
    advertise: str = ""
    own: OwnSettings = field(default_factory=OwnSettings)


def add_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--vantage", default="", metavar="NAME")
    group.add_argument("--region", default="")
    group.add_argument("--rack", default="")
    group.add_argument("--remediator", default="", metavar="URL[,URL]", help="every one of them gets every report")
    group.add_argument("--join-token", default="", metavar="TOKEN|@FILE", help="needed once")
    group.add_argument("--token-file", default="", metavar="FILE", help="where the lasting token is kept")
    group.add_argument(
        "--advertise", default="", metavar="IP:PORT", help="where our page is scraped, if not --listen"
    )
    add_own_flags(group)


def add_own_flags(group: argparse._ArgumentGroup) -> None:
    default = OwnSettings()
    group.add_argument(
        "--targets.url", dest="target_urls", action="append", default=[], metavar="URL", help="http_sd; repeatable"
    )
    group.add_argument(
        "--targets.file", dest="target_files", action="append", type=Path, default=[], metavar="FILE",
        help="file_sd, JSON or YAML; repeatable",
    )  # fmt: skip
    group.add_argument(
        "--targets.refresh", dest="targets_refresh", type=float, default=default.refresh, metavar="SECONDS",
        help="how often --targets.url is asked",
    )  # fmt: skip
    group.add_argument(
        "--modules.file",
        dest="modules_file",
        type=Path,
        metavar="FILE",
        help="how targets are asked, besides the built-in ways",
    )


def build_probe(flags: argparse.Namespace) -> ProbeSettings:
    """Raises BadStart, naming the flags, on what cannot work."""
    own = build_own(flags)
    alone = bool(own.urls or own.files or own.modules_file) and not flags.remediator
    check_complete(flags, () if alone else ("vantage", "region", "rack", "remediator", "token-file"))
    urls = tuple(check_url("--remediator", url.strip()) for url in flags.remediator.split(",") if url.strip())
    return ProbeSettings(
        flags.vantage, flags.region, flags.rack, urls, Path(flags.token_file), flags.join_token, flags.advertise, own
    )


def check_complete(flags: argparse.Namespace, needed: tuple[str, ...]) -> None:
    missing = [f"--{name}" for name in needed if not getattr(flags, name.replace("-", "_"))]
    if missing:
        raise BadStart(f"probe: {', '.join(missing)} missing")


def build_own(flags: argparse.Namespace) -> OwnSettings:
    if not 1.0 <= flags.targets_refresh < float("inf"):
        raise BadStart("--targets.refresh: 1 second or more is needed")
    urls = tuple(check_url("--targets.url", url) for url in flags.target_urls)
    return OwnSettings(urls, tuple(flags.target_files), flags.modules_file, flags.targets_refresh)
