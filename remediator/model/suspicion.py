"""Suspicions: when a host was in doubt, and how often that happens to hosts of this fleet by themselves."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

# A suspicion that clears sooner is a blip: a lost probe, a link that flapped.
BLIP = timedelta(seconds=10)
# How far back anybody counts.
REMEMBERED = timedelta(hours=1)
_HALF_LIFE = timedelta(days=7)
_DAY = 86_400.0
# What is believed of a fleet that is not known yet, and how much of it (in events) it takes to believe otherwise:
# a blip a host each day, and a suspicion that lasts each week. Ten times that is the most that is ever believed,
# so that a noisy fleet does not blind us.
_PRIOR_EVENTS = 4.0
_PRIOR_BRIEF, _PRIOR_LASTING = 1 / _DAY, 1 / (7 * _DAY)
_MOST = 10


@dataclass(frozen=True, slots=True)
class Spell:
    """One suspicion; ``ended`` is None while it lasts."""

    began: datetime
    ended: datetime | None = None

    @property
    def blip(self) -> bool:
        return self.ended is not None and self.ended - self.began < BLIP


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A host's suspicions of the last hour, oldest first."""

    host: str
    spells: tuple[Spell, ...] = ()

    @property
    def standing(self) -> Spell | None:
        """The one that lasts, if any does."""
        return self.spells[-1] if self.spells and self.spells[-1].ended is None else None

    def doubted(self, since: datetime) -> "Suspicion":
        return self if self.standing else replace(self, spells=(*self.spells, Spell(since)))

    def cleared(self, now: datetime) -> "Suspicion":
        if self.standing is None:
            return self
        return replace(self, spells=(*self.spells[:-1], replace(self.spells[-1], ended=now)))

    def pruned(self, now: datetime) -> "Suspicion":
        """Without what ended too long ago to be counted."""
        kept = tuple(spell for spell in self.spells if spell.ended is None or now - spell.began <= REMEMBERED)
        return self if len(kept) == len(self.spells) else replace(self, spells=kept)


@dataclass(frozen=True, slots=True)
class BaseRate:
    """Suspicions outside of incidents, and the host-seconds in which they were counted; both halve each week."""

    at: datetime
    brief: float = 0.0
    lasting: float = 0.0
    host_seconds: float = 0.0
    id: str = "fleet"

    def noted(self, spell: Spell, hosts: int, now: datetime) -> "BaseRate":
        """One suspicion more, in a fleet of so many hosts."""
        passed = max(timedelta(), now - self.at)
        left: float = 0.5 ** (passed / _HALF_LIFE)
        return BaseRate(
            now,
            self.brief * left + spell.blip,
            self.lasting * left + (not spell.blip),
            self.host_seconds * left + hosts * passed.total_seconds(),
        )

    def per_host_second(self, *, blips: bool) -> float:
        """The rate at which a host comes into doubt, blips included or not."""
        prior = _PRIOR_LASTING + (_PRIOR_BRIEF if blips else 0.0)
        events = self.lasting + (self.brief if blips else 0.0)
        found = (events + _PRIOR_EVENTS) / (self.host_seconds + _PRIOR_EVENTS / prior)
        return min(found, _MOST * prior)
