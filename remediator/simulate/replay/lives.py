"""A host after something was told of its life: evidence is taken as it was, admission is decided anew."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec

from remediator.model.host import Host, Life
from remediator.simulate.replay.past import Befell

Value = dict[str, Any]
_FIELDS = frozenset(Host.__dataclass_fields__) - {"name", "cordoned"}
_ADMITTED = frozenset({Life.PROBATION.value, Life.HEALTHY.value})


def lived(host: Host | None, befell: Befell) -> Host | None:
    """The host as it is from then on; None when it is not known and was not born then, or is gone."""
    if befell.value is None:
        return None
    told = {name: value for name, value in befell.value.items() if name in _FIELDS}
    if host is None:
        return changed(None, befell.subject, told) if "region" in told else None
    if host.life is Life.RETURNING and told.get("life") in _ADMITTED:
        # When it is admitted follows from what is decided about its machines.
        told = {name: value for name, value in told.items() if name not in ("life", "since", "status")}
    return changed(host, befell.subject, _moments(host, told, befell.at))


def _moments(host: Host, told: Value, at: datetime) -> Value:
    """What follows from another life where it was not told."""
    life = told.get("life", host.life.value)
    if life == host.life.value:
        return told
    follows: Value = {"since": at}
    if life == Life.DEAD.value:
        follows |= {"died_at": at, "returned_at": None, "status": "unreachable"}
    elif life == Life.RETURNING.value:
        follows |= {"returned_at": at, "epoch": host.epoch + 1, "fence": "none", "status": "unknown"}
    elif life == Life.HEALTHY.value:
        follows |= {"fence": "none", "status": "ok"}
    return {**follows, **{name: value for name, value in told.items() if value is not None}}


def changed(host: Host | None, name: str, told: Value) -> Host:
    """The host with what was told of it."""
    base = msgspec.to_builtins(host) if host else {"name": name, "status_since": told["since"]}
    return msgspec.convert({**base, **msgspec.to_builtins(told)}, Host, strict=False)


def as_well(host: Host, at: datetime) -> Host:
    """The host as if nothing had ever been wrong with it."""
    blank = Host(host.name, host.region, host.rack, since=at, status_since=at)
    return replace(
        blank, role=host.role, provider=host.provider, labels=host.labels, capacity=host.capacity,
        version=host.version, epoch=max(1, host.epoch), joined=True,
    )  # fmt: skip
