"""Two lists of decisions side by side: the journal's own and the replay's, or the replays of two sets of rules."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from remediator.model.decision import Decision, DecisionOutcome
from remediator.simulate.replay.results import Replayed

# Samples become visible a second or two late, rules run at slots, and what is imagined takes no one's real time.
TOLERANCE = timedelta(seconds=10)
# A replay agrees with the journal from this share on.
ENOUGH = 0.99
# Votes are kept once a change of a verdict: which of these words is said in between is not to be told any more.
_OF_EVIDENCE = frozenset({"EvidenceDisagrees", "EvidenceStale", "QuorumTooSmall"})
_UNTOLD = "neither held nor done: nothing asked for it"

_UNSEEN = f"{_UNTOLD} (what was seen then is not in the store now)"


@dataclass(frozen=True, slots=True)
class Difference:
    """One decision that the other side has not; ``why`` says what that side has instead."""

    decision: Decision
    why: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """``missing``: of the first side, not in the second; ``extra``: the other way round."""

    total: int
    missing: list[Difference] = field(default_factory=list)
    extra: list[Difference] = field(default_factory=list)

    @property
    def share(self) -> float:
        """How much of the first side is in the second; 1 when there is nothing."""
        return 1.0 if not self.total else 1 - len(self.missing) / self.total

    @property
    def same(self) -> bool:
        return not self.missing and not self.extra


def compared(
    first: Sequence[Decision], second: Sequence[Decision], names: Mapping[str, str], within: timedelta = TOLERANCE
) -> Comparison:
    """Acts agree when each of their effects was decided in time, holds when the same was said for the same reason."""
    there, here = _Side(second, names, within), _Side(first, names, within)
    return Comparison(
        total=len(first),
        missing=[Difference(each, there.instead(each)) for each in first if not there.has(each)],
        extra=[Difference(each, here.instead(each)) for each in second if not here.has(each)],
    )


def reproduced(replayed: Replayed, journal: Sequence[Decision], within: timedelta = TOLERANCE) -> Comparison:
    """How much of what the journal decided in that stretch the replay decides too."""
    found = compared(journal, replayed.decisions, replayed.names, within)
    missing = [replace(each, why=each.why.replace(_UNTOLD, _UNSEEN)) for each in found.missing]
    return replace(found, missing=missing)


class _Side:
    """One side's decisions, to be looked up by what they are about."""

    def __init__(self, decisions: Iterable[Decision], names: Mapping[str, str], within: timedelta) -> None:
        self._names = names
        self._within = within
        self._units: dict[tuple[str, ...], list[datetime]] = {}
        self._about: dict[tuple[str, str], list[Decision]] = {}
        for decision in decisions:
            self._about.setdefault((decision.playbook, decision.target), []).append(decision)
            for unit in units(decision, names):
                self._units.setdefault(unit, []).append(decision.at)

    def has(self, decision: Decision) -> bool:
        return all(self._near(unit, decision.at) for unit in units(decision, self._names))

    def instead(self, decision: Decision) -> str:
        """What this side has where the other one has that decision."""
        moments = [at for unit in units(decision, self._names) for at in self._units.get(unit, ())]
        if moments:
            nearest = min(moments, key=lambda at: abs(at - decision.at))
            off = (nearest - decision.at).total_seconds()
            if abs(off) > self._within.total_seconds():
                return f"decided {abs(off):.1f} s {'later' if off > 0 else 'earlier'}"
        about = self._about.get((decision.playbook, decision.target), [])
        near = [each for each in about if abs(each.at - decision.at) <= self._within]
        mine = [each for each in near if each.action == decision.action] or near
        if not mine:
            return _UNTOLD
        other = min(mine, key=lambda each: abs(each.at - decision.at))
        if other.outcome is DecisionOutcome.ACT and decision.outcome is DecisionOutcome.ACT:
            return f"{other.action} does other things: {self._missing(decision)}"
        done = "done" if other.outcome is DecisionOutcome.ACT else f"held: {other.reason} ({other.text})"
        return f"{other.action} is {done}"

    def _missing(self, decision: Decision) -> str:
        found = [unit[-1] for unit in units(decision, self._names) if not self._near(unit, decision.at)]
        return "without " + ", ".join(found)

    def _near(self, unit: tuple[str, ...], at: datetime) -> bool:
        return any(abs(each - at) <= self._within for each in self._units.get(unit, ()))


def units(decision: Decision, names: Mapping[str, str]) -> list[tuple[str, ...]]:
    """What a decision amounts to: each effect of an act; for anything else the outcome with its reason."""
    about = (decision.playbook, decision.target, decision.action)
    if decision.outcome is DecisionOutcome.ACT and decision.effects:
        return [(*about, known_effect(effect, names)) for effect in decision.effects]
    reason = "Evidence" if decision.reason in _OF_EVIDENCE else decision.reason
    return [(*about, decision.outcome.value, reason)]


def known_effect(effect: str, names: Mapping[str, str]) -> str:
    """An effect's key with machines by name: ids of replacements are made up anew in each telling."""
    verb, *parts = effect.split(":")
    known = [names.get(part, part) for part in parts]
    if verb == "burst":
        return f"{verb}:{parts[0]}"
    # The instance goes with the machine's id.
    return ":".join([verb, *(known[:1] + known[2:] if verb == "recreate" else known)])
