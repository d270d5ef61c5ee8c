"""The seam: what a judge is told by the world, and how it has things done. It never sees the world itself."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from remediator.engine.evidence.vantages import Vantage
from remediator.model.evidence import Gate, Outcome
from remediator.model.host import Host
from remediator.model.machine import Machine, Snapshot, Volume
from remediator.model.request import Operation


class Crashed(Exception):
    """The judge died here: everything in its memory is gone, its journal stays."""


@dataclass(frozen=True, slots=True)
class Population:
    """The fleet as it is known when all has been well for a day."""

    hosts: tuple[Host, ...]
    machines: tuple[Machine, ...] = ()
    volumes: tuple[Volume, ...] = ()
    snapshots: tuple[Snapshot, ...] = ()
    vantages: tuple[Vantage, ...] = ()


@dataclass(frozen=True, slots=True)
class Hello:
    """An agent's first word in a session, as it travels on the wire."""

    host: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Report:
    """A heartbeat; ``body`` has machines, absent and volumes where something is to be told."""

    host: str
    body: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HungUp:
    """A session has ended."""

    host: str


@dataclass(frozen=True, slots=True)
class Probes:
    """One second of one prober."""

    vantage: Vantage
    results: tuple[tuple[str, Outcome], ...]
    loop_lag: float = 0.0


@dataclass(frozen=True, slots=True)
class Powered:
    """What a host's BMC or PDU says: on, off, or unknown."""

    host: str
    state: str


@dataclass(frozen=True, slots=True)
class Canary:
    """What the store answered: seconds it took, age of our newest heartbeat in it, or an error."""

    seconds: float = 0.0
    age: float | None = 0.0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Signal:
    """A rule's expression is true in the store for these labels, or no longer."""

    alert: str
    labels: Mapping[str, str]
    on: bool
    value: float = 1.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: done with a value, ``error`` for good, or ``again`` where the same key may succeed."""

    key: str
    value: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    again: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """A person's or a tenant's request.

    ``kind``: destroy, create, freeze, thaw, cordon, uncordon, maintenance, retire, approve, deny, hold, release,
    reconcile, replaced.
    """

    id: str
    kind: str
    subject: str
    who: str = "owner"
    args: dict[str, Any] = field(default_factory=dict)


Message = Report | HungUp | Probes | Powered | Canary | Signal | Ended


@dataclass(frozen=True, slots=True)
class Welcome:
    """The answer to a hello; ``refused`` names why there is none."""

    epoch: int = 0
    term: int = 0
    condemned: tuple[str, ...] = ()
    refused: str = ""
    incarnation: str = ""
    began: str = ""
    # Whether single writers that may live on elsewhere are to be started too.
    admit: bool = True
    # Those of the condemned that must not start and are not to be ended yet.
    held: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """To a request: accepted, or a text and the seconds after which it may be asked again (0: never)."""

    accepted: bool
    text: str = ""
    retry_after: float = 0.0


@dataclass(frozen=True, slots=True)
class Mark:
    """What a command is sent under."""

    term: int
    sequence: int
    epoch: int


# How a judge has things done: the operation with what its target needs.
Send = Callable[[Operation, Mark], None]


class Judge(Protocol):
    """A remediator over one journal: ``begin`` is a start of the process, a ``Crashed`` its end.

    Each method is told the moment; between two calls nothing happens in it. What it wants done it gives to the
    ``send`` that it was made with; ends come back as ``Ended``.
    """

    name: str

    def begin(self, now: datetime) -> None:
        """A new process over the same journal: memory is empty, a new term begins."""

    def greeted(self, hello: Hello, now: datetime) -> Welcome: ...

    def heard(self, message: Message, now: datetime) -> str:
        """Takes a message; a text means that the sender must greet anew."""

    def asked(self, ask: Ask, now: datetime) -> Answer: ...

    def tick(self, now: datetime) -> bool:
        """One look; whether anything changed by it."""

    def busy(self, now: datetime) -> bool:
        """Whether anything may still follow from time alone: then it is looked again soon."""

    def slept(self, seconds: float) -> None:
        """Virtual time was jumped over in which nothing could happen; no pause of the process."""

    def stepped(self, seconds: float) -> None:
        """The wall clock was set forward or back by so much; no time has passed."""

    def assigned(self, now: datetime) -> Mapping[str, tuple[Vantage, ...]]:
        """Who is to probe whom."""

    def well(self, hosts: Collection[str]) -> frozenset[str]:
        """Those of them of which it expects nothing: healthy and in touch as far as it knows."""

    def calm(self, hosts: Collection[str]) -> None:
        """Nobody will speak of these for a while, for all is well with them: silence says nothing."""

    def crash_at(self, step: str) -> None:
        """Die (``Crashed``) when next at that step: before_commit, after_commit, before_send, after_send,
        before_outcome."""

    def journal(self) -> object:
        """A copy of what is durable, to be given back to ``restore``."""

    def restore(self, journal: object) -> None: ...

    def gate(self) -> Gate: ...
