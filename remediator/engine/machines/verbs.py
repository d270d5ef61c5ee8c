"""What may be asked of a machine in which state, and under whose lease. PURE."""

from datetime import datetime

from remediator.engine.machines.refusals import Refused, Terms, precondition
from remediator.model.host import Host, HostStatus
from remediator.model.machine import GONE, Machine, MachineState
from remediator.model.machine_lease import MachineLease

_S = MachineState
_HERE = frozenset(_S) - GONE
_RUNS = frozenset({_S.STARTING, _S.STARTED})
# By verb: the states from which it makes sense. Asking for what is so already is no error.
_FROM: dict[str, frozenset[MachineState]] = {
    "start": _HERE,
    "stop": _HERE,
    "restart": _HERE,
    "suspend": _RUNS | {_S.SUSPENDED},
    "signal": _RUNS | {_S.STOPPING, _S.SUSPENDED},
    "exec": _RUNS,
    "ps": _HERE,
    "update": _HERE,
    "set_metadata": _HERE,
}


def refusal(machine: Machine, host: Host | None, verb: str) -> Refused | None:
    """Why its host's agent cannot be asked for that now, if it cannot."""
    if not machine.alive:
        return precondition(f"machine {machine.id} cannot {_named(verb)}: it is being destroyed")
    if host is None or host.status is not HostStatus.OK:
        return precondition(f"machine {machine.id} cannot {_named(verb)}: its host is unreachable")
    if machine.state not in _FROM[verb]:
        return precondition(f"machine {machine.id} cannot {_named(verb)} while it is {machine.state}")
    return None


def held(lease: MachineLease | None, nonce: str, now: datetime) -> Refused | None:
    """The answer to whoever does not hold a lease that is in force."""
    if lease is None or not lease.in_force(now) or lease.nonce == nonce:
        return None
    until = lease.expires_at.isoformat(timespec="seconds").replace("+00:00", "Z")
    told = f"machine ID {lease.machine} lease currently held by {lease.owner}, expires at {until}"
    return Refused(told, Terms(409))


def _named(verb: str) -> str:
    """A verb as in 'it cannot …'."""
    return {"ps": "list processes", "set_metadata": "take metadata"}.get(verb, verb)
