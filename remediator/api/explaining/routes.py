"""Where people and programs ask why: explanations and whatif, as JSON and as a page."""

from collections.abc import Callable

from aiohttp import web

from remediator.api.answers import answer
from remediator.api.control import Control
from remediator.api.explaining.explain import Explanation, Scene, explain, explain_to_owner
from remediator.api.explaining.page import explain_page
from remediator.api.explaining.whatif import whatif_doc
from remediator.api.requests import Endpoint
from remediator.api.tenants.scopes import Caller, Scope, caller_of
from remediator.engine.machines.refusals import not_found

EXPLAINED_DECISIONS = 500


class ExplainApi:
    """Reads only; open on the loopback as the status is. A tenant is told of its own machines alone."""

    def __init__(self, control: Control, organisation_of: Callable[[str], str]) -> None:
        self._control = control
        self._organisation_of = organisation_of

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("GET", "/v1/explain/{id}", self.explain, "explain.get", scope=Scope.TOKEN),
            Endpoint("GET", "/api/v1/explain/{id}", self.explain, "explain.get", scope=Scope.TOKEN),
            Endpoint("GET", "/explain/{id}", self.page, scope=Scope.TOKEN),
            Endpoint("GET", "/v1/whatif", self.whatif, "whatif.get"),
        ]

    async def explain(self, request: web.Request) -> web.Response:
        return answer(self._told(request.match_info["id"], caller_of(request)))

    async def page(self, request: web.Request) -> web.Response:
        told = self._told(request.match_info["id"], caller_of(request))
        page = explain_page(told, self._control.now())
        return web.Response(text=page.text, content_type="text/html", headers=page.headers)

    async def whatif(self, _: web.Request) -> web.Response:
        return answer(whatif_doc(self._control.outlook()))

    def _told(self, identifier: str, caller: Caller) -> Explanation:
        told = self._for_tenant(identifier, caller) if caller.is_tenant else self._whole(identifier)
        if told is None:
            raise not_found("a decision, host, machine or target of that name")
        return told

    def _for_tenant(self, identifier: str, caller: Caller) -> Explanation | None:
        fleet = self._control.fleet()
        machine = fleet.machines.get(identifier)
        if machine is None or not caller.sees(self._organisation_of(machine.app), machine.app):
            return None
        return explain_to_owner(machine, Scene(fleet, (), (), self._control.now()))

    def _whole(self, identifier: str) -> Explanation | None:
        control = self._control
        scene = Scene(
            control.fleet(),
            control.decisions(EXPLAINED_DECISIONS),
            control.holds(),
            control.now(),
            control.assumed(),
            control.outlook().fates,
        )
        return explain(identifier, scene, control.decision(identifier))
