"""Machines: workloads on exactly one host, their public state, and what becomes of them when it dies."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from remediator.model.check import Check
from remediator.model.host import Capacity


class MachineState(StrEnum):
    """The public states of the Machines API that the embedded fleet can be in."""

    CREATED = "created"
    STARTING = "starting"
    STARTED = "started"
    STOPPING = "stopping"
    STOPPED = "stopped"
    SUSPENDED = "suspended"
    FAILED = "failed"
    REPLACING = "replacing"
    DESTROYING = "destroying"
    DESTROYED = "destroyed"


GONE = frozenset({MachineState.DESTROYING, MachineState.DESTROYED})
# The kind of an event of a machine that its own host's agent has no longer.
LOST_EVENT = "lost"


class Recovery(StrEnum):
    """What is done for a machine whose host is lost."""

    NONE = "none"
    PLACED = "placed"
    SERVING = "serving"
    HELD = "held"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a machine, as its owner reads it."""

    at: datetime
    kind: str
    status: str
    source: str
    text: str = ""
    # Of an end that its host's agent told of; None where nobody saw it.
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class Sealed:
    """The full config, closed for the unsealing key, in an envelope that the host's agent signed.

    ``box`` is base64 of a libsodium sealed box; ``signature`` covers machine, instance_id, host, epoch, digest.
    ``key`` is the fingerprint of the key that ``box`` opens with, empty from agents of before; ``recovery`` is the
    same config closed for the offline key ``recovery_key``, where there is one.
    """

    machine: str
    instance_id: str
    host: str
    epoch: int
    digest: str
    box: str
    signature: str
    key: str = ""
    recovery: str = ""
    recovery_key: str = ""


@lru_cache(maxsize=1024)
def _asked(cpus: Any, memory_mb: Any) -> Capacity:
    """Made once a size: two hundred thousand machines have few."""
    return Capacity(float(cpus or 1), int(memory_mb or 256), 0)


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine as the control plane knows it; ``config`` is the scrubbed copy, never the full one."""

    id: str
    app: str
    name: str
    region: str
    host: str
    instance_id: str
    created_at: datetime
    updated_at: datetime
    state: MachineState = MachineState.CREATED
    config: dict[str, Any] = field(default_factory=dict)
    digest: str = ""
    sealed: Sealed | None = None
    volumes: tuple[str, ...] = ()
    port: int = 0
    replaces: str = ""
    replaced_by: str = ""
    recovery: Recovery = Recovery.NONE
    recovery_reason: str = ""
    recovery_at: datetime | None = None
    condemned_at: datetime | None = None
    condemned_why: str = ""
    adopted: bool = False
    # Why nothing starts it again without a person; and when a person let it go.
    quarantined: str = ""
    quarantine_lifted_at: datetime | None = None
    events: tuple[Event, ...] = ()
    # The epoch in which its returning host was told that this machine may serve before the host as a whole.
    admitted_epoch: int = 0
    # Its owner keeps traffic away from it; it runs on.
    cordoned: bool = False
    # How its health checks last went, as its host's agent tells.
    checks: tuple[Check, ...] = ()
    # Of a standby: whom it stands in for now; and whether it is to stop, for that one serves again.
    standing_for: str = ""
    stepping_down: bool = False
    # Why it is held or waits, in one word (see stuck.py); rows of before have none.
    recovery_word: str = ""

    @property
    def stateless(self) -> bool:
        return not self.volumes

    @property
    def alive(self) -> bool:
        """Neither destroyed nor on its way there."""
        return self.state not in GONE

    @property
    def coming(self) -> bool:
        """Ours, in a lost one's place, and not yet heard of from the host that is to make it."""
        return bool(self.replaces) and self.state is MachineState.CREATED and not self.digest

    @property
    def missing(self) -> bool:
        """Its own host's agent has said that it has it not."""
        # What was told of its host since says nothing of the machine.
        last = next((event.kind for event in self.events if event.kind != "host"), "")
        return self.state is MachineState.FAILED and last == LOST_EVENT

    @property
    def condemned(self) -> bool:
        return self.condemned_at is not None

    @property
    def stands_by(self) -> tuple[str, ...]:
        """The machines for which it is to be started when their host is lost."""
        return tuple(self.config.get("standbys") or ())

    @property
    def stands_in(self) -> bool:
        return bool(self.standing_for)

    @property
    def idles(self) -> bool:
        """A standby that waits and never ran, or that is on its way to rest: nobody misses it."""
        waits = self.state is MachineState.CREATED and bool(self.stands_by) and not self.stands_in
        return waits or self.stepping_down

    @property
    def stood_in_for(self) -> bool:
        """Served for, by a standby and not by a replacement."""
        return self.recovery is Recovery.SERVING and not self.replaced_by

    @property
    def asks(self) -> Capacity:
        guest = self.config.get("guest") or {}
        return _asked(guest.get("cpus"), guest.get("memory_mb"))

    def noted(self, event: Event, keep: int = 20) -> "Machine":
        """The same machine with one more event, newest first."""
        return replace(self, events=(event, *self.events)[:keep], updated_at=event.at)

    def without(self, replacement: str) -> "Machine":
        """The same machine where that one will not stand for it; whoever came before it still may."""
        return replace(self, replaced_by="") if self.replaced_by == replacement else self

    def recovering(self, stage: Recovery, reason: str, now: datetime, by: str = "", *, word: str = "") -> "Machine":
        """The same machine, one stage further in its recovery; unchanged when nothing is new.

        ``word`` is the reason of one that is held or waits, as metrics and explanations name it.
        """
        by = by or self.replaced_by
        if (stage, reason, by) == (self.recovery, self.recovery_reason, self.replaced_by):
            return self
        moved = replace(self, recovery=stage, recovery_reason=reason, recovery_at=now, replaced_by=by)
        moved = replace(moved, recovery_word=word)
        return moved.noted(Event(now, "recovery", stage.value, "fleetmend", reason))


# A volume's end, asked for: first its machine's, if that is condemned, then its own.
WAITS_FOR_DETACH, PENDING_DESTROY = "waiting_for_detach", "pending_destroy"
DOOMED_VOLUME = frozenset({WAITS_FOR_DETACH, PENDING_DESTROY})


@dataclass(frozen=True, slots=True)
class Volume:
    """A disk tied to exactly one host."""

    id: str
    app: str
    name: str
    region: str
    host: str
    size_mb: int
    created_at: datetime
    state: str = "created"
    machine: str = ""
    used_bytes: int = 0
    restored_from: str = ""
    superseded_by: str = ""
    # Days that its snapshots are kept, and whether one is taken each day.
    retention_days: int = 5
    auto_backup: bool = False
    updated_at: datetime | None = None

    @property
    def free(self) -> bool:
        return not self.machine and not self.superseded_by and self.state == "created"

    @property
    def doomed(self) -> bool:
        """Its owner has asked for its end."""
        return self.state in DOOMED_VOLUME


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A copy of a volume kept off its host; the newest one's age is the data loss of a restore."""

    id: str
    volume: str
    app: str
    created_at: datetime
    size_bytes: int
    digest: str
    retention_days: int = 5
    state: str = "created"
    # The volume's size, and the host that it was taken on: the volume itself may be gone before its snapshots.
    volume_mb: int = 0
    host: str = ""
