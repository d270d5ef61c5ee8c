"""From direct evidence to a typed verdict: who cannot be heard, and what is wrong with those that can. PURE."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from remediator.engine.evidence.suspect_time import FLAPPING_FROM, share_of, suspected
from remediator.model.evidence import KERNEL_LIVES, Outcome, Sighting, Verdict, VerdictKind, Vote

# One vantage alone never makes a host dead.
FEWEST_VANTAGES = 2
# Of all that may be wrong with a host that answers, the first of these is told.
_WORST_FIRST = (VerdictKind.WEDGED, VerdictKind.LABEL_DRIFT, VerdictKind.STORE_GAP, VerdictKind.UNSCRAPED)


@dataclass(frozen=True)
class EvidenceTimes:
    """How often hosts are probed and how long silence must last; what is heard is fresh for three intervals.

    ``heartbeat_life`` is that of the agents' words, who report each second.
    """

    probe_interval: timedelta = timedelta(seconds=1)
    dead_after: timedelta = timedelta(seconds=3)
    heartbeat_life: timedelta = timedelta(seconds=3)
    power_life: timedelta = timedelta(seconds=5)
    probe_timeout: timedelta = timedelta(milliseconds=800)

    @cached_property
    def vote_life(self) -> timedelta:
        return 3 * self.probe_interval


@dataclass(frozen=True, slots=True)
class _Count:
    """Fresh votes, by what they say; ``refuted`` is a lone veto that proof of power-off contradicts."""

    fresh: tuple[Vote, ...]
    silent: tuple[Vote, ...]
    living: tuple[Vote, ...]
    heart: bool
    refuted: str = ""

    @property
    def silent_weight(self) -> float:
        return sum(vote.weight for vote in self.silent)

    def majority(self, assigned: int) -> bool:
        """Denominators are the assigned vantages, each whole: one of little weight adds little, and counts as one."""
        return 2 * self.silent_weight > assigned


def judge(
    sighting: Sighting, rack: str, previous: Verdict | None, times: EvidenceTimes, now: datetime, region: str = ""
) -> Verdict:
    """The verdict of one host; what it was before decides since when it holds, and whether the host is flapping.

    Denominators are the assigned vantages: one that is silent itself agrees with nothing. Racks of other regions may
    bear the same name.
    """
    count = _counted(sighting, times, now)
    suspect_since = _suspect_since(count, previous, times, now)
    kind, reason = _kind(sighting, count, suspect_since, times, now)
    was, now_is = bool(previous and previous.kind is VerdictKind.SUSPECT), kind is VerdictKind.SUSPECT
    spans = suspected(previous.suspected if previous else (), was=was, now_is=now_is, now=now)
    share = share_of(spans, now)
    if kind is VerdictKind.ALIVE:
        kind, reason = _ailing(sighting, share, reason)
    return Verdict(
        host=sighting.host,
        kind=kind,
        since=previous.since if previous and previous.kind is kind else now,
        reason=reason,
        silent=len(count.silent),
        assigned=len(sighting.votes),
        outside_rack=sum(1 for vote in count.silent if vote.rack != rack or vote.region != (region or vote.region)),
        suspect_since=suspect_since,
        newest=max((vote.received for vote in count.fresh if vote.received), default=None),
        silent_weight=count.silent_weight,
        weights=tuple((v.vantage, 0.0 if v.vantage == count.refuted else v.weight) for v in sighting.votes),
        suspected=spans,
        suspect_share=share,
    )


def _counted(sighting: Sighting, times: EvidenceTimes, now: datetime) -> _Count:
    fresh = tuple(v for v in sighting.votes if v.received and now - v.received < times.vote_life)
    # One of no weight hears nothing because of itself.
    silent = tuple(vote for vote in fresh if vote.outcome is Outcome.SILENT and vote.weight > 0)
    living = tuple(vote for vote in fresh if vote.outcome in KERNEL_LIVES)
    heart = sighting.heartbeat is not None and now - sighting.heartbeat < times.heartbeat_life
    count = _Count(fresh, silent, living, heart)
    if len(living) == 1 and not heart and _proved_off(sighting, count, times, now):
        return _Count(fresh, silent, (), heart, refuted=living[0].vantage)
    return count


def _proved_off(sighting: Sighting, count: _Count, times: EvidenceTimes, now: datetime) -> bool:
    """Whether the power was read as off, just now and since all others fell silent: more than half of the seats."""
    at = sighting.power_at
    if sighting.power != "off" or at is None or now - at >= times.power_life:
        return False
    if not count.majority(len(sighting.votes)):
        return False
    heard = [vote.silent_since for vote in count.silent if vote.silent_since]
    return all(at > moment for moment in (*heard, *filter(None, [sighting.heartbeat])))


def _suspect_since(count: _Count, previous: Verdict | None, times: EvidenceTimes, now: datetime) -> datetime | None:
    """The first missed probe of the silence that still lasts; any life sign from the kernel ends it.

    One vantage may have been cut off for long: until a probe before the last one that fell silent, somebody heard it.
    """
    if count.living or not count.silent:
        return None
    missed = [vote.silent_since or now for vote in count.silent]
    heard = max(missed) - times.probe_interval
    since = min(at for at in missed if at >= heard)
    return min(since, previous.suspect_since) if previous and previous.suspect_since else since


def _kind(
    sighting: Sighting, count: _Count, suspect_since: datetime | None, times: EvidenceTimes, now: datetime
) -> tuple[VerdictKind, str]:
    assigned = len(sighting.votes)
    share = f"{len(count.silent)} of {assigned} assigned vantages hear nothing"
    if count.living:
        return _living(count)
    if not count.silent:
        return _unwatched(sighting, count, times, now)
    if count.heart:
        kind = VerdictKind.PARTITIONED if count.majority(assigned) else VerdictKind.SUSPECT
        return kind, f"{share}, heartbeats still come"
    if count.refuted:
        share += f", its power is off, and {count.refuted} alone hears it"
    lasted = now - suspect_since if suspect_since else timedelta()
    if count.majority(assigned) and assigned >= FEWEST_VANTAGES and lasted >= times.dead_after:
        return VerdictKind.DEAD, f"{share} for {lasted.total_seconds():.1f} s, no heartbeat"
    return VerdictKind.SUSPECT, f"{share} for {lasted.total_seconds():.1f} s"


def _unwatched(sighting: Sighting, count: _Count, times: EvidenceTimes, now: datetime) -> tuple[VerdictKind, str]:
    """Nobody says that it is silent. That all fell silent with it kills nobody; its own power makes it a suspect."""
    if count.heart:
        return VerdictKind.ALIVE, "heartbeats"
    read = sighting.power_at is not None and now - sighting.power_at < times.power_life
    if sighting.off and read and not count.fresh:
        return VerdictKind.SUSPECT, "its power is off, no vantage of it reports"
    return VerdictKind.NO_EVIDENCE, "no fresh evidence"


def _living(count: _Count) -> tuple[VerdictKind, str]:
    """A kernel answers somebody, so the host is not dead, whatever the others say."""
    if count.silent:
        told = "only some vantages are answered"
        return VerdictKind.PARTITIONED, f"{told}: {len(count.silent)} hear nothing, {len(count.living)} do"
    if all(vote.outcome in (Outcome.REFUSED, Outcome.RESET) for vote in count.living):
        return VerdictKind.AGENT_GONE, "the host's own address refuses: a kernel lives, the agent is gone"
    return VerdictKind.ALIVE, "answers probes" + ("" if count.heart else ", sends no heartbeat")


def _ailing(sighting: Sighting, share: float, reason: str) -> tuple[VerdictKind, str]:
    """What is wrong with a host that answers, if anything: what is claimed of it, and how often it was suspect."""
    claims = {claim.kind: claim for claim in reversed(sighting.claims)}
    if VerdictKind.WEDGED not in claims and share >= FLAPPING_FROM:
        return VerdictKind.FLAPPING, f"suspect for {share:.0%} of the last ten minutes, answers now"
    worst = next((claims[kind] for kind in _WORST_FIRST if kind in claims), None)
    return (worst.kind, f"answers, but {worst.text}") if worst else (VerdictKind.ALIVE, reason)


def fresh_until(sighting: Sighting, times: EvidenceTimes, now: datetime) -> datetime | None:
    """When the first of what is fresh now will be so no more: before, age alone changes no quiet verdict."""
    ends = [v.received + times.vote_life for v in sighting.votes if v.received and now - v.received < times.vote_life]
    if sighting.heartbeat is not None and now - sighting.heartbeat < times.heartbeat_life:
        ends.append(sighting.heartbeat + times.heartbeat_life)
    return min(ends, default=None)


# What is said of a host whose verdict nothing but news, or the age of what was heard, can change. Of the others it is
# time itself that does.
QUIET = frozenset({VerdictKind.ALIVE, VerdictKind.NO_EVIDENCE, *_WORST_FIRST})
