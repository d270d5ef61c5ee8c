"""Sending an operator's signed freeze or thaw to everybody at once, the remediator being only one of them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import aiohttp
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from remediator.clock import Clock
from remediator.commands.client import CommandFailed, operator_name
from remediator.wire.freeze import sign_freeze
from remediator.wire.keys import load_signing_key

PATIENCE_SECONDS = 0.8
FREEZE_FILE = "freeze"


class AgentPlace(BaseModel):
    """One row of agents.json; port 0 is a host that is expected and has never joined."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: Annotated[str, Field(validation_alias=AliasChoices("name", "host"))]
    address: str
    port: Annotated[int, Field(validation_alias=AliasChoices("port", "agent_port"), ge=0, lt=65536)]


AGENTS = TypeAdapter(list[AgentPlace])


@dataclass(frozen=True, slots=True)
class Recipient:
    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Whether a recipient said yes, what else it said, and after how many seconds."""

    name: str
    confirmed: bool
    text: str
    seconds: float


def read_agents(path: Path) -> list[Recipient]:
    """The agents that the remediator knew last; none when there is no such file.

    Raises:
        CommandFailed: when the file is there and cannot be used.
    """
    try:
        places = AGENTS.validate_json(path.read_bytes())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise CommandFailed(f"{path} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CommandFailed(f"{path}: {where}: {first['msg']}".replace(": :", ":")) from None
    joined = [place for place in places if place.port]
    return [Recipient(each.name, f"http://{_bracketed(each.address)}:{each.port}/v1/freeze") for each in joined]


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def signed(key_file: Path, clock: Clock, *, frozen: bool, why: str, until: datetime | None = None) -> dict[str, Any]:
    """The statement, signed with the operator's key.

    Raises:
        CommandFailed: when there is no key; none is ever made here, for nobody would trust it.
        BadInput: when the file is no key, or others may read it.
    """
    if not key_file.exists():
        raise CommandFailed(f"there is no operator key at {key_file} (--operator-key)")
    key = load_signing_key(key_file)
    return sign_freeze(key, frozen=frozen, who=operator_name(), why=why, at=clock.now(), until=until)


def tell_all(recipients: Sequence[Recipient], statement: dict[str, Any], clock: Clock) -> list[Confirmation]:
    """Posts to all of them side by side; each has 0.8 s."""
    return asyncio.run(_tell_all(recipients, statement, clock))


async def _tell_all(recipients: Sequence[Recipient], statement: dict[str, Any], clock: Clock) -> list[Confirmation]:
    timeout = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
    # No limit on connections: a queue behind dead hosts would cost each 0.8 s.
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
        return await asyncio.gather(*(_tell(session, each, statement, clock) for each in recipients))


async def _tell(
    session: aiohttp.ClientSession, recipient: Recipient, statement: dict[str, Any], clock: Clock
) -> Confirmation:
    began = clock.monotonic()
    try:
        async with session.post(recipient.url, json=statement) as response:
            confirmed, text = response.status == 200, f"answers {response.status}{await _why(response)}"
    except TimeoutError:
        confirmed, text = False, f"no answer within {PATIENCE_SECONDS} s"
    except (aiohttp.ClientError, OSError, ValueError) as error:
        confirmed, text = False, _short(error)
    return Confirmation(recipient.name, confirmed, "" if confirmed else text, clock.monotonic() - began)


async def _why(response: aiohttp.ClientResponse) -> str:
    """In its own words; nothing where they are not ours to read."""
    try:
        told = await response.json(content_type=None)
    except ValueError:
        return ""
    text = told.get("error") if isinstance(told, dict) else None
    return f": {text}" if isinstance(text, str) else ""


def _short(error: Exception) -> str:
    refused = isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, ConnectionRefusedError)
    return "connection refused" if refused else "cannot be reached"


def write_freeze_file(folder: Path, why: str) -> None:
    """The file that an agent on this host honours within a second, without any network."""
    try:
        (folder / FREEZE_FILE).write_text(f"{why} ({operator_name()})\n", encoding="utf-8")
    except OSError as error:
        raise CommandFailed(f"the freeze file cannot be written in {folder}: {error.strerror}") from None


def remove_freeze_file(folder: Path) -> None:
    try:
        (folder / FREEZE_FILE).unlink(missing_ok=True)
    except OSError as error:
        raise CommandFailed(f"the freeze file in {folder} cannot be removed: {error.strerror}") from None
