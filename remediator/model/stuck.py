"""Why a lost host's machine does not run elsewhere, in one word: for metrics, and for what would change it. PURE."""

from remediator.model.host import Host, Life
from remediator.model.machine import Machine, MachineState, Recovery

UNDECIDED, NO_ROOM, FAILED = "Undecided", "NoRoom", "CreateFailed"
# By what its reason says; a person's hold first, for it ends with words of that person.
_WORDS = {
    " holds ": "OperatorHold",
    "quarantined: ": "Quarantined",
    "not marked recoverable": "NotRecoverable",
    "sealed copy is older": "SealedCopyOld",
    "waits for proof that the host is off": "NoPowerProof",
    "it has no good snapshot": "NoSnapshot",
    ", older than allowed": "SnapshotTooOld",
    "is on a host that takes no work": "TargetLost",
    "may run": "CopyMayRun",
    " is not known": "VolumeUnknown",
    "its replacement is withdrawn": "Withdrawn",
}
_SERVED = frozenset({MachineState.CREATED, MachineState.STARTING, MachineState.STARTED, MachineState.REPLACING})
REASONS = (*_WORDS.values(), FAILED, NO_ROOM, UNDECIDED)


def stuck(machine: Machine) -> str:
    """The word for a machine that is held or waits; empty for all others."""
    if machine.recovery not in (Recovery.HELD, Recovery.WAITING):
        return ""
    told = machine.recovery_reason
    # What no action of ours says is what a host, or the placing of it, answered.
    return next((word for part, word in _WORDS.items() if part in told), FAILED)


def missed(machine: Machine, host: Host | None) -> bool:
    """Whether it served on a host that is dead, and nothing was done or said for it yet."""
    served = machine.state in _SERVED and machine.alive and not (machine.adopted or machine.idles)
    return host is not None and host.life is Life.DEAD and served and machine.recovery is Recovery.NONE
