"""What is compared of a run in virtual time and of one on real processes: who did what to whom, in whose order."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from remediator.simulate.world.record import Act, Held, Ran, Run, Stated
from remediator.simulate.world.story import Story
from remediator.simulate.world.told import Told

# A hold that stands for less than this is a matter of the moment.
LONG = 3.0
# A doubt of a second ends as healthy or as dead; only that is compared.
_PASSING = "suspect"
_OF_MACHINES = re.compile(r"(\S+) (recovery \w+: .*|is seen absent from \S+)")
_PLACE = re.compile(r"\b(to|on|from) \S+")
# Machines by name, each with the host on which it really runs.
Running = frozenset[tuple[str, str]]
ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that was said or done about a host or a machine."""

    at: float
    subject: str
    what: str


@dataclass(frozen=True, slots=True)
class Expected:
    """What a story's run in virtual time says that has to happen."""

    events: tuple[Event, ...]
    holds: tuple[Event, ...]
    # Holds of any length: none of others is expected.
    may_hold: frozenset[tuple[str, str]]
    ran: tuple[Ran, ...]
    # By machine, where it was at the beginning; empty where each has to end on the very host that the story says.
    homes: dict[str, str]

    def loosely(self, events: Iterable[Event]) -> list[Event]:
        """Whose turn is first when several hosts fall at once is chance, and so are the places that are left."""
        return [replace(each, what=_PLACE.sub(r"\1 …", each.what)) if self.homes else each for each in events]

    def places(self, running: Running) -> Running:
        if not self.homes:
            return running
        return frozenset((line, host if self.homes.get(line) == host else ELSEWHERE) for line, host in running)

    def before(self, at: float) -> Counter[tuple[str, str]]:
        """What must have been seen at that moment."""
        return counted(event for event in self.loosely((*self.events, *self.holds)) if event.at < at)

    def running(self, at: float) -> Running:
        """What really runs just before that moment."""
        return self.places(frozenset((run.line, run.host) for run in self.ran if run.span.begin < at <= run.span.end))


def counted(events: Iterable[Event]) -> Counter[tuple[str, str]]:
    return Counter((event.subject, event.what) for event in events)


def expected(run: Run, story: Story) -> Expected:
    done = run.done
    at_once = any(len(fault.hosts) > 1 for fault in story.faults)
    long = [held for held in done.held if held.span.seconds(run.seconds) >= LONG and held.outcome != "shadow"]
    return Expected(
        events=tuple(events(done.acts, done.stated, run.lines, {})),
        holds=tuple(Event(held.span.begin, held.target, hold_text(held)) for held in long),
        may_hold=frozenset((held.target, hold_text(held)) for held in done.held),
        ran=run.truth.ran,
        homes={each.name: each.host for each in story.workloads} if at_once else {},
    )


def hold_text(held: Held) -> str:
    return f"{held.outcome} {held.playbook} {held.action}: {held.reason}"


def told_events(told: Told, names: Mapping[str, str]) -> list[Event]:
    """The same of what a real fleet's journal tells; ``names`` are those of its machines, by id."""
    return events(told.acts, told.states, told.log(), names)


def events(
    acts: Iterable[Act], states: Iterable[Stated], lines: Iterable[tuple[float, str]], names: Mapping[str, str]
) -> list[Event]:
    found = [_of_act(act, names) for act in acts]
    found += _of_states(states)
    known = re.compile("|".join(map(re.escape, names))) if names else None
    for at, line in lines:
        text = known.sub(lambda match: names[match[0]], line) if known else line
        if told := _OF_MACHINES.fullmatch(text):
            found.append(Event(at, told[1], told[2]))
    return sorted(found, key=lambda event: event.at)


def _of_act(act: Act, names: Mapping[str, str]) -> Event:
    # Who owns a machine and who runs the fleet speak through one door here.
    who = "automatic" if act.origin == "automatic" else "asked"
    words = [who, act.kind, f"to {act.target}" * bool(act.target), f"by {act.playbook}" * bool(act.playbook)]
    return Event(act.at, names.get(act.line, act.line) or act.host, " ".join(filter(None, words)))


def _of_states(states: Iterable[Stated]) -> Iterable[Event]:
    lives: dict[str, str] = {}
    fences: dict[str, str] = {}
    for state in states:
        if state.life not in (lives.get(state.host, "healthy"), _PASSING):
            yield Event(state.at, state.host, f"is {state.life}")
        lives[state.host] = lives.get(state.host, "healthy") if state.life == _PASSING else state.life
        if state.fence == "proved" != fences.get(state.host, "none"):
            yield Event(state.at, state.host, "is proved to be off")
        fences[state.host] = state.fence


def differences(wanted: Sequence[Event], seen: Sequence[Event]) -> list[str]:
    """Of each subject, where the order of what was said and done differs; moments are not compared.

    What the story, or a commit of the real fleet, has in one and the same moment may come in any order.
    """
    ours, theirs = _by_subject(wanted), _by_subject(seen)
    return [
        f"{subject}: expected [{_listed(ours[subject])}], seen [{_listed(theirs[subject])}]"
        for subject in sorted(ours.keys() | theirs.keys())
        if not _same(ours[subject], theirs[subject])
    ]


def _same(wanted: Sequence[Event], seen: Sequence[Event]) -> bool:
    order = {event.what: place for place, event in reversed(list(enumerate(wanted)))}
    told = sorted(seen, key=lambda event: (event.at, order.get(event.what, len(wanted))))
    words = iter([event.what for event in told])
    moments = [[event.what for event in same] for _, same in groupby(wanted, key=lambda event: event.at)]
    together = all(sorted(moment) == sorted(_next(words, len(moment))) for moment in moments)
    return together and next(words, None) is None


def _next(words: Iterator[str], count: int) -> list[str]:
    return [word for _, word in zip(range(count), words, strict=False)]


def _listed(events: Iterable[Event]) -> str:
    return "; ".join(event.what for event in events)


def _by_subject(events: Iterable[Event]) -> defaultdict[str, list[Event]]:
    found: defaultdict[str, list[Event]] = defaultdict(list)
    for event in events:
        found[event.subject].append(event)
    return found
