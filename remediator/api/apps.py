"""The Machines API: apps, those that somebody created and those that machines and volumes make."""

import hashlib
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypedDict

from aiohttp import web

from remediator.api.answers import answer
from remediator.api.bodies import app_name, checked, flag, read_object
from remediator.api.control import Control
from remediator.api.requests import Endpoint, Query
from remediator.api.tenants.scopes import Caller, Scope, caller_of
from remediator.api.volumes.bodies import CreateApp
from remediator.engine.machines.refusals import Refused, Terms, not_found
from remediator.model.app import App, AppAsk
from remediator.model.layered import picked
from remediator.model.machine import MachineState
from remediator.model.request import Origin

ALL = "/v1/apps"
ONE = "/v1/apps/{app}"
# The name by which clients mean whatever organisation is their own.
OWN = "personal"


class OrganisationDoc(TypedDict):
    name: str
    slug: str
    internal_numeric_id: int


class AppDoc(TypedDict):
    id: str
    name: str
    internal_numeric_id: int
    network: str
    status: str
    machine_count: int
    volume_count: int
    organization: OrganisationDoc
    app_role: str


class AppsDoc(TypedDict):
    apps: list[AppDoc]
    total_apps: int


LISTED = (Query("org_slug", told="Whose apps; all that the token may see without it."), Query("app_role"))
FORCE = (Query("force", "boolean", "Destroys all its machines and volumes with it."),)


class AppsApi:
    """``organisation`` is whose apps are that nobody created."""

    def __init__(self, control: Control, organisation: str) -> None:
        self._control = control
        self._organisation = organisation
        self._owner = organisation_of(control, organisation)

    def endpoints(self) -> list[Endpoint]:
        any_token = Scope.TOKEN
        return [
            Endpoint("GET", ALL, self.listed, "apps.list", True, None, AppsDoc, LISTED, any_token),  # noqa: FBT003
            Endpoint("POST", ALL, self.create, "apps.create", True, CreateApp, AppDoc, (), any_token),  # noqa: FBT003
            Endpoint("GET", ONE, self.get, "apps.get", guarded=True, answers=AppDoc),
            Endpoint("DELETE", ONE, self.delete, "apps.delete", guarded=True, query=FORCE),
        ]

    async def listed(self, request: web.Request) -> web.Response:
        wanted, role = request.query.get("org_slug", ""), request.query.get("app_role", "")
        caller, rows = caller_of(request), self._control.apps()
        shown = [
            name
            for name, organisation in self._owners().items()
            if self._means(wanted, organisation, caller) and caller.sees(organisation, name)
        ]
        named = [name for name in sorted(shown) if not role or (name in rows and rows[name].role == role)]
        return answer({"apps": self._docs(named), "total_apps": len(named)})

    async def create(self, request: web.Request) -> web.Response:
        asked, caller = checked(CreateApp, await read_object(request)), caller_of(request)
        organisation = self._meant(asked.org_slug or OWN, caller)
        if not caller.sees(organisation, asked.chosen):
            raise Refused("forbidden: this token is another app's", Terms(403, "forbidden"))
        ask = AppAsk(asked.chosen, organisation, asked.network or "default", asked.app_role_id or "", caller.name)
        await self._control.create_app(ask)
        return answer(self._docs([ask.name])[0], 201)

    async def get(self, request: web.Request) -> web.Response:
        app = request.match_info["app"]
        if not self._owner(app):
            raise not_found("app")
        return answer(self._docs([app])[0])

    async def delete(self, request: web.Request) -> web.Response:
        app, caller = app_name(request), caller_of(request)
        if not self._owner(app):
            raise not_found("app")
        origin = Origin.OWNER if caller.is_tenant else Origin.OPERATOR
        await self._control.delete_app(app, force=flag(request, "force"), origin=origin, who=caller.name)
        return web.Response(status=202)

    def _meant(self, organisation: str, caller: Caller) -> str:
        """The organisation that a caller names."""
        own = caller.organisation or self._organisation
        meant = own if organisation == OWN else organisation
        if caller.is_tenant and meant != own:
            raise not_found("organization")
        return meant

    def _means(self, wanted: str, organisation: str, caller: Caller) -> bool:
        own = caller.organisation or self._organisation
        return not wanted or organisation == (own if wanted == OWN else wanted)

    def _owners(self) -> dict[str, str]:
        """Every app and whose it is."""
        fleet, rows = self._control.fleet(), self._control.apps()
        standing = (each.app for each in fleet.machines.values() if each.state is not MachineState.DESTROYED)
        implied = {*standing, *(volume.app for volume in fleet.volumes.values())}
        created = [app for app in rows.values() if app.deleted_at is None or app.name in implied]
        return dict.fromkeys(implied, self._organisation) | {app.name: app.organisation for app in created}

    def _docs(self, names: Iterable[str]) -> list[AppDoc]:
        rows, fleet = self._control.apps(), self._control.fleet()
        return [self._doc(name, rows.get(name), len(picked(fleet.volumes, "app", name))) for name in names]

    def _doc(self, name: str, row: App | None, volumes: int) -> AppDoc:
        mine = self._control.fleet().machines_of(name)
        standing = [machine for machine in mine if machine.state is not MachineState.DESTROYED]
        return {
            "id": name,
            "name": name,
            "internal_numeric_id": numeric_id(name),
            "network": row.network if row else "default",
            "status": "deployed" if standing else "pending",
            "machine_count": len(standing),
            "volume_count": volumes,
            "organization": organisation_doc(row.organisation if row else self._organisation),
            "app_role": row.role if row else "",
        }


def organisation_of(control: Control, default: str) -> Callable[[str], str]:
    """Whose an app is, empty where there is no such app; ``default`` has those that nobody created.

    What is there and what is not takes the same steps: time tells nobody of another's apps.
    """

    def owner(app: str) -> str:
        row, fleet = control.apps().get(app), control.rows()
        there = any(machine.state is not MachineState.DESTROYED for machine in picked(fleet.machines, "app", app))
        stands = bool(picked(fleet.volumes, "app", app)) or there
        if row and row.deleted_at is None:
            return row.organisation
        return (row.organisation if row else default) if stands else ""

    return owner


def began_of(control: Control, app: str) -> datetime | None:
    """Since when an app is whose it is; None for one that nobody created."""
    row = control.apps().get(app)
    return row.created_at if row else None


def organisation_doc(slug: str) -> OrganisationDoc:
    return {"name": slug, "slug": slug, "internal_numeric_id": numeric_id(slug)}


def numeric_id(name: str) -> int:
    """Always the same for a name; clients want a small number."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=3).digest(), "big")
