"""Leases on machines: granted by us, so that they can be had for machines on lost hosts too."""

from aiohttp import web

from remediator.api.answers import answer
from remediator.api.bodies import checked, number, read_optional_object
from remediator.api.machine_docs import LeaseDoc, ReleasedDoc, lease_doc
from remediator.api.machines.bodies import LONGEST_LEASE, LeaseIn
from remediator.api.machines.shared import ONE, Desk, nonce_of, who
from remediator.api.requests import Endpoint, Query
from remediator.engine.machines.refusals import Refused, Terms
from remediator.model.asks import LeaseAsk

USUAL_SECONDS = 120
TTL = (Query("ttl", "integer", "Seconds; 120 if it is said neither here nor in the body."),)
LEASE = f"{ONE}/lease"


class LeasesApi:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("GET", LEASE, self.get, "machines.lease", guarded=True, answers=LeaseDoc),
            Endpoint("POST", LEASE, self.take, "machines.lease.take", True, LeaseIn, LeaseDoc, TTL),  # noqa: FBT003
            Endpoint("DELETE", LEASE, self.release, "machines.lease.release", guarded=True, answers=ReleasedDoc),
        ]

    async def get(self, request: web.Request) -> web.Response:
        lease = self._desk.life.lease(self._desk.machine(request).id)
        if lease is None:
            # Clients look for these very words.
            raise Refused("not_found: lease not found", Terms(404))
        return answer(lease_doc(lease))

    async def take(self, request: web.Request) -> web.Response:
        """A new one; with the nonce of the one in force, the same for longer."""
        machine = self._desk.machine(request)
        asked = checked(LeaseIn, await read_optional_object(request))
        seconds = number(request, "ttl", asked.ttl or USUAL_SECONDS, LONGEST_LEASE)
        ask = LeaseAsk(machine.id, seconds, who(request), nonce_of(request), asked.description or "")
        return answer(lease_doc(await self._desk.life.take_lease(ask)))

    async def release(self, request: web.Request) -> web.Response:
        machine = self._desk.machine(request)
        await self._desk.life.release_lease(machine.id, nonce_of(request))
        return answer({"status": "success", "data": {"ok": True}})
