"""The status page: one file, nothing loaded from elsewhere."""

import base64
import hashlib
import re
from pathlib import Path

from aiohttp import web

from remediator.api.requests import Endpoint


class StatusPage:
    """Served under a policy that runs this page's own script and style and nothing else."""

    def __init__(self) -> None:
        self._text = Path(__file__).with_name("index.html").read_text(encoding="utf-8")
        self._headers = {
            "Content-Security-Policy": policy_of(self._text),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
        }

    def endpoints(self) -> list[Endpoint]:
        return [Endpoint("GET", "/", self.page)]

    async def page(self, _: web.Request) -> web.Response:
        return web.Response(text=self._text, content_type="text/html", headers=self._headers)


def policy_of(text: str) -> str:
    """A content security policy that names the hashes of the page's inline script and style."""
    script, style = (_hash_of(text, tag) for tag in ("script", "style"))
    return (
        f"default-src 'none'; script-src {script}; style-src {style}; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _hash_of(text: str, tag: str) -> str:
    found = re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    digest = hashlib.sha256((found.group(1) if found else "").encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
