"""People's answers in a replay: one that was given then is given again, to the same question and to no other."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from remediator.engine.people.answers import EDGES
from remediator.model.people import Approval
from remediator.simulate.replay.compare import known_effect


@dataclass(slots=True)
class Answers:
    """Answers of the past by the step that they were about, oldest first."""

    _given: dict[str, list[Approval]] = field(default_factory=dict)
    # Those whose question was put in the replay too, and why the others' were not, as far as is known.
    _taken: set[str] = field(default_factory=set)
    _other: dict[str, str] = field(default_factory=dict)

    def learn(self, row: Approval) -> None:
        """One that is given from now on."""
        self._given.setdefault(row.key, []).append(row)

    def due(self, asked: Mapping[str, Approval], names: Mapping[str, str], now: datetime) -> Iterator[Approval]:
        """The questions that stand and were answered then, with what was said."""
        for key, given in self._given.items():
            for theirs in (each for each in given if _mark(each) not in self._taken):
                mine = asked.get(key)
                if mine is not None and mine.answer in EDGES[theirs.answer]:
                    yield from self._answered(mine, theirs, names, now)

    def _answered(
        self, mine: Approval, theirs: Approval, names: Mapping[str, str], now: datetime
    ) -> Iterator[Approval]:
        if other := _differs(mine, theirs, names) or _late(theirs, now):
            self._other[_mark(theirs)] = other
            return
        self._taken.add(_mark(theirs))
        yield replace(mine, answer=theirs.answer, answered_at=now, by=theirs.by, why=theirs.why)

    def notes(self) -> list[str]:
        """Answers that nobody has asked for here."""
        left = [each for given in self._given.values() for each in given if _mark(each) not in self._taken]
        return [f"{_told(each)}: {self._other.get(_mark(each), 'here nobody asks that')}" for each in left]


def _differs(mine: Approval, theirs: Approval, names: Mapping[str, str]) -> str:
    """How the question that is put here is another than the one that was answered; empty where it is the same."""
    pairs = {
        "for": (_reasons(mine), _reasons(theirs)),
        "about": (_evidence(mine), _evidence(theirs)),
        "naming": (_effects(mine, names), _effects(theirs, names)),
    }
    told = [
        f"{word} {here or 'nothing'}, not {then or 'nothing'}" for word, (here, then) in pairs.items() if here != then
    ]
    return f"here another question is put ({'; '.join(told)}), and it is not answered" if told else ""


def _late(theirs: Approval, now: datetime) -> str:
    """An answer counts for as long as its question stood."""
    over = theirs.answered_at is not None and now - theirs.answered_at > theirs.expires_at - theirs.asked_at
    return "here it is asked when that answer counts no more" if over else ""


def _evidence(row: Approval) -> str:
    return f"{row.verdict} in epoch {row.facts.get('epoch', 0)}"


def _reasons(row: Approval) -> str:
    return ", ".join(sorted(row.facts.get("reasons", ())))


def _effects(row: Approval, names: Mapping[str, str]) -> str:
    return ", ".join(sorted(known_effect(effect, names) for effect in row.effects))


def _mark(row: Approval) -> str:
    return f"{row.id}/{row.answer}"


def _told(row: Approval) -> str:
    at = f" at {row.answered_at:%Y-%m-%d %H:%M:%S}" if row.answered_at else ""
    return f"{row.by or 'a person'} {row.answer} {row.key}{at}"
