"""How long a demand for hosts lives: three attempts, the hosts that it needs and a hedge, and so much money. PURE.

After that it is stuck and says so: nothing asks for it again while it stands.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from remediator.actions.canaries import failed_image, failed_shape
from remediator.actions.effects import GiveUpDemands
from remediator.actions.packing import hosts_needed
from remediator.actions.spec import Case
from remediator.model.host import Capacity
from remediator.model.request import Burst, BurstStage, Demand

ATTEMPTS = 3
STUCK = "DemandStuck"
EVER = datetime.min.replace(tzinfo=UTC)
_IN_VAIN = frozenset({BurstStage.STUCK, BurstStage.EXPIRED})


@dataclass(frozen=True, slots=True)
class Allowed:
    """How many hosts may be asked for, for which demands; the others are given up, each for its reason."""

    hosts: int
    demands: tuple[Demand, ...] = ()
    given_up: tuple[GiveUpDemands, ...] = ()


def allowed(case: Case, demands: Sequence[Demand], shape: Capacity, hedge: int, price: float) -> Allowed:
    """What is left of the lifetime of those demands of the case's region."""
    since = _released(case)
    bursts = [b for b in case.fleet.bursts.values() if b.region == case.target and b.hosts and b.asked_at >= since]
    words = {demand.key: _stopped(case, demand, bursts, since) for demand in demands}
    given_up = _words(case, shape, demands, words)
    rest = tuple(demand for demand in demands if not words[demand.key])
    if not rest:
        return Allowed(0, (), given_up)
    if why := failed_shape(bursts, shape):
        return Allowed(0, (), given_up + _word(case, shape, rest, why))
    wanted = hosts_needed(rest, shape) + hedge
    hosts, why = _left(case, rest, bursts, wanted, price)
    return Allowed(hosts, rest, given_up) if hosts else Allowed(0, (), given_up + _word(case, shape, rest, why))


def _released(case: Case) -> datetime:
    """Since when a demand's life is counted: after a person's release of the region it begins anew."""
    mine = [each for each in case.fleet.releases.values() if each.covers(case.target, case.playbook.name, case.now)]
    return max((each.at for each in mine), default=EVER)


def _stopped(case: Case, demand: Demand, bursts: Sequence[Burst], since: datetime) -> str:
    """Why nothing more is asked for on behalf of one demand; empty while it may be."""
    tired = len(_in_vain(demand, bursts)) >= ATTEMPTS
    return _tried(bursts) if tired else failed_image(case.fleet, demand, since)


def _words(
    case: Case, shape: Capacity, demands: Sequence[Demand], words: Mapping[str, str]
) -> tuple[GiveUpDemands, ...]:
    """One for each reason."""
    reasons = dict.fromkeys(words[demand.key] for demand in demands if words[demand.key])
    return tuple(
        word for why in reasons for word in _word(case, shape, [d for d in demands if words[d.key] == why], why)
    )


def _in_vain(demand: Demand, bursts: Sequence[Burst]) -> list[Burst]:
    return [burst for burst in bursts if burst.stage in _IN_VAIN and demand.key in burst.demands]


def _tried(bursts: Sequence[Burst]) -> str:
    ended = [burst for burst in bursts if burst.stage in _IN_VAIN]
    last = max(ended, key=lambda burst: burst.moved_at or burst.asked_at)
    return f"hosts were asked for {ATTEMPTS} times in vain, the last time: {last.note}"


def _left(
    case: Case, demands: Sequence[Demand], bursts: Sequence[Burst], wanted: int, price: float
) -> tuple[int, str]:
    """How many more hosts; none where too many that were given never joined, or where it would cost too much."""
    keys = {demand.key for demand in demands}
    mine = [burst for burst in bursts if keys.intersection(burst.demands)]
    over = [burst for burst in mine if burst.given and not burst.open]
    missing = sum(not _joined(case, name) for burst in over for name in burst.names)
    if missing >= wanted:
        return 0, f"{missing} of the hosts that were given for it never joined, and {wanted} are all that it needs"
    hosts, money = wanted - missing, case.limits.burst_money
    if not money or not price:
        return hosts, ""
    spent = price * sum(burst.given for burst in mine)
    told = f"a host costs {price:g}, and of the {money:g} that it may cost {spent:g} are spent"
    return min(hosts, max(0, int((money - spent) / price))), told


def _joined(case: Case, name: str) -> bool:
    host = case.fleet.hosts.get(name)
    return host is not None and host.joined


def _word(case: Case, shape: Capacity, demands: Sequence[Demand], why: str) -> tuple[GiveUpDemands, ...]:
    keys = tuple(sorted(demand.key for demand in demands))
    return (GiveUpDemands(case.target, shape, keys, why),)


def said(case: Case, word: GiveUpDemands) -> bool:
    """Whether that was said of those demands already, in those very words."""
    rows = [burst for burst in case.fleet.bursts.values() if not burst.hosts and burst.note == word.why]
    return any(set(word.demands) <= set(burst.demands) for burst in rows)
