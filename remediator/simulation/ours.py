"""Our own judge: the real remediator, begun again over the same journal as often as it dies."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from remediator.actions.spec import ActionSpec
from remediator.engine.evidence.lives import LifeTimes
from remediator.engine.evidence.vantages import Vantage
from remediator.model.evidence import Gate
from remediator.model.policy import Mode, Policy
from remediator.runtime.loop import Rules
from remediator.simulate.world.judge import (
    Answer,
    Ask,
    Hello,
    Message,
    Welcome,
)
from remediator.simulate.world.told import Setting
from remediator.simulation.keeping import Doom, Kept, Shelf
from remediator.simulation.process import Process
from remediator.simulation.telling import Teller


@dataclass(frozen=True, slots=True)
class Book:
    """What decides, read once for many runs; ``box_key`` stands for every agent's, for nothing is sealed here."""

    policy: Policy
    actions: Mapping[str, ActionSpec]
    liveness: str
    box_key: str


class Ours:
    """One remediator over one journal in memory; ``begin`` makes a new process of it."""

    name = "fleetmend"

    def __init__(self, setting: Setting, book: Book) -> None:
        self._setting = setting
        self._book = book
        self._policy = _with_modes(book.policy, setting.story.modes)
        self._doom = Doom()
        self._shelf = Shelf(self._doom)
        self._teller = Teller(setting.told)
        self._process: Process | None = None

    def begin(self, now: datetime) -> None:
        """Memory is empty; the first time, all has been well for long."""
        first = self._process is None
        self._doom.step = ""
        rules = Rules(self._policy, self._book.actions, self._book.liveness, LifeTimes())
        self._process = Process(self._setting, rules, self._book.box_key, self._shelf, self._doom, self._teller, now)
        if first:
            self._process.populate(now)
        self._process.open(now, first=first)

    @property
    def _live(self) -> "Process":
        if self._process is None:
            raise RuntimeError("not begun")
        return self._process

    def greeted(self, hello: Hello, now: datetime) -> Welcome:
        return self._live.at(now).greeted(hello)

    def heard(self, message: Message, now: datetime) -> str:
        return self._live.at(now).heard(message)

    def asked(self, ask: Ask, now: datetime) -> Answer:
        live = self._live.at(now)
        answer = live.desk.asked(ask, now)
        live.say_flags()
        return answer

    def tick(self, now: datetime) -> bool:
        return self._live.at(now).tick()

    def busy(self, now: datetime) -> bool:
        return self._live.at(now).busy()

    def slept(self, seconds: float) -> None:
        self._live.slept += seconds

    def stepped(self, seconds: float) -> None:
        self._live.clock.step_wall(timedelta(seconds=seconds))

    def assigned(self, now: datetime) -> Mapping[str, tuple[Vantage, ...]]:
        return self._live.at(now).watch.assignment(now)

    def well(self, hosts: Collection[str]) -> frozenset[str]:
        return self._live.watch.well(hosts)

    def calm(self, hosts: Collection[str]) -> None:
        self._live.watch.calm(hosts)

    def crash_at(self, step: str) -> None:
        self._doom.step = step

    def journal(self) -> Kept:
        return self._shelf.copy()

    def restore(self, journal: object) -> None:
        if not isinstance(journal, Kept):
            raise TypeError("not a journal of ours")
        self._shelf.put_back(journal)

    def gate(self) -> Gate:
        return self._live.gauge.gate()


def _with_modes(policy: Policy, modes: Mapping[str, str]) -> Policy:
    changed = {name: replace(policy.playbooks[name], mode=Mode(mode)) for name, mode in modes.items()}
    return replace(policy, playbooks={**policy.playbooks, **changed})


def builder(book: Book) -> Callable[[Setting], Ours]:
    """What ``play`` is given to run stories under our own judge."""
    return lambda setting: Ours(setting, book)
