"""The Machines API: machines, their events and routes."""

from collections.abc import Callable
from typing import Any

from aiohttp import web

from remediator.api.answers import answer
from remediator.api.bodies import (
    CreateMachine,
    app_name,
    checked,
    flag,
    number,
    read_object,
    read_optional_object,
)
from remediator.api.control import Control, LaunchAsk
from remediator.api.requests import Endpoint
from remediator.api.shapes import event_docs, host_status, machine_doc, machines_of, route_docs
from remediator.engine.refusals import not_found
from remediator.model.errors import TransientError
from remediator.model.host import HostStatus
from remediator.model.machine import Machine, MachineState
from remediator.model.request import Origin

ALL = "/v1/apps/{app}/machines"
ONE = "/v1/apps/{app}/machines/{id}"


class MachinesApi:
    """Answers from the fleet as it is now; writes go to the control.

    Configs hold secrets, so reads need the token as writes do; routes alone are for anybody.
    """

    def __init__(self, control: Control) -> None:
        self._control = control

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("GET", ALL, self.listed, "machines.list", guarded=True),
            Endpoint("POST", ALL, self.create, "machines.create", guarded=True),
            Endpoint("GET", ONE, self.get, "machines.get", guarded=True),
            Endpoint("DELETE", ONE, self.destroy, "machines.destroy", guarded=True),
            Endpoint("POST", f"{ONE}/start", self.start, "machines.start", guarded=True),
            Endpoint("POST", f"{ONE}/stop", self.stop, "machines.stop", guarded=True),
            Endpoint("GET", f"{ONE}/events", self.events, "machines.events", guarded=True),
            Endpoint("GET", "/v1/apps/{app}/routes", self.routes, "routes.list"),
        ]

    async def listed(self, request: web.Request) -> web.Response:
        fleet = self._control.fleet()
        machines = machines_of(fleet, request.match_info["app"])
        wanted = _filter(request)
        return answer([self._doc(machine) for machine in machines if wanted(machine)])

    async def create(self, request: web.Request) -> web.Response:
        app = app_name(request)
        body = await read_object(request)
        asked = checked(CreateMachine, body)
        # The config goes on exactly as it was sent: what we do not check, its host may still read.
        config = body["config"]
        ask = LaunchAsk(app, config, asked.name or "", asked.region or "", start=not asked.skip_launch)
        machine = await self._control.create_machine(ask)
        return answer(self._doc(machine, fallback=config))

    async def get(self, request: web.Request) -> web.Response:
        return answer(self._doc(self._machine(request)))

    async def destroy(self, request: web.Request) -> web.Response:
        # One name is the documentation's, the other what the public clients send.
        force = flag(request, "force") or flag(request, "kill")
        machine = self._machine(request)
        await self._control.destroy_machine(machine.id, force=force, origin=Origin.OPERATOR, who="operator token")
        return answer({"ok": True})

    async def start(self, request: web.Request) -> web.Response:
        was = self._machine(request)
        await read_optional_object(request)
        await self._control.start_machine(was.id)
        return answer({"previous_state": was.state, "migrated": False, "new_host": ""})

    async def stop(self, request: web.Request) -> web.Response:
        machine = self._machine(request)
        await read_optional_object(request)
        await self._control.stop_machine(machine.id)
        return answer({"ok": True})

    async def events(self, request: web.Request) -> web.Response:
        limit = number(request, "limit", 20, 50)
        return answer(event_docs(self._machine(request))[:limit])

    async def routes(self, request: web.Request) -> web.Response:
        return answer(route_docs(self._control.fleet(), request.match_info["app"]))

    def _machine(self, request: web.Request) -> Machine:
        machine = self._control.fleet().machines.get(request.match_info["id"])
        if machine is None or machine.app != request.match_info["app"]:
            raise not_found("machine")
        return machine

    def _doc(self, machine: Machine, fallback: dict[str, Any] | None = None) -> dict[str, Any]:
        host = self._control.fleet().hosts.get(machine.host)
        if host_status(host) is not HostStatus.OK:
            return machine_doc(machine, host, None)
        full = self._control.full_config(machine.id) or fallback
        if full is None and machine.alive:
            # A null config says "host not ok", and clients replace what looks lost: better no answer yet.
            raise TransientError("the machine's config is still on its way from its host")
        # What is gone has no full config anywhere: the scrubbed copy is all there ever will be.
        return machine_doc(machine, host, machine.config if full is None else full)


def _filter(request: web.Request) -> Callable[[Machine], bool]:
    """The query's ``include_deleted``, ``region`` and ``state`` (several, parted by commas)."""
    deleted, region = flag(request, "include_deleted"), request.query.get("region", "")
    states = {state for state in request.query.get("state", "").split(",") if state}

    def wanted(machine: Machine) -> bool:
        shown = deleted or machine.state is not MachineState.DESTROYED
        return shown and region in ("", machine.region) and (not states or machine.state.value in states)

    return wanted
