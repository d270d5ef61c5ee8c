"""The remediator's ``GET /internal/state`` as it comes over the wire; unknown fields are passed over."""

from typing import Any

import msgspec


class Resources(msgspec.Struct, frozen=True):
    cpus: float = 0.0
    memory_mb: float = 0
    disk_mb: float = 0


class Host(msgspec.Struct, frozen=True):
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


class Machine(msgspec.Struct, frozen=True):
    id: str
    app: str
    host: str
    region: str
    state: str
    recovery: str = "none"
    condemned: bool = False
    routable: bool = False


class Volume(msgspec.Struct, frozen=True):
    """``snapshot_at`` is when the newest snapshot was made, in unix seconds."""

    id: str
    host: str
    region: str
    state: str
    app: str = ""
    size_mb: float = 0
    used_bytes: float = 0
    snapshot_at: float | None = None


class Destroy(msgspec.Struct, frozen=True):
    machine: str
    host: str
    region: str
    stage: str
    asked_at: float


class Staged(msgspec.Struct, frozen=True):
    """A migration or a burst."""

    region: str
    stage: str


class Failure(msgspec.Struct, frozen=True):
    region: str
    reason: str
    count: float


class Unmet(msgspec.Struct, frozen=True):
    region: str
    count: float


class Placement(msgspec.Struct, frozen=True):
    requests: dict[str, float] = {}
    failures: list[Failure] = []
    unmet: list[Unmet] = []


class ApiCount(msgspec.Struct, frozen=True):
    """``seconds`` is the sum over ``count`` requests."""

    operation: str
    version: str
    code: str
    count: float
    seconds: float = 0.0


class Undead(msgspec.Struct, frozen=True):
    host: str
    region: str
    machines: float = 0
    seconds_total: float = 0.0


class Deploy(msgspec.Struct, frozen=True):
    version: str
    at: float


class State(msgspec.Struct, frozen=True):
    """The whole answer; ``unchanged`` says that the sequence asked for is still the newest."""

    sequence: int
    unchanged: bool = False
    hosts: list[Host] = []
    machines: list[Machine] = []
    volumes: list[Volume] = []
    destroys: list[Destroy] = []
    migrations: list[Staged] = []
    bursts: list[Staged] = []
    placement: Placement = Placement()
    api: list[ApiCount] = []
    undead: list[Undead] = []
    deploys: list[Deploy] = []

    @property
    def regions(self) -> list[str]:
        """Every region that has a host, or of which something is said."""
        named: list[list[Any]] = [self.hosts, self.machines, self.volumes, self.placement.unmet]
        found = {one.region for records in named for one in records} | set(self.placement.requests)
        return sorted(found)


def parse_state(body: bytes) -> State:
    """Raises ValueError, with the place, on a body that is not a state."""
    try:
        return msgspec.json.decode(body, type=State)
    except msgspec.DecodeError as error:
        raise ValueError(f"the remediator's state: {error}") from None
