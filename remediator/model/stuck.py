"""Why a lost host's machine does not run elsewhere, in one word: for metrics, and for what would change it. PURE."""

from remediator.model.host import Host, Life
from remediator.model.machine import Machine, MachineState, Recovery

UNDECIDED, NO_ROOM = "Undecided", "NoRoom"
OPERATOR_HOLD, QUARANTINED, WITHDRAWN = "OperatorHold", "Quarantined", "Withdrawn"
NOT_RECOVERABLE, SEALED_OLD, FAILED = "NotRecoverable", "SealedCopyOld", "CreateFailed"
NO_PROOF, NO_SNAPSHOT, SNAPSHOT_OLD = "NoPowerProof", "NoSnapshot", "SnapshotTooOld"
TARGET_LOST, COPY_MAY_RUN, VOLUME_UNKNOWN = "TargetLost", "CopyMayRun", "VolumeUnknown"
# What rows of before say of it; a person's hold first, for it ends with words of that person.
_BEFORE = {
    " holds ": OPERATOR_HOLD,
    "quarantined: ": QUARANTINED,
    "not marked recoverable": NOT_RECOVERABLE,
    "sealed copy is older": SEALED_OLD,
    "waits for proof that the host is off": NO_PROOF,
    "it has no good snapshot": NO_SNAPSHOT,
    ", older than allowed": SNAPSHOT_OLD,
    "is on a host that takes no work": TARGET_LOST,
    "may run": COPY_MAY_RUN,
    " is not known": VOLUME_UNKNOWN,
    "its replacement is withdrawn": WITHDRAWN,
}
_SERVED = frozenset({MachineState.CREATED, MachineState.STARTING, MachineState.STARTED, MachineState.REPLACING})
REASONS = (*_BEFORE.values(), FAILED, NO_ROOM, UNDECIDED)


def stuck(machine: Machine) -> str:
    """The word for a machine that is held or waits; empty for all others."""
    if machine.recovery not in (Recovery.HELD, Recovery.WAITING):
        return ""
    told = machine.recovery_reason
    # What no action of ours says is what a host, or the placing of it, answered.
    return machine.recovery_word or next((word for part, word in _BEFORE.items() if part in told), FAILED)


def missed(machine: Machine, host: Host | None) -> bool:
    """Whether it served on a host that is dead, and nothing was done or said for it yet."""
    served = machine.state in _SERVED and machine.alive and not (machine.adopted or machine.idles)
    return host is not None and host.life is Life.DEAD and served and machine.recovery is Recovery.NONE
