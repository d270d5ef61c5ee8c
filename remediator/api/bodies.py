"""What clients send: bodies and query values, checked at the border, all problems told at once."""

import re
from typing import Annotated, Any, TypeVar

import msgspec
from aiohttp import web
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from remediator.api.spans import Span
from remediator.model.errors import BadInput, Problem

NAME = re.compile(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?")
# Keys that are quoted where they are wrong: whatever else stands for one may be a secret in the wrong place.
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
MIB_IN_GIB = 1024
LARGEST_MB = 64 * 1024 * MIB_IN_GIB
BodyT = TypeVar("BodyT", bound=BaseModel)


def wrong(*texts: str) -> BadInput:
    return BadInput([Problem("", 0, 0, text) for text in texts])


def _without_nul(text: str) -> str:
    if "\0" in text:
        msg = "must not hold a NUL character"
        raise ValueError(msg)
    return text


def _variable_name(text: str) -> str:
    if not text or "=" in text:
        msg = "is no name of an environment variable"
        raise ValueError(msg)
    return _without_nul(text)


def name_or_empty(text: str) -> str:
    if text and not NAME.fullmatch(text):
        msg = "must be 1 to 63 of a-z, 0-9, '-' and '_', beginning and ending with a letter or digit"
        raise ValueError(msg)
    return text


Text = Annotated[str, AfterValidator(_without_nul)]
Name = Annotated[str, AfterValidator(name_or_empty)]
Argv = Annotated[list[Text], Field(max_length=1024)] | None


class Lenient(BaseModel):
    """Keys that we do not know are somebody else's business: real clients send many."""

    model_config = ConfigDict(extra="ignore", strict=True)


class Guest(Lenient):
    cpus: Annotated[float, Field(gt=0, le=1024)] | None = None
    memory_mb: Annotated[int, Field(gt=0, le=LARGEST_MB)] | None = None


class Mount(Lenient):
    volume: Annotated[Text, Field(min_length=1, max_length=128)]
    path: Annotated[Text, Field(min_length=1, max_length=4096)]


class FileIn(Lenient):
    guest_path: Annotated[Text, Field(min_length=1, max_length=4096)]
    raw_value: str | None = None


class Init(Lenient):
    exec: Argv = None
    entrypoint: Argv = None
    cmd: Argv = None


class Restart(Lenient):
    policy: Annotated[str, Field(pattern="^(no|on-failure|always|spot-price|)$")] | None = None
    max_retries: Annotated[int, Field(ge=0, le=1_000_000)] | None = None


class StopConfig(Lenient):
    timeout: Span | None = None
    signal: Annotated[str, Field(max_length=16)] | None = None


class MachineConfig(Lenient):
    """Checks what the embedded fleet reads; the rest of the config goes to the host as it came."""

    env: dict[Annotated[str, AfterValidator(_variable_name)], Text] | None = None
    init: Init | None = None
    guest: Guest | None = None
    metadata: dict[Text, Text] | None = None
    mounts: Annotated[list[Mount], Field(max_length=1)] | None = None
    files: list[FileIn] | None = None
    restart: Restart | None = None
    stop_config: StopConfig | None = None
    image: Text | None = None
    auto_destroy: bool | None = None
    standbys: Annotated[list[Annotated[Text, Field(min_length=1, max_length=64)]], Field(max_length=32)] | None = None


class CreateMachine(Lenient):
    """``config`` is the checked reading; the caller keeps the raw one beside it."""

    config: MachineConfig
    name: Name | None = ""
    region: Name | None = ""
    skip_launch: bool | None = False


class TokenFor(Lenient):
    """``kind`` is agent or vantage; empty is either."""

    name: Annotated[Name, Field(min_length=1)]
    kind: Annotated[str, Field(pattern="^(agent|vantage|)$")] = ""


class Join(Lenient):
    token: Annotated[str, Field(min_length=1, max_length=512)]
    kind: Annotated[str, Field(pattern="^(agent|vantage)$")]
    name: Annotated[Name, Field(min_length=1)]
    region: Annotated[Name, Field(min_length=1)]
    rack: Annotated[Name, Field(min_length=1)]
    verify_key: Annotated[str, Field(max_length=128)] = ""
    box_key: Annotated[str, Field(max_length=128)] = ""
    identity: dict[str, str] = Field(default_factory=dict)
    token_digest: Annotated[str, Field(pattern="^([0-9a-f]{64})?$")] = ""


def decoded(body: bytes) -> dict[str, Any]:
    """The JSON object of a body.

    Raises:
        BadInput: for anything else.
    """
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise wrong(f"the body is not JSON: {error}") from None
    except RecursionError:
        raise wrong("the body is nested too deep") from None
    if not isinstance(value, dict):
        raise wrong("the body must be a JSON object")
    return value


def checked(model: type[BodyT], value: dict[str, Any]) -> BodyT:
    """``value`` read as ``model``; problems quote places and rules, never what was sent (it may be a secret)."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise wrong(*(_told(each["loc"], each["msg"]) for each in error.errors(include_input=False))) from None


def _told(place: tuple[int | str, ...], text: str) -> str:
    where = ".".join(str(part) if isinstance(part, int) or _KEY.fullmatch(part) else "…" for part in place)
    what = text.removeprefix("Value error, ")
    return f"{where}: {what}" if where else what


async def read_object(request: web.Request) -> dict[str, Any]:
    return decoded(await request.read())


async def read_optional_object(request: web.Request) -> dict[str, Any]:
    """As ``read_object``; a missing body is an empty object."""
    body = await request.read()
    return decoded(body) if body.strip() else {}


def flag(request: web.Request, name: str) -> bool:
    """A yes or no of the query; absent means no."""
    text = request.query.get(name, "false").lower()
    if text not in ("true", "1", "false", "0", ""):
        raise wrong(f"{name}: must be true or false")
    return text in ("true", "1")


def number(request: web.Request, name: str, default: int, most: int) -> int:
    """A whole number of the query, from 1 to ``most``."""
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= most):
        raise wrong(f"{name}: must be a whole number from 1 to {most}")
    return int(text)


def app_name(request: web.Request) -> str:
    """The app of the path, fit to be created."""
    app = request.match_info["app"]
    if not NAME.fullmatch(app):
        raise wrong("app: must be 1 to 63 of a-z, 0-9, '-' and '_'")
    return app
