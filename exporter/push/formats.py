"""The import format: sample lines as text, labels and the moment beside them in the URL."""

import gzip
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from exporter.push.page import GONE, NOT_A_NUMBER, Page

IMPORT_PATH = "/api/v1/import/prometheus"


@dataclass(frozen=True, slots=True)
class Body:
    """A request's body, what tells how to read it, and how many samples are in it."""

    data: bytes
    samples: int
    headers: dict[str, str]
    params: list[tuple[str, str]] = field(default_factory=list)


class Format(Protocol):
    """How a page becomes a request."""

    def url(self, base: str) -> str:
        """The endpoint of a store's base URL, or of a URL that names one already."""
        ...

    def encode(self, page: Page) -> Body:
        """Called in one thread at a time. Raises zlib.error, EOFError or OSError on a page that is broken."""
        ...


def add_path(base: str, path: str) -> str:
    """``base`` with ``path`` at the end of its own path; a query stays a query."""
    parts = urlsplit(base)
    return parts._replace(path=parts.path.rstrip("/") + path).geturl()


class ImportFormat:
    """Text for VictoriaMetrics; it knows neither ends of series nor values that are not numbers."""

    def __init__(self, labels: dict[str, str]) -> None:
        self._labels = [("extra_label", f"{name}={value}") for name, value in sorted(labels.items())]

    def url(self, base: str) -> str:
        return base if IMPORT_PATH in urlsplit(base).path else add_path(base, IMPORT_PATH)

    def encode(self, page: Page) -> Body:
        lines = page.lines()
        sent = [line for line in lines if not line.endswith((GONE, NOT_A_NUMBER))]
        packed = page.packed
        if len(sent) < len(lines):
            packed = gzip.compress(b"".join([line + b"\n" for line in sent]), compresslevel=1)
        headers = {"Content-Encoding": "gzip", "Content-Type": "text/plain"}
        return Body(packed, len(sent), headers, [*self._labels, ("timestamp", str(page.at))])
