"""The control plane's process: it may be down, paused, or die in the middle; what it is told may suffer."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

from remediator.simulate.world.judge import Answer, Ask, Crashed, Hello, Judge, Message, Probes, Report, Welcome
from remediator.simulate.world.queue import Queue
from remediator.simulate.world.tracks import Tracks

START = datetime(2026, 1, 1, tzinfo=UTC)
# More than this lies in no socket's buffer.
BUFFERED = 5000


class House:
    """Everything between the world and the judge passes here, with the judge's own clock on it."""

    def __init__(self, judge: Judge, queue: Queue, chance: Random) -> None:
        self.judge = judge
        self._queue = queue
        self._chance = chance
        self.up = False
        self.paused = False
        self.clock_off = 0.0
        self.duplicates = self.reordered = 0.0
        self.spans: Tracks[str] = Tracks()
        self.kept: list[tuple[float, object]] = []
        # Told when the process is back: who wants to greet it again.
        self.on_start: Callable[[], None] = lambda: None
        self.restart_after: float | None = 5.0
        self._buffer: list[Message] = []

    def now(self) -> datetime:
        return START + timedelta(seconds=self._queue.now + self.clock_off)

    @property
    def listens(self) -> bool:
        return self.up and not self.paused

    def begin(self) -> None:
        self.up, self.paused = True, False
        self._buffer.clear()
        self.spans.set("up", self._queue.now, on=True)
        self.judge.begin(self.now())
        self.on_start()

    def crash(self, back_after: float | None) -> None:
        """The process is gone; it is started again after so many seconds, or never."""
        if not self.up:
            return
        self.up = False
        self.spans.set("up", self._queue.now, on=False)
        if back_after is not None:
            self._queue.after(back_after, self._back)

    def _back(self) -> None:
        if not self.up:
            self.begin()

    def pause(self) -> None:
        self.paused = True
        self.spans.set("up", self._queue.now, on=False)

    def resume(self) -> None:
        """What lay in the buffers is read at once."""
        if not self.paused:
            return
        self.paused = False
        self.spans.set("up", self._queue.now, on=self.up)
        waiting, self._buffer = self._buffer, []
        self.tick()
        for message in waiting:
            self.tell(message)

    def slept(self, seconds: float) -> None:
        """Time was jumped over; a process that is paused really slept."""
        if self.listens:
            self.judge.slept(seconds)

    def greet(self, hello: Hello) -> Welcome | None:
        """None where nobody answers."""
        if not self.listens:
            return None
        try:
            return self.judge.greeted(hello, self.now())
        except Crashed:
            self.crash(self.restart_after)
            return None

    def tell(self, message: Message) -> str:
        """A message, or two, or later: as the network has it."""
        if self.paused and self.up and len(self._buffer) < BUFFERED:
            self._buffer.append(message)
            return ""
        if self.reordered and isinstance(message, Probes | Report) and self._chance.random() < self.reordered:
            self._queue.after(self._chance.uniform(0.2, 2.0), lambda: self._late(message))
            return ""
        if self.duplicates and self._chance.random() < self.duplicates:
            self._given(message)
        return self._given(message)

    def _late(self, message: Message) -> None:
        self._given(message)

    def _given(self, message: Message) -> str:
        if not self.listens:
            return ""
        try:
            return self.judge.heard(message, self.now())
        except Crashed:
            self.crash(self.restart_after)
            return ""

    def ask(self, ask: Ask) -> Answer | None:
        if not self.listens:
            return None
        try:
            return self.judge.asked(ask, self.now())
        except Crashed:
            # Nobody knows whether it was accepted: the client asks again.
            self.crash(self.restart_after)
            return None

    def tick(self) -> bool:
        if not self.listens:
            return False
        try:
            return self.judge.tick(self.now())
        except Crashed:
            self.crash(self.restart_after)
            return True
