"""The remediator's ``GET /internal/state`` as it comes over the wire; unknown fields are passed over.

Records hold nothing that could refer back to them: the garbage collector need not look at a hundred thousand of them.
"""

import msgspec


class Resources(msgspec.Struct, frozen=True, gc=False):
    cpus: float = 0.0
    memory_mb: float = 0
    disk_mb: float = 0


class Host(msgspec.Struct, frozen=True, gc=False):
    name: str
    region: str
    rack: str = ""
    role: str = ""
    provider: str = ""
    status: str = ""
    life: str = ""
    cordoned: bool = False
    version: str = ""
    capacity: Resources = Resources()
    free: Resources = Resources()

    @property
    def takes_work(self) -> bool:
        """Whether placement may use it: healthy, reachable, not cordoned."""
        return self.life == "healthy" and self.status == "ok" and not self.cordoned


class Machine(msgspec.Struct, frozen=True, gc=False):
    id: str
    app: str
    host: str
    region: str
    state: str
    recovery: str = "none"
    condemned: bool = False
    routable: bool = False


class Volume(msgspec.Struct, frozen=True, gc=False):
    """``snapshot_at`` is when the newest snapshot was made, in unix seconds."""

    id: str
    host: str
    region: str
    state: str
    app: str = ""
    size_mb: float = 0
    used_bytes: float = 0
    snapshot_at: float | None = None


class Destroy(msgspec.Struct, frozen=True, gc=False):
    """``asked_at`` is in unix seconds."""

    machine: str
    host: str
    region: str
    stage: str
    asked_at: float

    @property
    def open(self) -> bool:
        return self.stage != "verified_absent"


class Migration(msgspec.Struct, frozen=True, gc=False):
    """Without an id where the remediator is of the version before ours."""

    region: str
    stage: str
    id: str = ""


class Burst(msgspec.Struct, frozen=True, gc=False):
    """As ``Migration``."""

    region: str
    stage: str
    id: str = ""


class Loan(msgspec.Struct, frozen=True, gc=False):
    """A host that a provider made for a burst; moments in unix seconds, 0 for none."""

    host: str
    region: str
    idle_since: float = 0.0
    awaited_since: float = 0.0


class Requested(msgspec.Struct, frozen=True, gc=False):
    region: str
    count: float


class Failure(msgspec.Struct, frozen=True, gc=False):
    region: str
    reason: str
    count: float


class Unmet(msgspec.Struct, frozen=True, gc=False):
    region: str
    count: float


class Placement(msgspec.Struct, frozen=True):
    requests: dict[str, float] = {}
    failures: list[Failure] = []
    unmet: list[Unmet] = []


class ApiCount(msgspec.Struct, frozen=True):
    """``seconds`` is the sum over ``count`` requests; ``buckets`` are bounds, and how many took no longer."""

    operation: str
    version: str
    code: str
    count: float
    seconds: float = 0.0
    buckets: list[tuple[float, float]] = []


class Undead(msgspec.Struct, frozen=True, gc=False):
    host: str
    region: str
    machines: float = 0
    seconds_total: float = 0.0


class Deploy(msgspec.Struct, frozen=True, gc=False):
    version: str
    at: float


class Answer(msgspec.Struct, frozen=True):
    """A page of what changed or, without an ``incarnation``, all there is.

    Another incarnation than before: all that was known is void. ``more``: go on from ``sequence`` at once.
    ``gone`` has ids by kind. What is None has not changed.
    """

    sequence: int
    incarnation: str = ""
    unchanged: bool = False
    more: bool = False
    hosts: list[Host] = []
    machines: list[Machine] = []
    volumes: list[Volume] = []
    destroys: list[Destroy] = []
    migrations: list[Migration] = []
    bursts: list[Burst] = []
    loans: list[Loan] = []
    gone: dict[str, list[str]] = {}
    placement: Placement | None = None
    api: list[ApiCount] | None = None
    undead: list[Undead] | None = None
    deploys: list[Deploy] | None = None


DECODER = msgspec.json.Decoder(Answer)


def parse_answer(body: bytes) -> Answer:
    """Raises ValueError, with the place, on a body that is not a state."""
    try:
        return DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"the remediator's state: {error}") from None
