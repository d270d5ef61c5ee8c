"""Where people and programs ask why: explanations and whatif, as JSON and as a page."""

from aiohttp import web

from remediator.api.answers import answer
from remediator.api.control import Control
from remediator.api.explain import Explanation, Scene, explain
from remediator.api.explain_page import explain_page
from remediator.api.requests import Endpoint
from remediator.api.whatif import whatif_doc
from remediator.engine.refusals import not_found

EXPLAINED_DECISIONS = 500


class ExplainApi:
    """Reads only; open on the loopback as the status is."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("GET", "/v1/explain/{id}", self.explain, "explain.get"),
            Endpoint("GET", "/api/v1/explain/{id}", self.explain, "explain.get"),
            Endpoint("GET", "/explain/{id}", self.page),
            Endpoint("GET", "/v1/whatif", self.whatif, "whatif.get"),
        ]

    async def explain(self, request: web.Request) -> web.Response:
        return answer(self._told(request.match_info["id"]))

    async def page(self, request: web.Request) -> web.Response:
        page = explain_page(self._told(request.match_info["id"]), self._control.now())
        return web.Response(text=page.text, content_type="text/html", headers=page.headers)

    async def whatif(self, _: web.Request) -> web.Response:
        return answer(whatif_doc(self._control.outlook()))

    def _told(self, identifier: str) -> Explanation:
        control = self._control
        scene = Scene(
            control.fleet(),
            control.decisions(EXPLAINED_DECISIONS),
            control.holds(),
            control.now(),
            control.assumed(),
            control.outlook().fates,
        )
        told = explain(identifier, scene, control.decision(identifier))
        if told is None:
            raise not_found("a decision, host, machine or target of that name")
        return told
