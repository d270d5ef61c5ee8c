"""The public listener (loopback): Machines API, status page, service discovery, metrics, internal state."""

from collections.abc import Callable, Iterable
from functools import partial

from aiohttp import web

from remediator.api.answers import answer, answer_errors
from remediator.api.apps import AppsApi, began_of, organisation_of
from remediator.api.bodies import wrong
from remediator.api.control import Control
from remediator.api.discovery import MachineTargetsApi, VantagePlace
from remediator.api.elsewhere import elsewhere
from remediator.api.explaining.routes import ExplainApi
from remediator.api.machines import MachinesApi
from remediator.api.openapi import openapi_endpoint
from remediator.api.orgs import OrgsApi
from remediator.api.page import StatusPage
from remediator.api.people.operators import DiscoveryApi, OperatorsApi
from remediator.api.people.routes import PeopleApi
from remediator.api.placements import PlacementsApi
from remediator.api.reconcile import ReconcileApi
from remediator.api.requests import Endpoint, RequestCounter
from remediator.api.settings import PublicSettings
from remediator.api.state.feed import StateFeed
from remediator.api.tenants.audit import AuditApi, audited, request_ids
from remediator.api.tenants.auth import Ground, token_guard
from remediator.api.tenants.limits import limited
from remediator.api.tenants.tokens import TokensApi
from remediator.api.volumes.routes import VolumesApi

LARGEST_BODY = 1024 * 1024
DIGITS_OF_A_SEQUENCE = 19


def build_public_app(
    control: Control,
    settings: PublicSettings,
    *,
    operator_token: str,
    requests: RequestCounter,
    metrics_text: Callable[[], bytes],
    vantages: Callable[[], Iterable[VantagePlace]] = tuple,
    alerts: Iterable[Endpoint] = (),
) -> web.Application:
    """Everything that clients, people, the store and the exporter ask; ``metrics_text`` is our own page.

    ``alerts`` are the endpoints by which alerts come in and are listed.
    """
    owner, tenancy = organisation_of(control, settings.organisation), settings.tenancy
    endpoints = [
        *StatusPage().endpoints(),
        # Before the machines': its list of apps has a path of its own among theirs.
        *PeopleApi(control).endpoints(),
        *_tenants(control, settings),
        *OperatorsApi(control, settings).endpoints(),
        *ExplainApi(control, owner).endpoints(),
        *DiscoveryApi(control, settings, vantages).endpoints(),
        *MachineTargetsApi(control, settings, owner).endpoints(),
        *ReconcileApi(control).endpoints(),
        *TokensApi(control, tenancy.tokens).endpoints(),
        *AuditApi(tenancy.audit, partial(began_of, control)).endpoints(),
        *alerts,
        *_internal(StateFeed(control, requests, settings.deploys), metrics_text),
    ]
    endpoints.append(openapi_endpoint(endpoints, settings.version))
    guard = token_guard(endpoints, Ground(operator_token, tenancy.tokens, owner, tenancy.onlookers))
    named, noted = (door(endpoints, tenancy.audit, control.now) for door in (request_ids, audited))
    # Outermost first: the counter sees what the client sees, errors are shaped before that.
    doors = [named, requests.middleware(endpoints), answer_errors, guard, limited(endpoints, tenancy.limiter), noted]
    return routed(endpoints, web.Application(middlewares=doors, client_max_size=LARGEST_BODY))


def _tenants(control: Control, settings: PublicSettings) -> list[Endpoint]:
    """The Machines API."""
    return [
        *MachinesApi(control).endpoints(),
        *VolumesApi(control).endpoints(),
        *AppsApi(control, settings.organisation).endpoints(),
        *OrgsApi(control, settings.organisation).endpoints(),
        *PlacementsApi(control).endpoints(),
        *elsewhere(),
    ]


def routed(endpoints: list[Endpoint], app: web.Application) -> web.Application:
    """The application with the endpoints added."""
    for each in endpoints:
        if each.method == "GET":
            app.router.add_get(each.path, each.handler)
        else:
            app.router.add_route(each.method, each.path, each.handler)
    return app


def _internal(feed: StateFeed, metrics_text: Callable[[], bytes]) -> list[Endpoint]:
    async def state(request: web.Request) -> web.Response:
        since, incarnation = _sequence(request), request.query.get("incarnation")
        # Exporters of the version before ours do not name themselves, and know no pages.
        if incarnation is None:
            return web.Response(body=await feed.whole(since), content_type="application/json")
        return answer(await feed.delta(incarnation, since))

    async def metrics(_: web.Request) -> web.Response:
        headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        return web.Response(body=metrics_text(), headers=headers)

    return [Endpoint("GET", "/internal/state", state), Endpoint("GET", "/metrics", metrics)]


def _sequence(request: web.Request) -> int:
    text = request.query.get("since", "0")
    if not (text.isascii() and text.isdigit() and len(text) <= DIGITS_OF_A_SEQUENCE):
        raise wrong("since: must be a sequence number")
    return int(text)
