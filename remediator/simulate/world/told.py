"""What a judge says and does, collected while a run goes on; the golden log is written here."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from remediator.simulate.world.judge import Judge, Population, Send
from remediator.simulate.world.queue import Queue
from remediator.simulate.world.record import Act, Held, Requested, Routed, Sent, Span, Stated, Use
from remediator.simulate.world.story import Story
from remediator.simulate.world.tracks import Tracks

Key = tuple[str, str, str]
# A lent host's region, and when each of its alerts is true.
Lent = tuple[str, Mapping[str, float]]
# The shipped rules' spans.
LENT_FOR = {"BurstHostIdle": 1800.0, "BurstHostMissing": 900.0}


class Told:
    """Moments are the world's, whatever the judge's clock says."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self.lines: list[tuple[float, str]] = []
        self.acts: list[Act] = []
        self.states: list[Stated] = []
        self.requests: dict[str, Requested] = {}
        self.sent: list[Sent] = []
        self.uses: list[Use] = []
        # Every stage, and every host that joined or left.
        self.incidents: list[dict[str, object]] = []
        # Machines told destroyed and when; machines that creates were accepted as.
        self.destroyed: dict[str, float] = {}
        self.created: dict[str, str] = {}
        # Regions in which room is wanted that is not there, as the orchestrator's page shows it.
        self.wanting: set[str] = set()
        # Hosts that a provider lent, and since when each waits for an alert, as the orchestrator's page shows it.
        self.lent: dict[str, Lent] = {}
        # Hosts for which alerts are true that rest on the judge's own verdicts, by alert.
        self.shown: dict[str, frozenset[str]] = {}
        self._names: dict[str, str] = {}
        self._successors: dict[str, int] = {}
        self.flags: Tracks[str] = Tracks()
        self._routed: Tracks[tuple[str, str, str]] = Tracks()
        self._standing: dict[Key, Held] = {}
        self._held: list[Held] = []
        self._open: dict[str, list[int]] = {}

    @property
    def now(self) -> float:
        return self._queue.now

    def line(self, text: str) -> None:
        self.lines.append((self._queue.now, text))

    def named(self, machine: str, name: str, *, again: bool) -> None:
        """How the log calls a machine; successors are numbered."""
        if again:
            self._successors[name] = self._successors.get(name, 0) + 1
            name = f"{name}+{self._successors[name]}"
        if machine != name:
            self._names[machine] = name

    def log(self) -> tuple[tuple[float, str], ...]:
        """The lines, with names that people can read."""
        found = re.compile("|".join(map(re.escape, self._names))) if self._names else None
        if found is None:
            return tuple(self.lines)
        return tuple((at, found.sub(lambda match: self._names[match[0]], text)) for at, text in self.lines)

    def lends(self, host: str, region: str, since: Mapping[str, float]) -> None:
        """The moments at which its alerts become true are something to come."""
        due = {alert: at + LENT_FOR[alert] for alert, at in since.items() if at}
        self.lent[host] = region, due
        for moment in due.values():
            self._queue.at(moment + 1.0, lambda: None)

    def act(self, act: Act) -> None:
        self.acts.append(replace(act, at=self._queue.now))

    def stated(self, host: str, life: str, status: str, fence: str) -> None:
        self.states.append(Stated(self._queue.now, host, life, status, fence))

    def routed(self, machine: str, line: str, host: str, *, on: bool) -> None:
        self._routed.set((machine, line, host), self._queue.now, on=on)

    def holds(self, now_held: Mapping[Key, tuple[str, str, str]]) -> None:
        """All holds that stand now, as outcome, reason and text; those that are not among them have ended."""
        at = self._queue.now
        for key in [key for key, held in self._standing.items() if _differs(held, now_held.get(key))]:
            gone = self._standing.pop(key)
            self._held.append(replace(gone, span=Span(gone.span.begin, at)))
        for key, (outcome, reason, text) in now_held.items():
            if key not in self._standing:
                self._standing[key] = Held(*key, outcome, reason, text, Span(at))
                self.line(f"{key[0]} {outcome}s {key[2]} on {key[1]}: {reason}")

    def command(self, sent: Sent) -> None:
        self._open.setdefault(sent.key, []).append(len(self.sent))
        self.sent.append(sent)

    def ended(self, key: str, result: str) -> None:
        for index in self._open.pop(key, []):
            self.sent[index] = replace(self.sent[index], end=self._queue.now, result=result)

    def held(self) -> tuple[Held, ...]:
        return (*self._held, *self._standing.values())

    def routes(self) -> tuple[Routed, ...]:
        return tuple(Routed(*key, span) for key, span in self._routed.all())


def _differs(held: Held, now: tuple[str, str, str] | None) -> bool:
    return now is None or (held.outcome, held.reason) != now[:2]


@dataclass(frozen=True, slots=True)
class Setting:
    """What a judge is made with."""

    story: Story
    population: Population
    told: Told
    send: Send
    # Ends every agent's session, so that all greet anew.
    hang_up: Callable[[], None]


Build = Callable[[Setting], Judge]
