"""The fleet listener: enrolment, agents' sockets, and probe results each second from many vantages."""

import re

import msgspec
from aiohttp import web

from remediator.api.answers import Handler, answer, answer_errors, problem
from remediator.api.bodies import Join, checked, read_object, wrong
from remediator.api.control import Control, JoinAsk, ProbeResult, VantageReport
from remediator.api.people.operators import healthz
from remediator.api.public import LARGEST_BODY, routed
from remediator.api.requests import Endpoint
from remediator.api.settings import ProbePace
from remediator.api.tenants.auth import bearer, unauthorised
from remediator.model.evidence import Outcome


class Health(msgspec.Struct, frozen=True):
    loop_lag_seconds: float = 0.0
    gateway: str = ""


class Result(msgspec.Struct, frozen=True):
    host: str
    outcome: Outcome
    seconds: float = 0.0
    age_seconds: float = 0.0


class Report(msgspec.Struct, frozen=True):
    """What a prober posts; decoded without pydantic, for it comes each second from every vantage."""

    vantage: str
    region: str
    rack: str
    address: str
    results: list[Result] = []
    health: Health = Health()


def build_fleet_app(control: Control, agent_socket: Handler, pace: ProbePace | None = None) -> web.Application:
    """Everything that agents and probers dial."""
    endpoints = [
        Endpoint("GET", "/healthz", healthz),
        Endpoint("GET", "/internal/agent", agent_socket),
        *FleetApi(control, pace or ProbePace()).endpoints(),
    ]
    return routed(endpoints, web.Application(middlewares=[answer_errors], client_max_size=LARGEST_BODY))


class FleetApi:
    """Join tokens and vantage tokens are the control's to judge."""

    def __init__(self, control: Control, pace: ProbePace) -> None:
        self._control = control
        self._pace = pace

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("POST", "/internal/join", self.join),
            Endpoint("POST", "/internal/probes", self.probes),
        ]

    async def join(self, request: web.Request) -> web.Response:
        asked = checked(Join, await read_object(request))
        return answer(await self._control.join(JoinAsk(**asked.model_dump())))

    async def probes(self, request: web.Request) -> web.Response:
        vantage = self._control.vantage_for(bearer(request))
        if not vantage:
            return unauthorised("this token belongs to no vantage")
        report = read_report(await request.read())
        if report.vantage != vantage:
            return problem(403, "this token belongs to another vantage", "forbidden")
        targets = self._control.take_report(report)
        pace = self._pace
        told = {
            "targets": targets,
            "interval_seconds": pace.interval_seconds,
            "timeout_seconds": pace.timeout_seconds,
        }
        return answer(told)


_QUOTED = re.compile(r"'.*'", re.DOTALL)
_DECODER = msgspec.json.Decoder(Report)


def read_report(body: bytes) -> VantageReport:
    """A prober's report; ``BadInput`` when it is none."""
    try:
        told = _DECODER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        # Of an enumeration the decoder quotes what was sent.
        raise wrong(f"no probe report: {_QUOTED.sub('…', str(error))}") from None
    return VantageReport(
        vantage=told.vantage,
        region=told.region,
        rack=told.rack,
        address=told.address,
        loop_lag_seconds=told.health.loop_lag_seconds,
        gateway=told.health.gateway,
        results=tuple(ProbeResult(r.host, r.outcome, r.seconds, r.age_seconds) for r in told.results),
    )
