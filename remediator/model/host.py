"""Hosts: physical servers, their identity, their life and what is known of it."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from remediator.model.changing import changed
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


FENCE_EDGES: dict[Fence, frozenset[Fence]] = {
    Fence.NONE: frozenset({Fence.PENDING, Fence.PROVED}),
    # Asked for again while it is pending: by the next way, or after a failure that was not told.
    Fence.PENDING: frozenset({Fence.PENDING, Fence.PROVED, Fence.FAILED, Fence.NONE}),
    Fence.FAILED: frozenset({Fence.PENDING, Fence.PROVED, Fence.NONE}),
    Fence.PROVED: frozenset({Fence.NONE}),
}
# Who can fence a host speaks for it only this long after both were seen to mean one chassis.
KNOWN = timedelta(days=7)
# How finely it is kept when one was last heard that is to be cut off.
HEARD_EVERY = timedelta(seconds=1)


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

    def told(self, other: "Identity") -> "Identity":
        """What is known after ``other`` was told: a field that could not be read this time stands as it was."""
        uuid, key, data = other.uuid or self.uuid, other.agent_key or self.agent_key, other.data_id or self.data_id
        return Identity(uuid, key, data)


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
    maintenance_by: str = ""
    maintenance_why: str = ""
    joined: bool = False
    # A person's word that this host holds nothing any more: wiped, destroyed or removed, by whom, why and when.
    attested: str = ""
    attested_by: str = ""
    attested_why: str = ""
    attested_at: datetime | None = None
    # Another identity that greeted under this name, and when first; cordoned until a person says what it is.
    identity_claim: Identity | None = None
    claimed_at: datetime | None = None
    # The chassis uuid that BMC and agent both told while the host was healthy, and when they last did.
    bmc_uuid: str = ""
    bmc_at: datetime | None = None
    # The same of the orchestrator; and the epoch in which it was asked to cut the host off, 0 once it has let it go.
    orchestrator_uuid: str = ""
    orchestrator_at: datetime | None = None
    cut_off_in: int = 0
    # When somebody last heard it although it was to be cut off.
    heard_at: datetime | None = None
    # The peers that its agent says it asks; since when it is proved that its leases have run out, or why not.
    peers: tuple[str, ...] = ()
    lease_lapsed_at: datetime | None = None
    lease_note: str = ""

    def moved_to(self, life: Life, *, now: datetime, reason: str) -> "Host":
        """The same host in another stage of its life.

        Raises:
            ForbiddenEdge: when the table of edges has no such step.
        """
        if life not in EDGES[self.life]:
            raise ForbiddenEdge(f"host {self.name}: {self.life} -> {life} ({reason})")
        if life is Life.DEAD:
            # Whoever is dead cannot be reached either.
            gone = self.with_status(HostStatus.UNREACHABLE, now)
            return changed(gone, life=life, since=now, reason=reason, died_at=now, returned_at=None)
        moved = replace(self, life=life, since=now, reason=reason)
        if life is Life.RETURNING:
            # A proof that is older than this contact proves nothing of a later death.
            # So was the word that it holds nothing any more; one that leaves of its own accord goes on leaving.
            attested = self.attested if self.attested == "removed" else ""
            return replace(moved.unfenced(), returned_at=now, epoch=self.epoch + 1, attested=attested)
        return moved.unfenced() if life is Life.HEALTHY else moved

    def fenced(self, fence: Fence, *, by: str, now: datetime) -> "Host":
        """The same host with that said of its fence.

        Raises:
            ForbiddenEdge: when the table of edges has no such step.
        """
        if fence not in FENCE_EDGES[self.fence]:
            raise ForbiddenEdge(f"fence of {self.name}: {self.fence} -> {fence} (by {by})")
        return replace(self, fence=fence, fence_by=by, fence_at=now)

    def vouched(self, by: str, now: datetime) -> "Host":
        """The same host with a person's word that it is off: a proof, whoever proved it before."""
        proved = self if self.fence is Fence.PROVED else self.fenced(Fence.PROVED, by=by, now=now)
        return replace(proved, fence_by=by, fence_at=now)

    def unfenced(self) -> "Host":
        bare = replace(self, fence=Fence.NONE, fence_by="", fence_at=None, lease_lapsed_at=None, lease_note="")
        return replace(bare, heard_at=None)

    def bmc_speaks(self, at: datetime) -> bool:
        """Whether its BMC and its agent named the same chassis within a week before that moment."""
        return self._knows(self.bmc_uuid, self.bmc_at, at)

    def orchestrator_speaks(self, at: datetime) -> bool:
        """Whether the orchestrator and its agent named the same chassis within a week before that moment."""
        return self._knows(self.orchestrator_uuid, self.orchestrator_at, at)

    def _knows(self, uuid: str, seen: datetime | None, at: datetime) -> bool:
        return bool(uuid) and uuid == self.identity.uuid and seen is not None and at - seen <= KNOWN

    def with_status(self, status: HostStatus, now: datetime) -> "Host":
        return self if status is self.status else changed(self, status=status, status_since=now)

    @property
    def last_contact(self) -> datetime:
        """A moment before which it was last heard, for one that is dead."""
        return max(self.died_at or self.since, self.heard_at or self.since)

    @property
    def unfence_key(self) -> str:
        """Of the operation by which it is let go in this life."""
        return f"unfence:{self.name}:{self.epoch}"

    @property
    def let_go_due(self) -> bool:
        """Whether a fence may be in force, or on its way, that is of an earlier life than this."""
        return 0 < self.cut_off_in < self.epoch

    @property
    def in_maintenance(self) -> bool:
        """Whether a maintenance lasts, or has ended and is still owed a look."""
        return self.maintenance_until is not None

    @property
    def leaving(self) -> bool:
        """Whether an attestation has begun to take it away."""
        return bool(self.attested) and self.life is not Life.RETIRED

    @property
    def attested_gone(self) -> bool:
        """Whether a person has said that nothing of it acts any more; what has power there now is another's work."""
        return self.attested not in ("", "removed")

    @property
    def takes_work(self) -> bool:
        free = self.joined and not self.cordoned and not self.let_go_due
        return self.life is Life.HEALTHY and self.status is HostStatus.OK and free
