"""What people ask beside the Machines API: status, decisions, explanations, tokens, freezes, targets, health."""

from collections.abc import Callable, Iterable

from aiohttp import web

from remediator.api.answers import answer
from remediator.api.bodies import TokenFor, checked, number, read_object
from remediator.api.control import Control
from remediator.api.discovery import VantagePlace, host_targets, plain_targets, probe_targets
from remediator.api.requests import Endpoint, Query
from remediator.api.settings import PublicSettings
from remediator.api.status import decision_doc, status_doc
from remediator.api.tenants.scopes import Scope
from remediator.engine.machines.refusals import not_found


class OperatorsApi:
    """Reads are open on the loopback; join tokens need the operator's token, freezes the operator's signature."""

    def __init__(self, control: Control, settings: PublicSettings) -> None:
        self._control = control
        self._settings = settings

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("GET", "/v1/status", self.status, "status.get"),
            Endpoint("GET", "/v1/decisions", self.decisions, "decisions.list", query=(Query("limit", "integer"),)),
            # Not guarded: it is for whoever keeps it elsewhere, and holds nothing but hashes.
            Endpoint("GET", "/v1/journal/head", self.journal_head, scope=Scope.ANYONE),
            Endpoint("POST", "/v1/join-tokens", self.join_token, "join_tokens.create", guarded=True, body=TokenFor),
            # Not guarded: the statement carries its own authority, and must work where the token is not.
            Endpoint("POST", "/v1/freeze", self.freeze, "freeze.create", scope=Scope.ANYONE),
            # Not guarded on the loopback, as everywhere: it reads what is on the disk, and nothing of the request.
            Endpoint("POST", "/-/reload", self.reload),
            Endpoint("GET", "/healthz", healthz, scope=Scope.ANYONE),
            Endpoint("GET", "/readyz", self.readyz, scope=Scope.ANYONE),
        ]

    async def status(self, _: web.Request) -> web.Response:
        return answer(status_doc(self._control, self._settings.version))

    async def decisions(self, request: web.Request) -> web.Response:
        limit = number(request, "limit", 50, 1000)
        return answer([decision_doc(each) for each in self._control.decisions(limit)])

    async def journal_head(self, _: web.Request) -> web.Response:
        """The signed end of the journal's chain, as `fleetmend verify-journal --head` takes it."""
        return answer(self._control.journal_head())

    async def join_token(self, request: web.Request) -> web.Response:
        asked = checked(TokenFor, await read_object(request))
        token = await self._control.mint_join_token(asked.name, asked.kind)
        return answer({"name": asked.name, "token": token}, 201)

    async def freeze(self, request: web.Request) -> web.Response:
        await self._control.freeze(await read_object(request))
        return answer({"frozen": self._control.frozen()})

    async def reload(self, _: web.Request) -> web.Response:
        """200 with the set in force; 500 with everything that is wrong with the newer one, which changes nothing."""
        rules = await self._control.reload()
        return answer(rules, 500 if rules.refused else 200)

    async def readyz(self, _: web.Request) -> web.Response:
        reasons, degraded = self._control.unready(), self._control.degraded()
        return answer({"ready": not reasons, "reasons": reasons, "degraded": degraded}, 503 if reasons else 200)


async def healthz(_: web.Request) -> web.Response:
    return web.Response(text="ok")


class DiscoveryApi:
    """`/sd/{job}` for the metrics store's http_sd."""

    def __init__(
        self, control: Control, settings: PublicSettings, vantages: Callable[[], Iterable[VantagePlace]]
    ) -> None:
        self._control = control
        self._settings = settings
        self._vantages = vantages

    def endpoints(self) -> list[Endpoint]:
        return [Endpoint("GET", "/sd/{job}", self.targets)]

    async def targets(self, request: web.Request) -> web.Response:
        match request.match_info["job"]:
            case "host":
                found = host_targets(self._control.fleet())
            case "probe":
                found = probe_targets(self._vantages())
            case "orchestrator":
                found = plain_targets(self._settings.orchestrator_targets)
            case "remediator":
                found = plain_targets(self._settings.remediator_targets)
            case _:
                raise not_found("job")
        headers = {"X-Prometheus-Refresh-Interval-Seconds": str(self._settings.refresh_seconds)}
        return answer(found, headers=headers)
