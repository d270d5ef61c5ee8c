"""What every family of the machines' endpoints needs: the machine of a request, its JSON, and who asks."""

from typing import Any

from aiohttp import web

from remediator.api.control import Control
from remediator.api.life_control import MachineLife
from remediator.api.machine_docs import EventDoc, MachineDoc
from remediator.api.machines.standing import standing_docs
from remediator.api.shapes import event_docs, machine_doc, status_of
from remediator.api.tenants.scopes import Caller, caller_of
from remediator.engine.machines.refusals import not_found
from remediator.model.errors import TransientError
from remediator.model.host import HostStatus
from remediator.model.machine import Machine
from remediator.model.request import Origin

ALL = "/v1/apps/{app}/machines"
ONE = "/v1/apps/{app}/machines/{id}"
NONCE = "fly-machine-lease-nonce"


class Desk:
    """The control, as the machines' endpoints ask it."""

    def __init__(self, control: Control) -> None:
        self.control = control

    @property
    def life(self) -> MachineLife:
        return self.control.life

    def machine(self, request: web.Request) -> Machine:
        """The machine of the request's path, if it is its app's."""
        machine = self.control.rows().machines.get(request.match_info["id"])
        if machine is None or machine.app != request.match_info["app"]:
            raise not_found("machine")
        return machine

    def doc(self, machine: Machine, fallback: dict[str, Any] | None = None) -> MachineDoc:
        """One machine; ``fallback`` is its full config where we have just been told it."""
        host = self.control.rows().hosts.get(machine.host)
        if status_of(machine, host) is not HostStatus.OK:
            doc = machine_doc(machine, host, None)
            doc["events"] = self.events(machine)
            return doc
        full = self.control.full_config(machine.id) or fallback
        if full is None and machine.alive:
            # A null config says "host not ok", and clients replace what looks lost: better no answer yet.
            raise TransientError("the machine's config is still on its way from its host")
        # What is gone has no full config anywhere: the scrubbed copy is all there ever will be.
        return machine_doc(machine, host, machine.config if full is None else full)

    def events(self, machine: Machine) -> list[EventDoc]:
        """What is written on it; above that, the hold that keeps its host's machines where they are."""
        host = self.control.rows().hosts.get(machine.host)
        return [*standing_docs(machine, host, self.control.holds_of), *event_docs(machine)]

    def with_nonce(self, doc: MachineDoc) -> MachineDoc:
        """The same with the nonce of the lease that is in force on it."""
        lease = self.life.lease(doc["id"])
        if lease:
            doc["nonce"] = lease.nonce
        return doc


def nonce_of(request: web.Request) -> str:
    return request.headers.get(NONCE, "")


def origin_of(caller: Caller) -> Origin:
    return Origin.OWNER if caller.is_tenant else Origin.OPERATOR


def who(request: web.Request) -> str:
    return caller_of(request).name
