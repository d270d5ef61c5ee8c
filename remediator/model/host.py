"""Hosts: physical servers, their identity, their life and what is known of it."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from remediator.model.errors import ForbiddenEdge


class HostStatus(StrEnum):
    """What clients see: a statement about reachability, never an action."""

    OK = "ok"
    UNKNOWN = "unknown"
    UNREACHABLE = "unreachable"


class Life(StrEnum):
    """Where a host is in its life, as far as evidence goes."""

    HEALTHY = "healthy"
    SUSPECT = "suspect"
    DEAD = "dead"
    RETURNING = "returning"
    PROBATION = "probation"
    RETIRED = "retired"


EDGES: dict[Life, frozenset[Life]] = {
    Life.HEALTHY: frozenset({Life.SUSPECT, Life.DEAD, Life.RETURNING, Life.RETIRED}),
    Life.SUSPECT: frozenset({Life.HEALTHY, Life.DEAD, Life.RETURNING}),
    Life.DEAD: frozenset({Life.RETURNING, Life.RETIRED}),
    Life.RETURNING: frozenset({Life.PROBATION, Life.DEAD}),
    Life.PROBATION: frozenset({Life.HEALTHY, Life.SUSPECT, Life.DEAD, Life.RETURNING}),
    Life.RETIRED: frozenset(),
}
LOST = frozenset({Life.DEAD, Life.RETURNING, Life.RETIRED})


class Fence(StrEnum):
    """Whether it is proved that the host's old processes can no longer act."""

    NONE = "none"
    PENDING = "pending"
    PROVED = "proved"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a host offers or a machine asks for: cpus, memory and disk in MiB."""

    cpus: float = 0.0
    memory_mb: int = 0
    disk_mb: int = 0

    def __add__(self, other: "Capacity") -> "Capacity":
        return Capacity(self.cpus + other.cpus, self.memory_mb + other.memory_mb, self.disk_mb + other.disk_mb)

    def __sub__(self, other: "Capacity") -> "Capacity":
        return Capacity(self.cpus - other.cpus, self.memory_mb - other.memory_mb, self.disk_mb - other.disk_mb)

    def fits(self, free: "Capacity") -> bool:
        return self.cpus <= free.cpus and self.memory_mb <= free.memory_mb and self.disk_mb <= free.disk_mb


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a host is beyond its name: chassis uuid (DMI), agent key, data-directory id.

    A field that cannot be read is empty and counts as no statement.
    """

    uuid: str = ""
    agent_key: str = ""
    data_id: str = ""

    def contradicts(self, other: "Identity") -> bool:
        pairs = ((self.uuid, other.uuid), (self.agent_key, other.agent_key), (self.data_id, other.data_id))
        return any(mine and theirs and mine != theirs for mine, theirs in pairs)


@dataclass(frozen=True, slots=True)
class Host:
    """One server, as the journal knows it; ``epoch`` grows at each return, ``boot_id`` tells lives apart."""

    name: str
    region: str
    rack: str
    since: datetime
    status_since: datetime
    role: str = "worker"
    provider: str = ""
    address: str = ""
    agent_port: int = 0
    exporter_port: int = 0
    labels: dict[str, str] = field(default_factory=dict)
    capacity: Capacity = Capacity()
    identity: Identity = Identity()
    boot_id: str = ""
    version: str = ""
    epoch: int = 0
    life: Life = Life.HEALTHY
    status: HostStatus = HostStatus.OK
    reason: str = ""
    died_at: datetime | None = None
    returned_at: datetime | None = None
    fence: Fence = Fence.NONE
    fence_by: str = ""
    fence_at: datetime | None = None
    cordoned: str = ""
    maintenance_until: datetime | None = None
    joined: bool = False

    def moved_to(self, life: Life, *, now: datetime, reason: str) -> "Host":
        """The same host in another stage of its life.

        Raises:
            ForbiddenEdge: when the table of edges has no such step.
        """
        if life not in EDGES[self.life]:
            raise ForbiddenEdge(f"host {self.name}: {self.life} -> {life} ({reason})")
        moved = replace(self, life=life, since=now, reason=reason)
        if life is Life.DEAD:
            return replace(moved, died_at=now, returned_at=None)
        if life is Life.RETURNING:
            # A proof that is older than this contact proves nothing of a later death.
            return replace(moved.unfenced(), returned_at=now, epoch=self.epoch + 1)
        return moved.unfenced() if life is Life.HEALTHY else moved

    def unfenced(self) -> "Host":
        return replace(self, fence=Fence.NONE, fence_by="", fence_at=None)

    def with_status(self, status: HostStatus, now: datetime) -> "Host":
        return self if status is self.status else replace(self, status=status, status_since=now)

    @property
    def takes_work(self) -> bool:
        return self.life is Life.HEALTHY and self.status is HostStatus.OK and not self.cordoned and self.joined
