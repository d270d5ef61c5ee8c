"""Prometheus' own API for rules and alerts, so that Grafana and other tools list ours: the format of 2.42.

Numbers of alerts are strings as Go prints them (``1e+00``); durations are seconds; moments RFC 3339.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from math import isinf, isnan
from typing import Any, Protocol

import promql_parser
from aiohttp import web

from remediator.api.answers import answer
from remediator.api.requests import Endpoint
from remediator.model.alert import Alert, AlertState, Group, Rule
from remediator.templates.values import go_float

NEVER = "0001-01-01T00:00:00Z"
MOST_EXPRESSIONS = 20_000
# Strings, moments after @, and numbers (the group) that belong to no name or duration.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|@ [\d.]+|(?<![\w.:\[])(\d+(?:\.\d+)?|(?<!-)Inf)(?![\w.:\]])')
_KINDS = {"": (False, True), "alert": (False,), "record": (True,)}


class RuleView(Protocol):
    """One rule as it stands; ``health`` is ok, err or unknown, ``seconds`` its last evaluation's length."""

    @property
    def rule(self) -> Rule: ...
    @property
    def health(self) -> str: ...
    @property
    def last_error(self) -> str: ...
    @property
    def evaluated_at(self) -> datetime | None: ...
    @property
    def seconds(self) -> float: ...
    @property
    def alerts(self) -> Sequence[Alert]: ...


class GroupView(Protocol):
    """One group as it stands."""

    @property
    def group(self) -> Group: ...
    @property
    def last_slot(self) -> datetime | None: ...
    @property
    def seconds(self) -> float: ...
    @property
    def rules(self) -> Sequence[RuleView]: ...


class PrometheusApi:
    """``views`` are our own rules; ``received`` are the alerts of others, which have no rule of ours."""

    def __init__(
        self, views: Callable[[], Iterable[GroupView]], received: Callable[[], Iterable[Alert]], version: str
    ) -> None:
        self._views = views
        self._received = received
        self._version = version

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("GET", "/api/v1/rules", self.rules, "rules.list"),
            Endpoint("GET", "/api/v1/alerts", self.alerts, "alerts.list"),
            Endpoint("GET", "/api/v1/status/buildinfo", self.build),
        ]

    async def rules(self, request: web.Request) -> web.Response:
        wanted = _KINDS.get(request.query.get("type", ""))
        if wanted is None:
            text = f'invalid parameter "type": not supported value "{request.query["type"]}"'
            return answer({"status": "error", "errorType": "bad_data", "error": text}, 400)
        ordered = sorted(self._views(), key=lambda view: (view.group.file, view.group.name))
        return _success({"groups": [_group_doc(view, wanted) for view in ordered]})

    async def alerts(self, _: web.Request) -> web.Response:
        own = [alert for view in self._views() for rule in view.rules for alert in rule.alerts]
        known = {alert.fingerprint for alert in own if alert.state is not AlertState.RESOLVED}
        others = [alert for alert in self._received() if alert.fingerprint not in known]
        return _success({"alerts": _alert_docs([*own, *others])})

    async def build(self, _: web.Request) -> web.Response:
        # Ours, not Prometheus': who asks for a version is told the truth.
        keys = ("revision", "branch", "buildUser", "buildDate", "goVersion")
        return _success({"version": self._version, **dict.fromkeys(keys, "")})


def exponent(value: float) -> str:
    """A number as Go's format 'e' with the shortest digits: 0.05 is 5e-02."""
    if isnan(value):
        return "NaN"
    if isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    told = Decimal(repr(value)).as_tuple()
    digits = "".join(map(str, told.digits))
    power = len(digits) - 1 + int(told.exponent) if value else 0
    first, rest = digits[0], digits[1:].rstrip("0")
    return f"{'-' * told.sign}{first}{'.' * bool(rest)}{rest}e{power:+03d}"


@lru_cache(MOST_EXPRESSIONS)
def one_line(expr: str) -> str:
    """The expression as Prometheus prints it; what is not plain PromQL as it was written, on one line."""
    try:
        text = promql_parser.parse(expr).prettify()
    except ValueError:
        return " ".join(expr.split())
    flat = re.sub(r"\s*\n\s*", " ", re.sub(r"\(\s*\n\s*", "(", re.sub(r"\s*\n\s*\)", ")", text))).strip()
    return _TOKEN.sub(lambda token: go_float(float(token[1])) if token[1] else token[0], flat)


def _success(data: dict[str, Any]) -> web.Response:
    return answer({"status": "success", "data": data})


def _group_doc(view: GroupView, wanted: tuple[bool, ...]) -> dict[str, Any]:
    group = view.group
    return {
        "name": group.name,
        "file": group.file,
        "rules": [_rule_doc(rule) for rule in view.rules if rule.rule.recording in wanted],
        "interval": _seconds(group.interval.total_seconds()),
        "limit": group.limit,
        "evaluationTime": view.seconds,
        "lastEvaluation": view.last_slot or NEVER,
    }


def _rule_doc(view: RuleView) -> dict[str, Any]:
    evaluated = {
        "health": view.health,
        **({"lastError": view.last_error} if view.last_error else {}),
        "evaluationTime": view.seconds,
        "lastEvaluation": view.evaluated_at or NEVER,
    }
    rule = view.rule
    if rule.recording:
        labels = {"labels": rule.labels} if rule.labels else {}
        return {"name": rule.name, "query": one_line(rule.expr), **labels, **evaluated, "type": "recording"}
    alerts = _alert_docs(view.alerts)
    return {
        "state": _worst(alerts),
        "name": rule.name,
        "query": one_line(rule.expr),
        "duration": _seconds(rule.hold_for.total_seconds()),
        "keepFiringFor": _seconds(rule.keep_firing_for.total_seconds()),
        "labels": rule.labels,
        "annotations": rule.annotations,
        "alerts": alerts,
        **evaluated,
        "type": "alerting",
    }


def _worst(alerts: list[dict[str, Any]]) -> str:
    states = {alert["state"] for alert in alerts}
    return next((state for state in (AlertState.FIRING, AlertState.PENDING) if state in states), "inactive")


def _alert_docs(alerts: Iterable[Alert]) -> list[dict[str, Any]]:
    return [_alert_doc(alert) for alert in alerts if alert.state is not AlertState.RESOLVED]


def _alert_doc(alert: Alert) -> dict[str, Any]:
    kept = {"keepFiringSince": alert.keep_since} if alert.keep_since else {}
    return {
        "labels": alert.labels,
        "annotations": dict(alert.annotations),
        "state": alert.state,
        "activeAt": alert.active_at,
        **kept,
        "value": exponent(alert.value),
    }


def _seconds(value: float) -> int | float:
    """Whole numbers without a fraction, as Go encodes them."""
    return int(value) if value.is_integer() else value
