"""Requests: things asked for that must not be forgotten, and the operations that carry them out."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from remediator.model.errors import ForbiddenEdge
from remediator.model.host import Capacity


class Origin(StrEnum):
    """Who asked: ceilings and gates bind automatic requests only."""

    OWNER = "owner"
    OPERATOR = "operator"
    AUTOMATIC = "automatic"


class DestroyStage(StrEnum):
    QUEUED = "queued"
    BLOCKED = "blocked"
    SENT = "sent"
    ACKED = "acked"
    VERIFIED_ABSENT = "verified_absent"


# A migration's note: its host's disks do not answer, and its processes cannot end.
STOP_HANGS = "its host is wedged: its stop hangs"


class MigrationStage(StrEnum):
    PLANNED = "planned"
    RESERVED = "reserved"
    COPYING = "copying"
    STARTING = "starting"
    VERIFYING = "verifying"
    DONE = "done"
    ROLLED_BACK = "rolled_back"
    STUCK = "stuck"


class BurstStage(StrEnum):
    WANTED = "wanted"
    REQUESTED = "requested"
    PROVISIONING = "provisioning"
    JOINED = "joined"
    CONSUMED = "consumed"
    EXPIRED = "expired"
    STUCK = "stuck"


class Stage(StrEnum):
    """An operation's way through the outbox."""

    WRITTEN = "written"
    SENT = "sent"
    DONE = "done"
    FAILED = "failed"


_D, _M, _B = DestroyStage, MigrationStage, BurstStage
EDGES: dict[StrEnum, frozenset[StrEnum]] = {
    _D.QUEUED: frozenset({_D.BLOCKED, _D.SENT, _D.VERIFIED_ABSENT}),
    _D.BLOCKED: frozenset({_D.SENT, _D.VERIFIED_ABSENT}),
    # Sent to a host that was lost or rebooted: it waits, or is sent anew under the next epoch.
    _D.SENT: frozenset({_D.ACKED, _D.BLOCKED, _D.SENT, _D.VERIFIED_ABSENT}),
    _D.ACKED: frozenset({_D.VERIFIED_ABSENT, _D.SENT, _D.BLOCKED}),
    _M.PLANNED: frozenset({_M.RESERVED, _M.ROLLED_BACK, _M.STUCK}),
    # What is made anew has nothing to copy.
    _M.RESERVED: frozenset({_M.COPYING, _M.STARTING, _M.ROLLED_BACK, _M.STUCK}),
    _M.COPYING: frozenset({_M.STARTING, _M.ROLLED_BACK, _M.STUCK}),
    _M.STARTING: frozenset({_M.VERIFYING, _M.ROLLED_BACK, _M.STUCK}),
    _M.VERIFYING: frozenset({_M.DONE, _M.ROLLED_BACK, _M.STUCK}),
    _B.WANTED: frozenset({_B.REQUESTED, _B.EXPIRED, _B.STUCK}),
    _B.REQUESTED: frozenset({_B.PROVISIONING, _B.STUCK, _B.EXPIRED}),
    _B.PROVISIONING: frozenset({_B.JOINED, _B.STUCK, _B.EXPIRED}),
    _B.JOINED: frozenset({_B.CONSUMED, _B.EXPIRED, _B.STUCK}),
}


@dataclass(frozen=True, slots=True)
class Destroy:
    """A machine's destroy: accepted durably, carried out when its host answers, finished when seen absent."""

    machine: str
    app: str
    host: str
    origin: Origin
    reason: str
    asked_at: datetime
    stage: DestroyStage = DestroyStage.QUEUED
    moved_at: datetime | None = None
    epoch: int = 0

    def moved_to(self, stage: DestroyStage, now: datetime, epoch: int = 0) -> "Destroy":
        _check(self.stage, stage, f"destroy of {self.machine}")
        return replace(self, stage=stage, moved_at=now, epoch=epoch or self.epoch)

    @property
    def open(self) -> bool:
        return self.stage is not DestroyStage.VERIFIED_ABSENT


@dataclass(frozen=True, slots=True)
class Anew:
    """What an owner's update makes of a machine that moves for it; ``config`` is scrubbed.

    ``sealed_config`` is the full one, closed for the target's agent, until it is sent there. ``ran``: it was running.
    """

    instance_id: str
    digest: str
    config: dict[str, Any]
    sealed_config: str = ""
    start: bool = True
    ran: bool = True


@dataclass(frozen=True, slots=True)
class Migration:
    """A machine's move from a living host; it keeps its id, and the source is freed last.

    With ``anew`` nothing is copied: it becomes what its owner has sent, on a host that has room for that.
    """

    id: str
    machine: str
    app: str
    source: str
    target: str
    asked_at: datetime
    reason: str
    stage: MigrationStage = MigrationStage.PLANNED
    moved_at: datetime | None = None
    volumes: dict[str, str] = field(default_factory=dict)
    note: str = ""
    origin: Origin = Origin.AUTOMATIC
    anew: Anew | None = None

    def moved_to(self, stage: MigrationStage, now: datetime, note: str = "") -> "Migration":
        _check(self.stage, stage, f"migration {self.id}")
        return replace(self, stage=stage, moved_at=now, note=note or self.note)

    @property
    def open(self) -> bool:
        return self.stage in EDGES

    @property
    def stops(self) -> bool:
        """It has stopped what ran: whoever undoes it, or finds the source lost, has that to start again."""
        return self.anew is None or self.anew.ran


@dataclass(frozen=True, slots=True)
class Demand:
    """Room that somebody asked for and did not get; coalesced by region, shape and app."""

    key: str
    app: str
    region: str
    size: Capacity
    count: int
    first_asked: datetime
    last_asked: datetime


@dataclass(frozen=True, slots=True)
class Burst:
    """A request for hosts, sized by what the placement of its demands really needs."""

    id: str
    region: str
    hosts: int
    size: Capacity
    asked_at: datetime
    demands: tuple[str, ...]
    stage: BurstStage = BurstStage.WANTED
    moved_at: datetime | None = None
    names: tuple[str, ...] = ()
    note: str = ""
    # How many hosts the provider has given.
    given: int = 0

    def moved_to(self, stage: BurstStage, now: datetime, note: str = "") -> "Burst":
        _check(self.stage, stage, f"burst {self.id}")
        return replace(self, stage=stage, moved_at=now, note=note or self.note)

    @property
    def open(self) -> bool:
        return self.stage in EDGES


@dataclass(frozen=True, slots=True)
class Operation:
    """One effect in the outbox: a driver verb with its idempotency key; the same key is sent again after a crash."""

    key: str
    verb: str
    host: str
    args: dict[str, Any]
    origin: Origin
    written_at: datetime
    machine: str = ""
    decision: str = ""
    stage: Stage = Stage.WRITTEN
    attempts: int = 0
    not_before: datetime | None = None
    error: str = ""

    @property
    def open(self) -> bool:
        return self.stage in (Stage.WRITTEN, Stage.SENT)


def _check(was: StrEnum, to: StrEnum, what: str) -> None:
    if to not in EDGES.get(was, frozenset()):
        raise ForbiddenEdge(f"{what}: {was} -> {to}")
