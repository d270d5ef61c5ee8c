"""What an agent keeps of its machines and volumes, and the forms in which it tells of them."""

from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from remediator.model.check import Check
from remediator.model.machine import MachineState, Sealed
from remediator.wire.scrub import scrubbed

RECOVERABLE = "true"
LEASED = "true"


@dataclass(frozen=True, slots=True)
class Running:
    """A process in a way that survives reuse of its number: with its start time (clock ticks) and boot."""

    pid: int
    started: int
    boot_id: str


@dataclass(frozen=True, slots=True)
class MachineRecord:
    """One machine of this host. ``config`` is the full one, secrets included: it is never logged."""

    id: str
    app: str
    name: str
    region: str
    instance_id: str
    digest: str
    created_at: datetime
    state: MachineState = MachineState.CREATED
    desired: Literal["started", "stopped"] = "stopped"
    config: dict[str, Any] = field(default_factory=dict, repr=False)
    sealed: Sealed | None = field(default=None, repr=False)
    volumes: tuple[str, ...] = ()
    port: int = 0
    uid: int = 0
    running: Running | None = None
    exit_code: int | None = None
    restarts: int = 0
    # It ended by itself, somebody saw it end, and it is not started again.
    over: bool = False
    # Who asked for it: owner, operator or automatic; empty in records of before.
    made_by: str = ""
    # How its health checks last went; not kept over the agent's end.
    checks: tuple[Check, ...] = ()

    @property
    def recoverable(self) -> bool:
        return bool((self.config.get("metadata") or {}).get("recoverable") == RECOVERABLE)

    @property
    def under_lease(self) -> bool:
        """It alone writes to its volumes, and its app agreed to its end when this host is cut off from all."""
        return bool(self.volumes) and (self.config.get("metadata") or {}).get("lease") == LEASED

    @property
    def wants_start(self) -> bool:
        """It should run and does not; one that failed for good waits for a word or a new boot."""
        return self.desired == "started" and self.running is None and self.state is not MachineState.FAILED

    def told(self) -> dict[str, Any]:
        """The form in reports; the full config goes from memory to memory only."""
        shown = {**self.config, "mounts": self.mounts()} if self.volumes else self.config
        return {
            "id": self.id, "app": self.app, "name": self.name, "region": self.region,
            "instance_id": self.instance_id, "state": self.state.value, "desired": self.desired,
            "config": shown, "scrubbed": scrubbed(shown), "digest": self.digest,
            "sealed": asdict(self.sealed) if self.sealed else None,
            "volumes": list(self.volumes), "port": self.port,
            "pid": self.running.pid if self.running else 0,
            "created_at": self.created_at.isoformat(), "exit_code": self.exit_code, "over": self.over,
            "checks": [{**asdict(check), "updated_at": check.updated_at.isoformat()} for check in self.checks],
        }  # fmt: skip

    def mounts(self) -> list[dict[str, Any]]:
        """The config's mounts with the volumes that are really attached: a restored one has a new id."""
        mounts = self.config.get("mounts") or []
        attached = [*self.volumes, *(str(mount.get("volume", "")) for mount in mounts[len(self.volumes) :])]
        return [{**mount, "volume": volume} for mount, volume in zip(mounts, attached, strict=False)]


@dataclass(frozen=True, slots=True)
class VolumeRecord:
    """One volume of this host; ``kind`` is how its size is enforced."""

    id: str
    app: str
    name: str
    size_mb: int
    kind: Literal["loop", "directory"]
    machine: str = ""
    used_bytes: int = 0

    def told(self) -> dict[str, Any]:
        """The form in reports."""
        told = asdict(self)
        del told["kind"]
        return told

    def attached(self, machine: str) -> "VolumeRecord":
        return replace(self, machine=machine)


@dataclass(frozen=True, slots=True, order=True)
class Authority:
    """The highest word heard: of a lower one, nothing is obeyed."""

    incarnation: str = ""
    term: int = 0
    sequence: int = 0
