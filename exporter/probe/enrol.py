"""Enrolment: a one-time token becomes a lasting one, kept in a file that only we may read."""

import hashlib
import logging
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import msgspec

from exporter.clock import Clock
from exporter.errors import BadStart
from exporter.probe.wire import Vantage

log = logging.getLogger(__name__)

RETRY_SECONDS = 0.5
JOIN_SECONDS = 2.0


class Granted(msgspec.Struct, frozen=True):
    token: str


def read_join_token(text: str) -> str:
    """The token itself, or ``@FILE`` that holds it. Raises BadStart."""
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise BadStart(f"--join-token: cannot read {text[1:]}: {error.strerror}") from None


def load_token(path: Path) -> str:
    """The lasting token; empty before enrolment. Raises BadStart."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise BadStart(f"--token-file: cannot read {path}: {error}") from None


def keep_token(path: Path, token: str) -> None:
    """Written beside and renamed, so that a crash leaves the old file or the new one. Raises BadStart."""
    beside = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.unlink(missing_ok=True)
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(token + "\n")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise BadStart(f"--token-file: cannot write {path}: {error.strerror}") from None


def offered_token(path: Path) -> str:
    """A token of our own making, the same until ``path`` holds the lasting one: a join whose answer is lost can be
    repeated, by whoever has it alone. Raises BadStart."""
    beside = offered_path(path)
    if offered := load_token(beside):
        return offered
    offered = secrets.token_urlsafe(32)
    keep_token(beside, offered)
    return offered


def offered_path(path: Path) -> Path:
    return path.with_name(f".{path.name}.offered")


async def enrol(urls: Sequence[str], join_token: str, vantage: Vantage, clock: Clock, offered: str) -> str:
    """Ask each remediator in turn until one grants our token, of which only the digest travels, or one of its own.

    Raises BadStart if one refuses for good.
    """
    ask = {"token": join_token, "kind": "vantage", "name": vantage.name, "region": vantage.region}
    digest = hashlib.sha256(offered.encode()).hexdigest()
    body = msgspec.json.encode(ask | {"rack": vantage.rack, "token_digest": digest})
    timeout = aiohttp.ClientTimeout(total=JOIN_SECONDS)
    tries = 0
    async with aiohttp.ClientSession(timeout=timeout, headers={"Content-Type": "application/json"}) as session:
        while (granted := await _join_any(session, urls, body)) is None:
            tries += 1
            if tries == 1:
                log.warning("no remediator has answered yet; trying on")
            await clock.sleep(RETRY_SECONDS)
    # A remediator of before makes the token itself.
    return granted.token or offered


async def _join_any(session: aiohttp.ClientSession, urls: Sequence[str], body: bytes) -> Granted | None:
    for url in urls:
        if granted := await _join(session, url.rstrip("/"), body):
            return granted
    return None


async def _join(session: aiohttp.ClientSession, url: str, body: bytes) -> Granted | None:
    """What was granted; None if this remediator cannot say now."""
    try:
        async with session.post(f"{url}/internal/join", data=body) as answer:
            status, text = answer.status, await answer.read()
    except (aiohttp.ClientError, TimeoutError, OSError):
        return None
    if 400 <= status < 500 and status != 429:
        raise BadStart(
            f"{url} refused the join token ({status}): it is used, out of date, or for another name or kind"
        )
    try:
        return msgspec.json.decode(text, type=Granted) if status == 200 else None
    except msgspec.DecodeError:
        return None
