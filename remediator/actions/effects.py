"""Effects: what a plan wants done, as values; the runtime turns them into rows and driver calls."""

from dataclasses import dataclass

from remediator.model.host import Capacity
from remediator.model.machine import Recovery


@dataclass(frozen=True, slots=True)
class MarkDead:
    """Record and announce that a host is taken for dead."""

    host: str

    @property
    def key(self) -> str:
        return f"mark_host_dead:{self.host}"


@dataclass(frozen=True, slots=True)
class MarkAlive:
    """Record and announce that a host is taken for alive again."""

    host: str

    @property
    def key(self) -> str:
        return f"mark_host_alive:{self.host}"


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Hold a machine that may be what kills its hosts: nothing starts it again without a person."""

    machine: str
    why: str

    @property
    def key(self) -> str:
        return f"quarantine:{self.machine}"


@dataclass(frozen=True, slots=True)
class Recreate:
    """Make a replacement from the sealed config; ``target`` is chosen by placement, unless volumes fix it.

    ``elsewhere`` are regions in which it may run where its own has no room.
    """

    machine: str
    instance_id: str
    epoch: int
    volumes: tuple[str, ...] = ()
    target: str = ""
    elsewhere: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        # With its host's epoch: an original that was kept may lose its host again.
        return f"recreate:{self.machine}:{self.instance_id}:{self.epoch}"


@dataclass(frozen=True, slots=True)
class StandIn:
    """Start the standby of a machine whose host is lost; ``epoch`` is that host's."""

    machine: str
    standby: str
    epoch: int

    @property
    def key(self) -> str:
        return f"stand_in:{self.machine}:{self.epoch}:{self.standby}"


@dataclass(frozen=True, slots=True)
class RestoreVolume:
    """Make a volume from a snapshot on another host."""

    machine: str
    volume: str
    snapshot: str
    size_mb: int
    target: str = ""

    @property
    def key(self) -> str:
        return f"restore:{self.volume}:{self.snapshot}"


@dataclass(frozen=True, slots=True)
class NoteRecovery:
    """Say on the machine that it is held or waiting, and why: in words, and in one."""

    machine: str
    stage: Recovery
    reason: str
    word: str = ""

    @property
    def key(self) -> str:
        return f"note:{self.machine}:{self.stage}"


@dataclass(frozen=True, slots=True)
class Condemn:
    """Queue the destroy of an original that was replaced."""

    machine: str
    why: str

    @property
    def key(self) -> str:
        return f"condemn:{self.machine}"


@dataclass(frozen=True, slots=True)
class Fence:
    """Take a dead host's power by its BMC (``via`` bmc) or have its orchestrator cut it off; ``uuid`` its chassis."""

    host: str
    epoch: int
    via: str
    uuid: str
    round: int = 0

    @property
    def key(self) -> str:
        return f"fence:{self.via}:{self.host}:{self.epoch}:{self.round}"


@dataclass(frozen=True, slots=True)
class PowerCycle:
    """Off and on again, once in this life of the host: ``boot_id`` tells whether it was done."""

    host: str
    epoch: int
    uuid: str
    boot_id: str
    round: int = 0

    @property
    def key(self) -> str:
        return f"power_cycle:{self.host}:{self.epoch}:{self.round}"


@dataclass(frozen=True, slots=True)
class Cordon:
    host: str
    why: str

    @property
    def key(self) -> str:
        return f"cordon:{self.host}"


@dataclass(frozen=True, slots=True)
class Uncordon:
    host: str
    why: str

    @property
    def key(self) -> str:
        return f"uncordon:{self.host}"


@dataclass(frozen=True, slots=True)
class Migrate:
    """Move a machine off a living host; it keeps its id."""

    machine: str
    source: str
    reason: str
    round: int = 0
    target: str = ""

    @property
    def key(self) -> str:
        return f"migrate:{self.machine}:{self.source}:{self.round}"


@dataclass(frozen=True, slots=True)
class Provision:
    """Ask the provider for hosts."""

    region: str
    hosts: int
    size: Capacity
    demands: tuple[str, ...]
    round: int = 0

    @property
    def key(self) -> str:
        return f"burst:{self.region}:{self.round}"


@dataclass(frozen=True, slots=True)
class GiveUpDemands:
    """Say that nothing is asked for, and why: no host of the shape would hold what is wanted."""

    region: str
    size: Capacity
    demands: tuple[str, ...]
    why: str

    @property
    def key(self) -> str:
        return f"unmet:{self.region}:{self.demands[0]}"


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Close a lent host, look at it once more, and ask its provider to take it back; ``by`` is the playbook."""

    host: str
    by: str

    @property
    def key(self) -> str:
        return f"give_back:{self.host}"


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell people; no effect on the fleet."""

    target: str
    text: str

    @property
    def key(self) -> str:
        return f"tell:{self.target}"


@dataclass(frozen=True, slots=True)
class Call:
    """Call the webhook ``to`` of the settings, once for each time the playbook was ``opened`` for the target."""

    to: str
    playbook: str
    target: str
    text: str
    opened: str

    @property
    def key(self) -> str:
        return f"webhook:{self.to}:{self.playbook}:{self.target}:{self.opened}"


Effect = (
    MarkDead
    | MarkAlive
    | Quarantine
    | Recreate
    | StandIn
    | RestoreVolume
    | NoteRecovery
    | Condemn
    | Fence
    | PowerCycle
    | Cordon
    | Uncordon
    | Migrate
    | Provision
    | GiveUpDemands
    | GiveBack
    | Tell
    | Call
)
Placeable = Recreate | RestoreVolume | Migrate
