"""Redfish: one HTTP connection, by a token or a login, for everything that is asked of one BMC at a time."""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import msgspec

from remediator.drivers.bmc import BmcSession, Button, Reading
from remediator.model.errors import PermanentError, TransientError
from remediator.settings import BmcEndpoint

_TIMEOUT = aiohttp.ClientTimeout(total=3.0)
_SESSIONS = "/redfish/v1/SessionService/Sessions"
_HEADER = "X-Auth-Token"
_RESETS = {Button.OFF: "ForceOff", Button.CYCLE: "ForceRestart"}
_STATES = {"On": "on", "Off": "off"}
_REFUSED = (401, 403, 404, 405)


class _System(msgspec.Struct):
    """The part of a ComputerSystem that is read; anything may be missing or null."""

    uuid: str | None = msgspec.field(name="UUID", default=None)
    power: str | None = msgspec.field(name="PowerState", default=None)


class RedfishSession:
    """Speaks for one system of one BMC."""

    def __init__(self, http: aiohttp.ClientSession, place: BmcEndpoint) -> None:
        self._http = http
        self._place = place

    async def read(self) -> Reading:
        body, _ = await self.ask("GET", self._place.system)
        try:
            system = msgspec.json.decode(body, type=_System)
        except msgspec.MsgspecError as error:
            raise TransientError("its BMC's answer cannot be read") from error
        return Reading(system.uuid or "", _STATES.get(system.power or "", "unknown"))

    async def press(self, button: Button) -> None:
        await self.ask("POST", f"{self._place.system}/Actions/ComputerSystem.Reset", {"ResetType": _RESETS[button]})

    async def ask(
        self, method: str, path: str, body: dict[str, str] | None = None
    ) -> tuple[bytes, Mapping[str, str]]:
        """The answer's body and headers."""
        try:
            # A redirect would carry the token to wherever it points.
            async with self._http.request(
                method, self._place.url + path, json=body, timeout=_TIMEOUT, allow_redirects=False
            ) as answer:
                _check(answer.status)
                return await answer.read(), answer.headers
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise TransientError(f"its BMC does not answer: {type(error).__name__}") from error


@asynccontextmanager
async def redfish_session(place: BmcEndpoint) -> AsyncIterator[BmcSession]:
    """A session with that BMC; a login is ended with it.

    Raises:
        TransientError, PermanentError: it does not answer, or does not let us in.
    """
    # One connection: what is read and what is pressed goes to the same peer.
    connector = aiohttp.TCPConnector(limit=1, ssl=_trust(place))
    async with aiohttp.ClientSession(connector=connector, headers=_token(place)) as http:
        session = RedfishSession(http, place)
        if place.token_file is not None:
            yield session
            return
        http.headers[_HEADER], its_place = await _log_in(session, place)
        try:
            yield session
        finally:
            # BMCs have few sessions to give; one that is left over ends by itself some day.
            with suppress(TransientError, PermanentError):
                await session.ask("DELETE", its_place)


def _trust(place: BmcEndpoint) -> ssl.SSLContext | bool:
    try:
        return ssl.create_default_context(cafile=str(place.ca_file)) if place.ca_file else True
    except (OSError, ssl.SSLError) as error:
        raise PermanentError(f"{place.ca_file} is no certificate to trust") from error


def _token(place: BmcEndpoint) -> dict[str, str]:
    return {_HEADER: read_secret(place.token_file)} if place.token_file else {}


async def _log_in(session: RedfishSession, place: BmcEndpoint) -> tuple[str, str]:
    """The token of a new session, and the path that ends it."""
    password = read_secret(place.password_file) if place.password_file else ""
    _, headers = await session.ask("POST", _SESSIONS, {"UserName": place.user, "Password": password})
    if _HEADER not in headers:
        raise PermanentError("its BMC gave no token for the login")
    return headers[_HEADER], urlsplit(headers.get("Location", _SESSIONS)).path


def read_secret(path: Path) -> str:
    """A secret in a file; PermanentError, without a word of it, when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise PermanentError(f"the secret in {path} cannot be read") from error


def _check(status: int) -> None:
    if status in _REFUSED:
        raise PermanentError(f"its BMC refuses: it answers {status}")
    if not 200 <= status < 300:
        raise TransientError(f"its BMC answers {status}")
