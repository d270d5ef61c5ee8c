"""Answers, and the headers that all of them have."""

from collections.abc import Mapping

from aiohttp import web

# What is sent is what we say it is; and nobody needs to know which library sends it.
EVERY = {"X-Content-Type-Options": "nosniff", "Server": "fleetmend-exporter"}
PLAIN = {"Content-Type": "text/plain; charset=utf-8"} | EVERY
HTML = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Frame-Options": "deny",
    "Referrer-Policy": "no-referrer",
} | EVERY
NO_HEADERS: Mapping[str, str] = {}


def plain(status: int, text: str, headers: Mapping[str, str] = NO_HEADERS) -> web.Response:
    """One line for people."""
    return web.Response(status=status, body=f"{text}\n".encode(), headers={**PLAIN, **headers})


def html(text: str) -> web.Response:
    return web.Response(body=text.encode(), headers=HTML)
