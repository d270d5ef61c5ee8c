"""Bursts and demands: until the hosts have joined and the demand is met, or it ends stuck and says so."""

from datetime import datetime, timedelta

from remediator.actions.lending import DEADLINE as DEADLINE
from remediator.model.fleet import Fleet
from remediator.model.request import Burst, BurstStage, Demand

# A demand that nobody repeats is no demand any more.
DEMAND_LIFE = timedelta(minutes=2)


def advance(burst: Burst, fleet: Fleet, now: datetime) -> Burst:
    """The burst as the fleet shows it; the same value while it waits."""
    match burst.stage:
        case BurstStage.PROVISIONING if burst.names and all(_joined(fleet, name) for name in burst.names):
            return burst.moved_to(BurstStage.JOINED, now)
        case BurstStage.JOINED if not any(_helped(burst, demand) for demand in fleet.demands.values()):
            return burst.moved_to(BurstStage.CONSUMED, now)
        case BurstStage.REQUESTED | BurstStage.PROVISIONING if now - burst.asked_at > DEADLINE:
            return burst.moved_to(BurstStage.STUCK, now, "the hosts did not join in time")
        case BurstStage.JOINED if now - burst.asked_at > DEADLINE:
            return burst.moved_to(BurstStage.EXPIRED, now, "the demand was not met by the hosts that joined")
    return burst


def counts(burst: Burst, fleet: Fleet) -> bool:
    """Whether a demand that still stands was what it was for: its attempts are counted for as long as it lives."""
    return any(key in fleet.demands for key in burst.demands)


def expired(fleet: Fleet, now: datetime) -> list[Demand]:
    return [demand for demand in fleet.demands.values() if now - demand.last_asked > DEMAND_LIFE]


def _helped(burst: Burst, demand: Demand) -> bool:
    """What is larger than its hosts does not keep it waiting."""
    return demand.region == burst.region and demand.size.fits(burst.size)


def _joined(fleet: Fleet, name: str) -> bool:
    host = fleet.hosts.get(name)
    return host is not None and host.takes_work
