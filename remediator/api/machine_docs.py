"""The Machines API's JSON around machines: shapes that readers of the API rely on."""

from datetime import datetime
from typing import Any, NotRequired, TypedDict

from remediator.model.host import HostStatus
from remediator.model.machine import MachineState
from remediator.model.machine_lease import MachineLease


class EventDoc(TypedDict):
    """``timestamp`` in milliseconds; ``request`` is there for the end of a process."""

    id: str
    type: str
    status: str
    source: str
    timestamp: int
    text: str
    request: NotRequired[dict[str, Any]]


class CheckDoc(TypedDict):
    name: str
    status: str
    output: str
    updated_at: datetime


class MachineDoc(TypedDict):
    """``config`` is null exactly when the host is not ok, ``incomplete_config`` exactly when it is.

    A summary leaves out both, and what is told of checks, events and image.
    """

    id: str
    name: str
    state: MachineState
    region: str
    instance_id: str
    version: str
    private_ip: str
    created_at: datetime
    updated_at: datetime
    host_status: HostStatus
    cordoned: bool
    image_ref: NotRequired[dict[str, Any]]
    config: NotRequired[dict[str, Any] | None]
    incomplete_config: NotRequired[dict[str, Any] | None]
    events: NotRequired[list[EventDoc]]
    checks: NotRequired[list[CheckDoc]]
    nonce: NotRequired[str]


class OkDoc(TypedDict):
    ok: bool


class StartedDoc(TypedDict):
    previous_state: MachineState
    migrated: bool
    new_host: str


class WaitedDoc(TypedDict):
    ok: bool
    state: MachineState
    version: str
    event_id: str


class VersionDoc(TypedDict):
    version: str
    user_config: dict[str, Any] | None


class ExecDoc(TypedDict):
    exit_code: int
    stdout: str
    stderr: str
    exit_signal: NotRequired[int]


class SocketDoc(TypedDict):
    proto: str
    address: str


class ProcessDoc(TypedDict):
    """Memory in bytes, times in milliseconds: ``cpu`` in all, ``stime`` of the kernel, ``rtime`` since it began."""

    pid: int
    command: str
    directory: str
    rss: int
    cpu: int
    stime: int
    rtime: int
    listen_sockets: list[SocketDoc]


class LeaseData(TypedDict):
    """``expires_at`` in seconds since 1970; ``version`` is the machine's instance_id."""

    nonce: str
    expires_at: int
    owner: str
    description: str
    version: str


class LeaseDoc(TypedDict):
    status: str
    data: LeaseData


class ReleasedDoc(TypedDict):
    status: str
    data: OkDoc


class ValueDoc(TypedDict):
    value: str


class RouteDoc(TypedDict):
    machine: str
    name: str
    host: str
    region: str
    address: str
    port: int
    url: str


def lease_doc(lease: MachineLease) -> LeaseDoc:
    """As clients read it, whatever the public specification says: wrapped."""
    data: LeaseData = {
        "nonce": lease.nonce,
        "expires_at": int(lease.expires_at.timestamp()),
        "owner": lease.owner,
        "description": lease.description,
        "version": lease.version,
    }
    return {"status": "success", "data": data}
