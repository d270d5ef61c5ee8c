"""`/v1/people/…`: what people say and what stands of it; saying needs the operator's token, reading does not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aiohttp import web

from remediator.api.answers import answer
from remediator.api.apps import began_of
from remediator.api.bodies import checked, number, read_object, wrong
from remediator.api.control import Control
from remediator.api.people import docs as people_docs
from remediator.api.people.bodies import (
    AcceptIn,
    ApproveIn,
    DenyIn,
    EndMaintenanceIn,
    HoldIn,
    MaintenanceIn,
    ReleaseIn,
    RemoveIn,
    RetireIn,
    SaidIn,
    TakeOverIn,
    TrustIn,
    UndoIn,
    UnholdIn,
    UnquarantineIn,
)
from remediator.api.requests import Endpoint
from remediator.api.tenants.audit import since
from remediator.api.tenants.scopes import caller_of
from remediator.model.fleet import Fleet


@dataclass(frozen=True, slots=True)
class Verb:
    """How a word is read: whether it must say why, and how long it lasts where no end is named."""

    body: type[SaidIn]
    needs_why: bool = False
    default: timedelta | None = None


VERBS: Mapping[str, Verb] = {
    "approve": Verb(ApproveIn),
    "deny": Verb(DenyIn, needs_why=True),
    "hold": Verb(HoldIn, needs_why=True),
    "unhold": Verb(UnholdIn),
    "release": Verb(ReleaseIn, needs_why=True, default=timedelta(hours=1)),
    "maintenance": Verb(MaintenanceIn, needs_why=True),
    "maintenance/end": Verb(EndMaintenanceIn),
    "retire": Verb(RetireIn, needs_why=True),
    "undo": Verb(UndoIn, needs_why=True, default=timedelta(hours=1)),
    "hosts/remove": Verb(RemoveIn, needs_why=True),
    "hosts/accept": Verb(AcceptIn, needs_why=True),
    "unquarantine": Verb(UnquarantineIn, needs_why=True),
    "machines/take-over": Verb(TakeOverIn, needs_why=True),
    "trust": Verb(TrustIn, needs_why=True),
}
LISTS: Mapping[str, Callable[[Fleet, Any], list[dict[str, Any]]]] = {
    "questions": people_docs.questions,
    "holds": people_docs.holds,
    "releases": people_docs.releases,
    "incidents": people_docs.incidents,
    "maintenance": people_docs.maintenance,
    "leaving": people_docs.leaving,
    "identities": people_docs.identities,
}


class PeopleApi:
    """One endpoint a word, one a list."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def endpoints(self) -> list[Endpoint]:
        said = [
            Endpoint("POST", f"/v1/people/{name}", self._hearing(verb), f"people.{_named(name)}", True, verb.body)  # noqa: FBT003
            for name, verb in VERBS.items()
        ]
        lists = [Endpoint("GET", f"/v1/people/{name}", self._listing(name), "people.list") for name in LISTS]
        more = [
            Endpoint("GET", "/v1/people/said", self.said, "people.said"),
            Endpoint("GET", "/v1/apps/single", self.single, "apps.single"),
            Endpoint("GET", "/v1/apps/{app}/unsealings", self.unsealings, "apps.unsealings", guarded=True),
        ]
        return [*said, *lists, *more]

    async def single(self, _: web.Request) -> web.Response:
        return answer(people_docs.single(self._control.fleet()))

    async def said(self, request: web.Request) -> web.Response:
        return answer(await self._control.said(number(request, "limit", 50, 1000)))

    async def unsealings(self, request: web.Request) -> web.Response:
        limit = number(request, "limit", 50, 1000)
        app = request.match_info["app"]
        told = await self._control.unsealings(app, limit)
        return answer(told if caller_of(request).is_operator else since(told, began_of(self._control, app)))

    def _hearing(self, verb: Verb) -> Callable[[web.Request], Any]:
        async def hear(request: web.Request) -> web.Response:
            body = checked(verb.body, await read_object(request))
            if verb.needs_why and not body.why:
                raise wrong("why: say why, for whoever reads it at night")
            return answer(await self._control.hear(body.said(self._control.now(), verb.default)))

        return hear

    def _listing(self, name: str) -> Callable[[web.Request], Any]:
        async def listed(_: web.Request) -> web.Response:
            return answer(LISTS[name](self._control.fleet(), self._control.now()))

        return listed


def _named(path: str) -> str:
    return path.replace("/", "_").replace("-", "_")
