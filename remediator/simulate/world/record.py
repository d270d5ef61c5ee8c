"""What was true in a world and what was done in it, as frozen values; all moments are seconds from the beginning."""

from dataclasses import dataclass, field

FOREVER = float("inf")


@dataclass(frozen=True, slots=True)
class Span:
    """From ``begin`` up to, not including, ``end``; ``FOREVER`` where it still lasts when the run ends."""

    begin: float
    end: float = FOREVER

    def covers(self, at: float) -> bool:
        return self.begin <= at < self.end

    def seconds(self, until: float) -> float:
        """How much of it lies before ``until``."""
        return max(0.0, min(self.end, until) - self.begin)


@dataclass(frozen=True, slots=True)
class HostTruth:
    """One host as it really was.

    ``kernel``: powered, booted and not stopped. ``agent``: its agent lives besides. ``reached``: packets pass both
    ways between host and remediator, and the kernel lives. ``wedged``: answers, but its disks do not.
    """

    name: str
    region: str
    rack: str
    switch: str
    pdu: str
    provider: str
    bmc: bool
    kernel: tuple[Span, ...] = ()
    agent: tuple[Span, ...] = ()
    reached: tuple[Span, ...] = ()
    wedged: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Ran:
    """One instance of a machine that really ran; ``line`` is the id of the original whose successors these are."""

    machine: str
    line: str
    app: str
    host: str
    span: Span
    volumes: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class Routed:
    """A stretch in which the judge's routing showed an instance to traffic."""

    machine: str
    line: str
    host: str
    span: Span


@dataclass(frozen=True, slots=True)
class Act:
    """Something that the judge did, at the moment at which it was durable.

    ``kind``: mark_dead, recreate, restore, condemn, destroy, withdraw, fence, cordon, uncordon, migrate, provision,
    tell, call. ``origin``: automatic, owner or operator. ``host`` is where the machine is that the act is about,
    ``target`` where a new one goes. ``facts`` are what the guards read.
    """

    at: float
    kind: str
    host: str
    machine: str = ""
    line: str = ""
    target: str = ""
    playbook: str = ""
    decision: str = ""
    origin: str = "automatic"
    text: str = ""
    facts: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Held:
    """A hold of one step of a playbook on a target, for as long as it stood unchanged."""

    playbook: str
    target: str
    action: str
    outcome: str
    reason: str
    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Stated:
    """What the judge said of a host from ``at`` on: its life, and the status that clients see."""

    at: float
    host: str
    life: str
    status: str
    fence: str = "none"


@dataclass(frozen=True, slots=True)
class Requested:
    """What somebody asked for: ``destroy``, ``create`` or an operator's word.

    ``answer``: accepted, refused (412 and the like; asked again), unanswered (nobody was there). ``finished`` is
    when it was really carried out, as the world saw it, None if it never was.
    """

    id: str
    kind: str
    subject: str
    host: str
    asked: float
    answer: str
    answered: float | None = None
    finished: float | None = None
    told: float | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """A command on its way to a host, and how it ended: done, failed, lost, refused or open."""

    key: str
    verb: str
    host: str
    machine: str
    origin: str
    at: float
    end: float | None = None
    result: str = "open"
    term: int = 0


@dataclass(frozen=True, slots=True)
class Use:
    """What a budget's ceiling counted at an act that it allowed: ``used`` before it, of ``allowed``."""

    at: float
    playbook: str
    scope: str
    value: str
    ceiling: str
    used: int
    allowed: int


@dataclass(frozen=True, slots=True)
class Happened:
    """A fault, or a stretch of the control plane being away, as the story has it; ``hosts`` are those concerned."""

    kind: str
    targets: tuple[str, ...]
    span: Span
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Truth:
    """What was so, whatever anybody thought of it."""

    hosts: dict[str, HostTruth]
    ran: tuple[Ran, ...]
    faults: tuple[Happened, ...]
    judge_up: tuple[Span, ...]
    gate_open: tuple[Span, ...]
    frozen: tuple[Span, ...] = ()
    # When the judge knew that its journal is an older copy, and waited for a person.
    rewound: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """What the judge said and did."""

    acts: tuple[Act, ...]
    held: tuple[Held, ...]
    stated: tuple[Stated, ...]
    routed: tuple[Routed, ...]
    requests: tuple[Requested, ...]
    sent: tuple[Sent, ...]
    uses: tuple[Use, ...] = ()
    incidents: tuple[dict[str, object], ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """One run: the same story, seed and judge give the same run, value for value."""

    story: str
    seed: int
    judge: str
    seconds: float
    patience: float
    truth: Truth
    done: Done
    # The golden log: moment and text.
    lines: tuple[tuple[float, str], ...] = ()
    ticks: int = 0
