"""What others post when alerts fire: Alertmanager's API v2, its webhook v4, and Grafana's, which is a superset.

Shapes that are right are decoded at once; only what is wrong is looked at part by part, so that all of it is told.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any

import msgspec

from remediator.api.bodies import wrong
from remediator.model.received import AlertWord, Teller

LARGEST_LABELS = 16 * 1024
LARGEST_ANNOTATIONS = 64 * 1024
MOST_PROBLEMS = 50
Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class AlertIn(msgspec.Struct):
    """One alert in any of the shapes; a year of 1 is Go's way to say that there is no such moment."""

    labels: dict[str, str]
    annotations: dict[str, str] | None = None
    startsAt: Moment | None = None  # noqa: N815 - the wire's own name
    endsAt: Moment | None = None  # noqa: N815 - the wire's own name
    generatorURL: str = ""  # noqa: N815 - the wire's own name
    status: str = ""


class WebhookIn(msgspec.Struct):
    """A webhook's body; ``truncatedAlerts`` were left out by their sender."""

    alerts: list[AlertIn]
    version: str = ""
    truncatedAlerts: int = 0  # noqa: N815 - the wire's own name
    orgId: Any = None  # noqa: N815 - the wire's own name


@dataclass(frozen=True, slots=True)
class Posted:
    """Alerts as they were told; ``places`` name each within its body, ``problems`` what could not be read."""

    alerts: list[tuple[str, AlertIn]]
    teller: Teller
    truncated: int = 0
    problems: tuple[str, ...] = ()


_ALERTS = msgspec.json.Decoder(list[AlertIn])
_WEBHOOK = msgspec.json.Decoder(WebhookIn)


def posted_alerts(body: bytes) -> Posted:
    """A body of POST /api/v2/alerts.

    Raises:
        BadInput: it is no JSON array.
    """
    try:
        return Posted(_placed("", _ALERTS.decode(body)), Teller.EVALUATOR)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        value = _json(body)
    if not isinstance(value, list):
        raise wrong("the body must be a JSON array of alerts")
    good, problems = _sorted_out("", value)
    return Posted(good, Teller.EVALUATOR, 0, problems)


def posted_webhook(body: bytes) -> Posted:
    """A body of Alertmanager's webhook, or Grafana's.

    Raises:
        BadInput: it is no JSON object with a list of alerts.
    """
    try:
        told = _WEBHOOK.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _doubtful_webhook(_json(body))
    return Posted(_placed("alerts", told.alerts), _teller(told.orgId), told.truncatedAlerts)


def to_word(alert: AlertIn, teller: Teller, fingerprint: str) -> AlertWord:
    """The alert in our own terms; labels without a value are none, as everywhere."""
    return AlertWord(
        fingerprint=fingerprint,
        labels=alert.labels,
        teller=teller,
        starts_at=_moment(alert.startsAt),
        ends_at=_moment(alert.endsAt),
        resolved=alert.status == "resolved",
        annotations=alert.annotations or {},
        generator_url=alert.generatorURL,
    )


def flaws(place: str, alert: AlertIn) -> list[str]:
    """What is wrong with an alert of the right shape; its labels without a value are taken off."""
    if "" in alert.labels.values():
        alert.labels = {name: value for name, value in alert.labels.items() if value}
    found = [] if alert.labels else [f"{place}.labels: at least one label is needed"]
    for part, pairs, most in (
        ("labels", alert.labels, LARGEST_LABELS),
        ("annotations", alert.annotations or {}, LARGEST_ANNOTATIONS),
    ):
        found += [f"{place}.{part}: {_short(name)} is no name of a label" for name in pairs if not _named(name)]
        if sum(map(len, pairs)) + sum(map(len, pairs.values())) > most:
            found.append(f"{place}.{part}: more than {most} characters in all")
    began, ended = _moment(alert.startsAt), _moment(alert.endsAt)
    if began and ended and began > ended:
        found.append(f"{place}: startsAt must not be after endsAt")
    return found


@lru_cache(4096)
def _named(name: str) -> bool:
    """Letters, digits and underscores, no digit first: what Python calls an identifier, in ASCII."""
    return name.isascii() and name.isidentifier()


def _short(name: str) -> str:
    return repr(name if len(name) <= 40 else f"{name[:40]}…")


def _moment(told: datetime | None) -> datetime | None:
    return None if told is None or told.year <= 1 else told


def _teller(org: Any) -> Teller:
    return Teller.ALERTMANAGER if org is None else Teller.GRAFANA


def _placed(base: str, alerts: Sequence[AlertIn]) -> list[tuple[str, AlertIn]]:
    return [(f"{base}[{index}]", alert) for index, alert in enumerate(alerts)]


def _doubtful_webhook(value: Any) -> Posted:
    """Something in it is not as it should be: everything else counts, and all of it is named."""
    if not isinstance(value, dict):
        raise wrong("the body must be a JSON object: a webhook of Alertmanager or Grafana")
    if not isinstance(value.get("alerts"), list):
        raise wrong("alerts: must be a list; is this a webhook of Alertmanager or Grafana?")
    good, problems = _sorted_out("alerts", value["alerts"])
    truncated = value.get("truncatedAlerts")
    if not isinstance(truncated, int | None):
        problems = (*problems, "truncatedAlerts: must be a number")
    return Posted(good, _teller(value.get("orgId")), truncated if isinstance(truncated, int) else 0, problems)


def _sorted_out(base: str, values: list[Any]) -> tuple[list[tuple[str, AlertIn]], tuple[str, ...]]:
    good: list[tuple[str, AlertIn]] = []
    problems: list[str] = []
    for index, value in enumerate(values):
        place = f"{base}[{index}]"
        try:
            good.append((place, msgspec.convert(value, AlertIn)))
        except msgspec.ValidationError:
            problems += _wrong_fields(place, value)
    return good, tuple(problems)


def _wrong_fields(place: str, value: Any) -> Iterator[str]:
    """Each field that is wrong, one by one; values are not quoted."""
    if not isinstance(value, dict):
        yield f"{place}: must be an object"
        return
    if "labels" not in value:
        yield f"{place}.labels: is missing"
    for field in msgspec.structs.fields(AlertIn):
        if field.name in value:
            try:
                msgspec.convert(value[field.name], field.type)
            except msgspec.ValidationError as error:
                yield f"{place}.{field.name}: {str(error).partition(' - at ')[0]}"


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise wrong(f"the body is not JSON: {error}") from None
    except RecursionError:
        raise wrong("the body is nested too deep") from None
