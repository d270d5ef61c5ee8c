"""Reading machines: one, many, their events, versions and routes."""

from collections.abc import Callable

from aiohttp import web

from remediator.api.answers import answer
from remediator.api.bodies import flag, number
from remediator.api.machine_docs import EventDoc, MachineDoc, RouteDoc, VersionDoc
from remediator.api.machines.shared import ALL, ONE, Desk
from remediator.api.requests import Endpoint, Query
from remediator.api.shapes import host_status, machines_of, route_docs, summary_doc
from remediator.model.host import HostStatus
from remediator.model.machine import Machine, MachineState

METADATA = "metadata."
VERSIONS = 50
LEASES = Query("include_leases", "boolean", "Adds the nonce of a lease that is in force.")
FILTERS = (
    Query("include_deleted", "boolean", "Also those that are destroyed, as long as they are remembered."),
    Query("region", "string", "Only those of this region."),
    Query("state", "string", "Only those in one of these states, parted by commas."),
    Query("summary", "boolean", "Leaves out configs, checks, events and images."),
    LEASES,
)
LIMIT = (Query("limit", "integer", "How many, from 1 to 50; 20 if it is not said."),)
Wanted = Callable[[Machine], bool]


class ReadingApi:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def endpoints(self) -> list[Endpoint]:
        events, versions = f"{ONE}/events", f"{ONE}/versions"
        return [
            Endpoint("GET", ALL, self.listed, "machines.list", guarded=True, answers=list[MachineDoc], query=FILTERS),
            Endpoint("GET", ONE, self.get, "machines.get", guarded=True, answers=MachineDoc, query=(LEASES,)),
            Endpoint(
                "GET", events, self.events, "machines.events", guarded=True, answers=list[EventDoc], query=LIMIT
            ),
            Endpoint("GET", versions, self.versions, "machines.versions", guarded=True, answers=list[VersionDoc]),
            Endpoint("GET", "/v1/apps/{app}/routes", self.routes, "routes.list", answers=list[RouteDoc]),
        ]

    async def listed(self, request: web.Request) -> web.Response:
        fleet = self._desk.control.rows()
        fits = [_shown(request), _where(request), _with_metadata(request)]
        mine = machines_of(fleet, request.match_info["app"])
        found = [machine for machine in mine if all(fit(machine) for fit in fits)]
        if flag(request, "summary"):
            return answer([summary_doc(machine, fleet.hosts.get(machine.host)) for machine in found])
        docs = [self._desk.doc(machine) for machine in found]
        return answer([self._desk.with_nonce(doc) for doc in docs] if flag(request, LEASES.name) else docs)

    async def get(self, request: web.Request) -> web.Response:
        doc = self._desk.doc(self._desk.machine(request))
        return answer(self._desk.with_nonce(doc) if flag(request, LEASES.name) else doc)

    async def events(self, request: web.Request) -> web.Response:
        limit = number(request, "limit", 20, 50)
        return answer(self._desk.events(self._desk.machine(request))[:limit])

    async def versions(self, request: web.Request) -> web.Response:
        """The present one as its host has it, earlier ones as the journal has them: scrubbed."""
        machine = self._desk.machine(request)
        host = self._desk.control.rows().hosts.get(machine.host)
        full = self._desk.control.full_config(machine.id) if host_status(host) is HostStatus.OK else None
        present = [{"version": machine.instance_id, "user_config": full or machine.config}]
        before = await self._desk.life.versions(machine.id, VERSIONS)
        return answer(present + [{"version": each["version"], "user_config": each["config"]} for each in before])

    async def routes(self, request: web.Request) -> web.Response:
        return answer(route_docs(self._desk.control.rows(), request.match_info["app"]))


def _shown(request: web.Request) -> Wanted:
    # One public client says yes by the name alone.
    deleted = flag(request, "include_deleted") or request.query.get("include_deleted") == ""
    return lambda machine: deleted or machine.state is not MachineState.DESTROYED


def _where(request: web.Request) -> Wanted:
    region = request.query.get("region", "")
    states = {state for text in request.query.getall("state", []) for state in text.split(",") if state}
    return lambda machine: region in ("", machine.region) and (not states or machine.state.value in states)


def _with_metadata(request: web.Request) -> Wanted:
    named = [(key.removeprefix(METADATA), value) for key, value in request.query.items() if key.startswith(METADATA)]

    def fits(machine: Machine) -> bool:
        known = machine.config.get("metadata") or {}
        return all(known.get(key) == value for key, value in named)

    return fits
