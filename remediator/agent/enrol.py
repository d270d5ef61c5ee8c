"""Who this agent is, and whom it believes: its own keys, and those it pinned when it joined the fleet."""

import asyncio
import logging
import os
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import msgspec
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from remediator.agent.settings import Settings
from remediator.clock import Clock
from remediator.model.errors import BadInput, PermanentError, Problem, TransientError
from remediator.wire.keys import (
    fingerprint,
    key_text,
    load_box_key,
    load_signing_key,
    parse_box_key,
    parse_verify_key,
    read_private,
    write_private,
)
from remediator.wire.statements import Ceilings, Document, read_document

RETRY_SECONDS = 0.5
_JOIN = "/internal/join"
_TIMEOUT = aiohttp.ClientTimeout(total=1.5)


@dataclass(frozen=True, slots=True)
class Own:
    """This agent's keys and the id of its data folder."""

    box: PrivateKey
    signing: SigningKey
    data_id: str

    @classmethod
    def load(cls, state: Path) -> "Own":
        marker = state / "data_id"
        if not marker.exists():
            write_private(marker, os.urandom(16).hex().encode())
        data_id = read_private(marker).decode().strip()
        return cls(load_box_key(state / "box.key"), load_signing_key(state / "signing.key"), data_id)


@dataclass(frozen=True, slots=True)
class Pinned:
    """The fleet's public keys, as base64: the remediator's own, the unsealer's, the operator's.

    ``ceilings``: what held when it joined, signed; nothing from a remediator of before, which told them at the hello.
    """

    box_key: str
    verify_key: str
    unseal_key: str
    operator_key: str
    ceilings: Document = field(default_factory=dict)


def read_pinned(state: Path) -> Pinned | None:
    """What was pinned at enrolment; None before it.

    Raises:
        BadInput: the file is damaged, or others may read it.
    """
    path = state / "pinned.json"
    if not path.exists():
        return None
    try:
        return _checked(msgspec.json.decode(read_private(path), type=Pinned))
    except (msgspec.MsgspecError, PermanentError) as error:
        raise BadInput([Problem(str(path), 0, 0, f"damaged: {error}")]) from error


async def enrol(settings: Settings, own: Own, clock: Clock, log: logging.Logger) -> Pinned:
    """Exchange the join token for the fleet's keys and pin them; waits for a remediator as long as it takes.

    Raises:
        BadInput: no token, a malformed one, or one that the remediator does not take.
    """
    if "." not in settings.join_token:
        text = "this agent is not enrolled: give it a token from `fleetmend join-token`"
        raise BadInput([Problem("--join-token", 0, 0, text)])
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as http:
        pinned = await _ask_all(http, settings, own, log)
        while pinned is None:
            await clock.sleep(RETRY_SECONDS)
            pinned = await _ask_all(http, settings, own, None)
    await asyncio.to_thread(write_private, settings.state / "pinned.json", msgspec.json.encode(pinned))
    return pinned


async def _ask_all(
    http: aiohttp.ClientSession, settings: Settings, own: Own, log: logging.Logger | None
) -> Pinned | None:
    """What the first remediator says that answers; None when none does, told once to the log."""
    for url in settings.remediators:
        try:
            return await _join(http, url, settings, own)
        except (aiohttp.ClientError, TimeoutError, TransientError) as error:
            if log:
                log.warning("no remediator at %s yet (%s); trying on", url, str(error) or "no answer")
    return None


async def _join(http: aiohttp.ClientSession, url: str, settings: Settings, own: Own) -> Pinned:
    async with http.post(url + _JOIN, json=_request(settings, own)) as response:
        body = await response.read()
        if response.status in (400, 401, 403):
            raise BadInput([Problem("--join-token", 0, 0, f"the remediator refuses it: {_reason(body)}")])
        if response.status != 200:
            raise TransientError(f"it answers {response.status}")
    try:
        pinned = _checked(msgspec.json.decode(body, type=Pinned))
    except (msgspec.MsgspecError, PermanentError) as error:
        raise TransientError(f"its answer cannot be read: {error}") from error
    # Whoever answers must be whom the token was made by: that is what its second half is for.
    if fingerprint(parse_box_key(pinned.box_key)) != settings.join_token.rpartition(".")[2]:
        text = f"the token was not made by the remediator at {url}: its fingerprint differs"
        raise BadInput([Problem("--join-token", 0, 0, text)])
    return pinned


def _request(settings: Settings, own: Own) -> dict[str, object]:
    return {
        "token": settings.join_token, "kind": "agent", "name": settings.name,
        "region": settings.region, "rack": settings.rack,
        "verify_key": key_text(own.signing.verify_key), "box_key": key_text(own.box.public_key),
        "identity": {"uuid": settings.uuid, "data_id": own.data_id},
    }  # fmt: skip


def _checked(pinned: Pinned) -> Pinned:
    parse_box_key(pinned.box_key)
    parse_box_key(pinned.unseal_key)
    verify = parse_verify_key(pinned.verify_key)
    parse_verify_key(pinned.operator_key)
    if pinned.ceilings:
        read_document("ceilings", pinned.ceilings, Ceilings, verify)
    return pinned


def _reason(body: bytes) -> str:
    try:
        return str(msgspec.json.decode(body, type=dict[str, object]).get("error") or "no reason given")
    except msgspec.MsgspecError:
        return "no reason given"
