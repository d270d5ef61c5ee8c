"""From direct evidence to a typed verdict: dead, suspect, agent gone, partitioned, alive, or nothing known."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from remediator.model.evidence import KERNEL_LIVES, Outcome, Sighting, Verdict, VerdictKind, Vote

# One vantage alone never makes a host dead.
FEWEST_VANTAGES = 2


@dataclass(frozen=True, slots=True)
class EvidenceTimes:
    """Intervals of the two direct paths and how long silence must last; a vote is fresh for three intervals."""

    probe_interval: timedelta = timedelta(seconds=1)
    heartbeat_interval: timedelta = timedelta(seconds=1)
    dead_after: timedelta = timedelta(seconds=3)

    @property
    def vote_life(self) -> timedelta:
        return 3 * self.probe_interval

    @property
    def heartbeat_life(self) -> timedelta:
        return 3 * self.heartbeat_interval


@dataclass(frozen=True, slots=True)
class _Count:
    fresh: tuple[Vote, ...]
    silent: tuple[Vote, ...]
    living: tuple[Vote, ...]
    heart: bool


def judge(sighting: Sighting, rack: str, previous: Verdict | None, times: EvidenceTimes, now: datetime) -> Verdict:
    """The verdict of one host; what it was before decides only since when it holds.

    Denominators are the assigned vantages: one that is silent itself agrees with nothing.
    """
    count = _counted(sighting, times, now)
    suspect_since = _suspect_since(count, previous, now)
    kind, reason = _kind(sighting, count, suspect_since, times, now)
    since = previous.since if previous and previous.kind is kind else now
    return Verdict(
        host=sighting.host,
        kind=kind,
        since=since,
        reason=reason,
        silent=len(count.silent),
        assigned=len(sighting.votes),
        outside_rack=sum(1 for vote in count.silent if vote.rack != rack),
        suspect_since=suspect_since,
        newest=max((vote.received for vote in count.fresh if vote.received), default=None),
    )


def _counted(sighting: Sighting, times: EvidenceTimes, now: datetime) -> _Count:
    fresh = tuple(v for v in sighting.votes if v.received and now - v.received < times.vote_life)
    return _Count(
        fresh=fresh,
        silent=tuple(vote for vote in fresh if vote.outcome is Outcome.SILENT),
        living=tuple(vote for vote in fresh if vote.outcome in KERNEL_LIVES),
        heart=sighting.heartbeat is not None and now - sighting.heartbeat < times.heartbeat_life,
    )


def _suspect_since(count: _Count, previous: Verdict | None, now: datetime) -> datetime | None:
    """The first missed probe of the silence that still lasts; any life sign from the kernel ends it."""
    if count.living or not count.silent:
        return None
    first = min((vote.silent_since for vote in count.silent if vote.silent_since), default=now)
    if previous is None:
        return first
    if previous.suspect_since is None:
        # One vantage may have been cut off for long; what it missed before the last life sign counts for nothing.
        return max(first, previous.newest) if previous.newest else first
    return min(previous.suspect_since, first)


def _kind(
    sighting: Sighting, count: _Count, suspect_since: datetime | None, times: EvidenceTimes, now: datetime
) -> tuple[VerdictKind, str]:
    assigned = len(sighting.votes)
    share = f"{len(count.silent)} of {assigned} assigned vantages hear nothing"
    if count.living:
        return _living(count)
    if not count.silent:
        return (VerdictKind.ALIVE, "heartbeats") if count.heart else (VerdictKind.NO_EVIDENCE, "no fresh evidence")
    if count.heart:
        kind = VerdictKind.PARTITIONED if 2 * len(count.silent) > assigned else VerdictKind.SUSPECT
        return kind, f"{share}, heartbeats still come"
    lasted = now - suspect_since if suspect_since else timedelta()
    if 2 * len(count.silent) > assigned >= FEWEST_VANTAGES and lasted >= times.dead_after:
        return VerdictKind.DEAD, f"{share} for {lasted.total_seconds():.1f} s, no heartbeat"
    return VerdictKind.SUSPECT, f"{share} for {lasted.total_seconds():.1f} s"


def _living(count: _Count) -> tuple[VerdictKind, str]:
    """A kernel answers somebody, so the host is not dead, whatever the others say."""
    if count.silent:
        told = "only some vantages are answered"
        return VerdictKind.PARTITIONED, f"{told}: {len(count.silent)} hear nothing, {len(count.living)} do"
    if all(vote.outcome in (Outcome.REFUSED, Outcome.RESET) for vote in count.living):
        return VerdictKind.AGENT_GONE, "the host's own address refuses: a kernel lives, the agent is gone"
    return VerdictKind.ALIVE, "answers probes" + ("" if count.heart else ", sends no heartbeat")
