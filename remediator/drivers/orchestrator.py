"""An orchestrator that can cut a host off: what it says of a host, what that proves, and what it is asked for."""

import ssl
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from urllib.parse import quote

import aiohttp
import msgspec

from remediator.drivers.bmc import Reading, same_chassis
from remediator.drivers.redfish import read_secret
from remediator.model.errors import PermanentError, TransientError
from remediator.settings import Endpoint

SECONDS = 3.0
# Among all that is refused, what may be answered otherwise in a moment.
_LATER = (408, 425, 429)
# So far ahead of ours its clock may be; beyond that one of the two is wrong, and "newer" means nothing.
_AHEAD = timedelta(minutes=1)
_WORDS = 80


class Proof(msgspec.Struct, frozen=True):
    """A fence in force: since when, what by, and which life of which chassis it cuts off."""

    at: Annotated[datetime, msgspec.Meta(tz=True)]
    by: str
    chassis: str
    epoch: int
    boot_id: str = ""

    @property
    def words(self) -> str:
        """What by, as it may stand in a record: it is another's text."""
        return "".join(letter for letter in self.by if letter.isprintable())[:_WORDS]


class Statement(msgspec.Struct, frozen=True):
    """The answer to ``GET …/fence``; ``chassis`` is the one that the orchestrator itself reads under that name."""

    state: Literal["none", "pending", "fenced"]
    chassis: str = ""
    proof: Proof | None = None


@dataclass(frozen=True, slots=True)
class Meant:
    """The one life of the one host that is to be cut off; it was heard of last before ``last_contact``."""

    host: str
    epoch: int
    chassis: str
    boot_id: str
    last_contact: datetime


def unproved(said: Statement, meant: Meant, now: datetime) -> str:
    """Why that statement proves nothing of that life; empty where it proves that it is cut off.

    Raises:
        PermanentError: the orchestrator means another chassis by that name.
    """
    for told in (said.chassis, *((said.proof.chassis,) if said.proof else ())):
        if not same_chassis(told, meant.chassis):
            name = "".join(letter for letter in told if letter.isprintable())[:_WORDS] or "no chassis"
            raise PermanentError(f"the orchestrator names another identity for {meant.host} ({name})")
    if said.state != "fenced":
        return "it is not fenced yet" if said.state == "pending" else "it is not fenced"
    return _of_another(said.proof, meant, now) if said.proof else "it says fenced, and gives no proof"


def _of_another(proof: Proof, meant: Meant, now: datetime) -> str:
    if proof.epoch != meant.epoch:
        return f"its fence is of another life of the host (epoch {proof.epoch})"
    if proof.boot_id and meant.boot_id and proof.boot_id != meant.boot_id:
        return "its fence is of another boot of the host"
    if proof.at <= meant.last_contact:
        return "its fence is not newer than the host's last contact"
    return "its fence is of the future: one of the two clocks is wrong" if proof.at > now + _AHEAD else ""


class Orchestrator:
    """One endpoint for all hosts; it is asked with an idempotency key, and its word counts only as a statement.

    All raise ``TransientError`` (no answer, none that can be read) or ``PermanentError`` (refused).
    """

    def __init__(self, http: aiohttp.ClientSession, place: Endpoint, seconds: float = SECONDS) -> None:
        self._http = http
        self._place = place
        self._timeout = aiohttp.ClientTimeout(total=seconds)
        self._trust: ssl.SSLContext | bool = place.ca_file is None

    def knows(self, host: str) -> bool:
        """Whether it is worth asking."""
        return bool(host)

    async def read(self, host: str) -> Reading:
        """Whom it means by that name; what cannot be had is unknown."""
        try:
            said = await self.statement(host)
        except (TransientError, PermanentError):
            return Reading("", "unknown")
        return Reading(said.chassis, said.state, said.proof.epoch if said.proof else 0)

    async def statement(self, host: str) -> Statement:
        try:
            return msgspec.json.decode(await self._ask("GET", host, "fence"), type=Statement)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise TransientError("the orchestrator's answer cannot be read") from error

    async def fence(self, meant: Meant, key: str, not_after: datetime) -> None:
        """Ask for it; that it was accepted says nothing. It must not be begun after ``not_after``."""
        body = {**asdict(meant), "last_contact": meant.last_contact.isoformat(), "not_after": not_after.isoformat()}
        await self._ask("POST", meant.host, "fence", key, body)

    async def unfence(self, host: str, epoch: int, key: str) -> None:
        """Ask it to lift the fences of all lives before this one, and to begin none of them any more."""
        await self._ask("POST", host, "unfence", key, {"host": host, "epoch": epoch})

    async def _ask(self, method: str, host: str, what: str, key: str = "", body: Any = None) -> bytes:
        url = f"{self._place.url}/v1/hosts/{quote(host, safe='')}/{what}"
        headers = {"Idempotency-Key": key} if key else {}
        if self._place.token_file:
            headers["Authorization"] = f"Bearer {read_secret(self._place.token_file)}"
        try:
            async with self._http.request(method, url, json=body, headers=headers, **self._manner()) as answer:
                _check(answer.status)
                return await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise TransientError(f"the orchestrator does not answer: {type(error).__name__}") from error
        except ValueError:
            # Without its cause, which quotes the token.
            raise PermanentError(f"the secret in {self._place.token_file} is no token") from None

    def _manner(self) -> dict[str, Any]:
        # A redirect would carry the token to wherever it points.
        return {"timeout": self._timeout, "ssl": self._trusted(), "allow_redirects": False}

    def _trusted(self) -> ssl.SSLContext | bool:
        """Made once: connections are kept by it."""
        if self._trust is False:
            try:
                self._trust = ssl.create_default_context(cafile=str(self._place.ca_file))
            except (OSError, ssl.SSLError) as error:
                raise PermanentError(f"{self._place.ca_file} is no certificate to trust") from error
        return self._trust


def _check(status: int) -> None:
    if 200 <= status < 300:
        return
    if status in _LATER or status >= 500:
        raise TransientError(f"the orchestrator answers {status}")
    raise PermanentError(f"the orchestrator refuses: it answers {status}")
