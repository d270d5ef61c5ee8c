"""What the verdict makes of a host: its life, its public status, and the proof that it is off."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from remediator.engine.evidence.suspect_time import FLAPPING_FROM
from remediator.engine.evidence.verdicts import EvidenceTimes, fresh_until
from remediator.model.evidence import ANSWERING, Sighting, Verdict, VerdictKind
from remediator.model.host import LOST, Fence, Host, HostStatus, Life

# Who has been suspect for how long is told anew each time; what is left on a host that returns is asked so too.
_OF_TIME = frozenset({VerdictKind.SUSPECT, VerdictKind.FLAPPING})


@dataclass(frozen=True, slots=True)
class LifeTimes:
    """How long a returned host is on probation, and the intervals of evidence."""

    evidence: EvidenceTimes = field(default_factory=EvidenceTimes)
    probation: timedelta = timedelta(seconds=30)


def next_host(host: Host, verdict: Verdict, sighting: Sighting, times: LifeTimes, now: datetime) -> Host:
    """The host as the evidence leaves it; the very same value when nothing changed.

    No gate, budget, hold or store outage is read here: a status is a statement, not an action.
    """
    lived = _lived(host, verdict, times, now)
    gone = verdict.kind is VerdictKind.AGENT_GONE and now - verdict.since >= times.evidence.heartbeat_life
    if gone and lived.life not in LOST:
        return lived.with_status(HostStatus.UNKNOWN, now)
    return _fenced(_stated(lived, sighting, times, now), sighting, now)


def stays_until(host: Host, verdict: Verdict, sighting: Sighting, times: LifeTimes, now: datetime) -> datetime | None:
    """Until when time alone changes nothing of a verdict, nor of what is made of it."""
    if verdict.kind in _OF_TIME or verdict.suspect_share >= FLAPPING_FROM or host.life is Life.RETURNING:
        return now
    seen = times.evidence
    ends = [fresh_until(sighting, seen, now), verdict.since + seen.heartbeat_life, host.since + times.probation]
    # Whether one alone disagrees is asked once its silence has lasted.
    ends += [vote.silent_since + seen.vote_life for vote in sighting.votes if vote.silent_since]
    ends += [sighting.power_at + seen.power_life] if sighting.power_at else []
    return min((end for end in ends if end is not None and end > now), default=None)


def _lived(host: Host, verdict: Verdict, times: LifeTimes, now: datetime) -> Host:
    match host.life, verdict.kind:
        case Life.HEALTHY | Life.SUSPECT | Life.PROBATION | Life.RETURNING, VerdictKind.DEAD:
            return host.moved_to(Life.DEAD, now=now, reason=verdict.reason)
        case Life.HEALTHY | Life.PROBATION, VerdictKind.SUSPECT:
            return host.moved_to(Life.SUSPECT, now=now, reason=verdict.reason)
        case Life.SUSPECT, kind if kind in ANSWERING or kind is VerdictKind.AGENT_GONE:
            return host.moved_to(Life.HEALTHY, now=now, reason=verdict.reason)
        case Life.PROBATION, VerdictKind.ALIVE if now - host.since >= times.probation:
            return host.moved_to(Life.HEALTHY, now=now, reason="probation is over")
    return host


def _stated(host: Host, sighting: Sighting, times: LifeTimes, now: datetime) -> Host:
    if host.life in (Life.DEAD, Life.RETIRED):
        return host.with_status(HostStatus.UNREACHABLE, now)
    if host.life is Life.RETURNING:
        return host.with_status(HostStatus.UNKNOWN, now)
    if sighting.heartbeat is None:
        # Nothing heard in our own term yet: the journalled status stands.
        return host
    missed = now - sighting.heartbeat >= times.evidence.heartbeat_life
    return host.with_status(HostStatus.UNKNOWN if missed else HostStatus.OK, now)


def _fenced(host: Host, sighting: Sighting, now: datetime) -> Host:
    """Proof of power-off counts only when it is newer than the last contact with a host that is dead."""
    if host.life is Life.DEAD and host.fence is Fence.PROVED:
        return _on_again(host, sighting, now)
    return host.fenced(Fence.PROVED, by="bmc", now=now) if host.life is Life.DEAD and sighting.off else host


def _on_again(host: Host, sighting: Sighting, now: datetime) -> Host:
    """Switched on since: it may be back in a moment, and what has not yet begun waits for patience."""
    since = host.fence_at is not None and sighting.power_at is not None and sighting.power_at > host.fence_at
    stands = host.fence_by in ("lease", "orchestrator") or host.attested_gone
    if stands or sighting.power != "on" or not since:
        return host
    return replace(host.fenced(Fence.NONE, by="", now=now), fence_at=None)
