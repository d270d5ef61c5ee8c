"""Own targets by TCP, TLS and HTTP: a plan made once, and what each answer amounts to."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from exporter.probe.attempt import Dial
from exporter.probe.certificate import parse_not_after
from exporter.probe.engine import Engine
from exporter.probe.finding import Finding, Value
from exporter.probe.http import build_request, fails_by_body, judge_http, parse_answer
from exporter.probe.modules import Http, Prober, distrust
from exporter.probe.outcome import Outcome
from exporter.probe.plan import Plan, Security, family_of
from exporter.probe.target import Check


class Dialling:
    """A check that is a connection."""

    def __init__(self, engine: Engine, plan: Plan, http: Http | None) -> None:
        self._engine = engine
        self._plan = plan
        self._http = http

    def begin(self, told: Callable[[Finding], None]) -> None:
        def done(dial: Dial, outcome: Outcome, now: float) -> None:
            if dial.untrusted:
                self._look_at_certificate(dial, outcome, now, told)
                return
            told(self._describe(dial, outcome, now))

        self._engine.start(Dial(self._plan, done))

    def _look_at_certificate(
        self, refused: Dial, outcome: Outcome, now: float, told: Callable[[Finding], None]
    ) -> None:
        """What is not trusted is not shown; when it ends is worth a second connection, which proves nothing."""

        def done(dial: Dial, _outcome: Outcome, _now: float) -> None:
            refused.certificate = dial.certificate
            told(self._describe(refused, outcome, now))

        security = Security(
            distrust(ssl.create_default_context()), self._plan.security.name if self._plan.security else ""
        )
        self._engine.start(Dial(replace(self._plan, judge=None, security=security), done))

    def _describe(self, dial: Dial, outcome: Outcome, now: float) -> Finding:
        values: list[Value] = [("probe_ip_protocol", "", 6.0 if ":" in self._plan.address[0] else 4.0)]
        values += describe_certificate(dial.certificate)
        if self._http is not None:
            values += describe_http(dial, self._http, now)
        return Finding(outcome, now - dial.began, now, values, dial.trouble)


def describe_certificate(der: bytes) -> list[Value]:
    """When it ends; nothing without one that can be read."""
    try:
        return [("probe_ssl_earliest_cert_expiry", "", parse_not_after(der))] if der else []
    except ValueError:
        return []


def describe_http(dial: Dial, http: Http, now: float) -> list[Value]:
    """Statuses and times are 0 as far as it did not come to them."""
    answer = parse_answer(dial.raw, ended=True)
    spans = {
        "connect": (dial.began, dial.connected),
        "tls": (dial.connected, dial.secured),
        "processing": (dial.asked, dial.answered),
        "transfer": (dial.answered, now),
    }
    seconds = {phase: end - begin if begin and end else 0.0 for phase, (begin, end) in spans.items()}
    status, body = (answer.status, answer.body) if answer else (0, b"")
    return [
        ("probe_http_status_code", "", float(status)),
        ("probe_http_ssl", "", float(dial.plan.security is not None)),
        ("probe_failed_due_to_regex", "", float(bool(status) and fails_by_body(http, body))),
        ("probe_http_duration_seconds", "resolve", 0.0),
        *(("probe_http_duration_seconds", phase, value) for phase, value in seconds.items()),
    ]


def plan_check(check: Check, address: str, timeout: float, context: ssl.SSLContext | None) -> Plan:
    """``context`` is the module's, None where nothing is secured."""
    module, place = check.module, check.place
    security = Security(context, module.tls.server_name or place.host) if context else None
    plan = Plan(family_of(address), (address, place.port), timeout, security=security)
    if module.prober is not Prober.HTTP:
        return plan
    return plan_request(plan, module.http, build_request(place.path, place.authority, dict(module.http.headers)))


def plan_request(plan: Plan, http: Http, request: bytes) -> Plan:
    return replace(plan, request=request, judge=partial(judge_http, http))


def is_secured(check: Check) -> bool:
    return check.place.secure if check.module.prober is Prober.HTTP else check.module.secure


async def dial_once(engine: Engine, plan: Plan) -> tuple[Dial, Outcome]:
    """For what is seldom asked: a future costs more than a whole probe does."""
    future: asyncio.Future[tuple[Dial, Outcome]] = asyncio.get_running_loop().create_future()

    def done(dial: Dial, outcome: Outcome, _now: float) -> None:
        if not future.done():
            future.set_result((dial, outcome))

    engine.start(Dial(plan, done))
    return await future
