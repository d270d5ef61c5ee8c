"""Power state by Redfish: over HTTPS, as a session or with each request's own password."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from exporter.clock import Clock
from exporter.probe.credentials import Login
from exporter.probe.dialling import dial_once, plan_request
from exporter.probe.engine import Engine
from exporter.probe.http import Answer, build_request, parse_answer, parse_field
from exporter.probe.modules import Http
from exporter.probe.outcome import Outcome
from exporter.probe.plan import Plan, Security

SYSTEMS = "/redfish/v1/Systems"
SESSIONS = "/redfish/v1/SessionService/Sessions"
CREATED, UNAUTHORISED = 201, 401
# Any status at all ends an answer: it is looked at here.
ANY = Http(valid_status_codes=frozenset(range(100, 600)), body_size_limit=1 << 18)
POWER = {"On": "on", "PoweringOff": "on", "Off": "off", "PoweringOn": "off"}


class Failed(Exception):
    """No power state: how it ended, and words."""

    def __init__(self, outcome: Outcome, trouble: str) -> None:
        super().__init__(trouble)
        self.outcome = outcome


class Refused(Failed):
    """It does not take us for whom we say we are."""

    def __init__(self, trouble: str) -> None:
        super().__init__(Outcome.WRONG_ANSWER, trouble)


@dataclass(slots=True)
class Kept:
    """What is kept between two questions to one BMC: its session, and where its system is.

    A session is used until it is refused: BMCs have room for few, and end them by themselves.
    """

    token: str = ""
    system: str = ""


class Redfish:
    """Asks one BMC; ``plan`` holds its address and security, ``seconds`` bound all the requests of a question."""

    def __init__(self, engine: Engine, clock: Clock, plan: Plan, authority: str, *, session: bool) -> None:
        self._engine = engine
        self._clock = clock
        self._plan = plan
        self._authority = authority
        self._session = session
        self._kept = Kept()
        self.certificate = b""

    def secure(self, security: Security) -> None:
        """Whom to trust from now on."""
        self._plan = replace(self._plan, security=security)

    async def read_power(self, login: Login, seconds: float) -> str:
        """``on`` or ``off``. Raises Failed."""
        until = self._clock.monotonic() + seconds
        known = bool(self._kept.token)
        try:
            return await self._read(login, until)
        except Refused:
            if not known:
                raise
        # The session has ended since: a new one, once.
        self._kept = Kept()
        return await self._read(login, until)

    async def _read(self, login: Login, until: float) -> str:
        headers = await self._identify(login, until)
        if not self._kept.system:
            systems = await self._get(SYSTEMS, headers, until)
            self._kept.system = find_system(systems)
        state = (await self._get(self._kept.system, headers, until)).get("PowerState")
        if state not in POWER:
            self._kept.system = ""
            raise Failed(Outcome.WRONG_ANSWER, f"PowerState is {state!r}"[:100])
        return POWER[state]

    async def _identify(self, login: Login, until: float) -> dict[str, str]:
        if not self._session:
            pair = base64.b64encode(f"{login.username}:{login.password}".encode()).decode()
            return {"Authorization": f"Basic {pair}"}
        if not self._kept.token:
            body = msgspec.json.encode({"UserName": login.username, "Password": login.password})
            answer = await self._exchange(build_request(SESSIONS, self._authority, {}, "POST", body), until)
            self._kept.token = parse_field(answer.head, b"x-auth-token").decode("ascii", "replace")
            if answer.status not in {200, CREATED} or not self._kept.token:
                self._kept.token = ""
                raise Refused(f"login: status {answer.status}")
        return {"X-Auth-Token": self._kept.token}

    async def _get(self, path: str, headers: Mapping[str, str], until: float) -> dict[str, Any]:
        answer = await self._exchange(build_request(path, self._authority, headers), until)
        if answer.status == UNAUTHORISED:
            raise Refused(f"GET {path}: status {answer.status}")
        if answer.status != 200:
            raise Failed(Outcome.WRONG_ANSWER, f"GET {path}: status {answer.status}")
        try:
            return msgspec.json.decode(answer.body, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise Failed(Outcome.WRONG_ANSWER, f"GET {path}: {error}") from None

    async def _exchange(self, request: bytes, until: float) -> Answer:
        left = until - self._clock.monotonic()
        if left <= 0:
            raise Failed(Outcome.WRONG_ANSWER, "timeout")
        dial, outcome = await dial_once(self._engine, replace(plan_request(self._plan, ANY, request), timeout=left))
        self.certificate = dial.certificate or self.certificate
        answer = parse_answer(dial.raw, ended=True)
        if outcome is not Outcome.OK or answer is None:
            raise Failed(outcome, dial.trouble or "no HTTP answer")
        return answer


def find_system(systems: Mapping[str, Any]) -> str:
    """The path of the first system. Raises Failed."""
    match systems.get("Members"):
        case [{"@odata.id": str(path)}, *_] if path.startswith("/") and path.isprintable() and " " not in path:
            return path
    raise Failed(Outcome.WRONG_ANSWER, "it names no system")
