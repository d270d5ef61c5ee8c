"""The end of machines, and its taking back as long as it was not sent."""

from aiohttp import web

from remediator.api.answers import answer
from remediator.api.bodies import flag, read_optional_object
from remediator.api.machine_docs import MachineDoc, OkDoc
from remediator.api.machines.shared import ONE, Desk, nonce_of, origin_of, who
from remediator.api.requests import Endpoint, Query
from remediator.api.tenants.scopes import caller_of

FORCE = (
    Query("force", "boolean", "Also while it runs, and where its host is unreachable."),
    Query("kill", "boolean", "The same, as clients send it."),
)


class EndingApi:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def endpoints(self) -> list[Endpoint]:
        back = f"{ONE}/undestroy"
        return [
            Endpoint("DELETE", ONE, self.destroy, "machines.destroy", guarded=True, answers=OkDoc, query=FORCE),
            Endpoint("POST", back, self.undestroy, "machines.undestroy", guarded=True, answers=MachineDoc),
        ]

    async def destroy(self, request: web.Request) -> web.Response:
        # One name is the documentation's, the other what the public clients send.
        force = flag(request, "force") or flag(request, "kill")
        machine, caller = self._desk.machine(request), caller_of(request)
        await self._desk.control.destroy_machine(
            machine.id, force=force, origin=origin_of(caller), who=caller.name, nonce=nonce_of(request)
        )
        return answer({"ok": True})

    async def undestroy(self, request: web.Request) -> web.Response:
        machine = self._desk.machine(request)
        await read_optional_object(request)
        return answer(self._desk.doc(await self._desk.life.undestroy(machine.id, who(request))))
