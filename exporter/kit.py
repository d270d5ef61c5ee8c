"""What a collector may need beside the kernel's files: prefixes, a clock, and the privileged reader."""

from collections.abc import Callable
from dataclasses import dataclass, field

from exporter.clock import Clock, SystemClock
from exporter.collectors.tasks import Tasks
from exporter.errors import NoData
from exporter.places import Places


@dataclass(frozen=True, slots=True)
class Answer:
    """What the privileged reader last got from a source: its output, when (unix seconds), in how many seconds."""

    output: str
    at: float
    seconds: float


# The answer of one named source. Raises NoData without a reader or tool, OSError or ValueError if it failed.
Ask = Callable[[str], Answer]


def ask_nobody(source: str) -> Answer:
    raise NoData(f"{source}: no privileged reader")


@dataclass(frozen=True, slots=True)
class Kit:
    """Given to every line of the table; ``tasks`` is what several collectors look at together."""

    at: Places = field(default_factory=Places)
    clock: Clock = field(default_factory=SystemClock)
    ask: Ask = ask_nobody
    tasks: Tasks = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tasks", Tasks(self.at.procfs, self.clock))
