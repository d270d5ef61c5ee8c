"""Destroys: when one may be accepted, when it is due, and which machines a returning host must lose."""

from datetime import datetime, timedelta

from remediator.engine.machines.refusals import Refused, precondition
from remediator.model.evidence import Sighting
from remediator.model.fleet import Fleet
from remediator.model.host import Host, HostStatus, Life
from remediator.model.layered import picked
from remediator.model.machine import Machine, MachineState
from remediator.model.request import Destroy, DestroyStage

_S = MachineState
_AT_REST = frozenset({_S.CREATED, _S.STOPPED, _S.SUSPENDED, _S.FAILED})


def refusal(
    machine: Machine, host: Host | None, sighting: Sighting | None, *, force: bool, now: datetime, limit: timedelta
) -> Refused | None:
    """Why a destroy is refused, if it is.

    A loss that is too fresh is refused until the verdict is dead, at the latest after ``limit``.
    """
    if not force and machine.state not in _AT_REST:
        return precondition("unable to destroy machine, not currently stopped, suspended, failed or created")
    if host is None or host.life in (Life.DEAD, Life.RETIRED):
        return None
    left = _too_fresh(host, sighting, now, limit)
    if left <= 0:
        return None
    told = f"contact with the host of machine {machine.id} was lost a moment ago and it may come back at once;"
    return precondition(f"{told} try again in {left} s", left)


def _too_fresh(host: Host, sighting: Sighting | None, now: datetime, limit: timedelta) -> int:
    """Seconds after which the answer will be another one; 0 when the host is in touch or lost long enough."""
    lost_since = host.since if host.life is Life.SUSPECT else None
    if host.status is HostStatus.UNKNOWN and host.life is not Life.RETURNING:
        lost_since = min(lost_since or host.status_since, host.status_since)
    if lost_since is None and sighting and sighting.heartbeat and now - sighting.heartbeat > timedelta(seconds=1.8):
        lost_since = sighting.heartbeat
    if lost_since is None or now - lost_since >= limit:
        return 0
    # The verdict usually comes within seconds; a client that asks again then is answered.
    return 5


def due(fleet: Fleet) -> list[Destroy]:
    """Open destroys whose host is in touch and which were not yet sent under its present epoch."""
    return [
        destroy
        for destroy in picked(fleet.destroys, "open", value=True)
        if _in_touch(fleet, destroy.host) and not _sent_now(fleet, destroy)
    ]


def blocked(fleet: Fleet) -> list[Destroy]:
    """Destroys that wait for a lost host and do not say so yet."""
    return [
        destroy
        for destroy in picked(fleet.destroys, "open", value=True)
        if destroy.stage is not DestroyStage.BLOCKED and _lost(fleet, destroy.host)
    ]


def condemned_on(fleet: Fleet, host: str) -> list[str]:
    """Machines that a host must lose before anything of it is routable again."""
    return sorted(destroy.machine for destroy in fleet.destroys.values() if destroy.host == host and destroy.open)


def _in_touch(fleet: Fleet, host: str) -> bool:
    sighting = fleet.sightings.get(host)
    return bool(sighting and sighting.connected) and not _lost(fleet, host)


def _lost(fleet: Fleet, host: str) -> bool:
    known = fleet.hosts.get(host)
    return known is None or known.life in (Life.DEAD, Life.RETIRED)


def _sent_now(fleet: Fleet, destroy: Destroy) -> bool:
    host = fleet.hosts[destroy.host]
    return destroy.stage in (DestroyStage.SENT, DestroyStage.ACKED) and destroy.epoch == host.epoch
