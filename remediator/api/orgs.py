"""The Machines API: all machines and all volumes of an organisation, page by page."""

import base64
import binascii
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import nsmallest
from typing import Any, TypedDict, TypeVar

from aiohttp import web

from remediator.api.answers import answer
from remediator.api.apps import organisation_of
from remediator.api.bodies import flag, wrong
from remediator.api.control import Control
from remediator.api.requests import Endpoint, Query
from remediator.api.shapes import status_of
from remediator.api.tenants.scopes import Scope, caller_of
from remediator.api.volumes.docs import VolumeDoc, volume_doc
from remediator.model.host import Host, HostStatus
from remediator.model.machine import Machine, MachineState, Volume

MOST_MACHINES = 2000
MOST_VOLUMES = 1000
# What of a machine's scrubbed config is told here.
OVERVIEW = ("guest", "image", "metadata")
QUERY = (
    Query("include_deleted", "boolean"),
    Query("region"),
    Query("state", told="Several are parted by commas."),
    Query("summary", "boolean"),
    Query("updated_after", told="A moment in RFC 3339."),
    Query("cursor", told="next_cursor of the page before; it wins over updated_after."),
    Query("limit", "integer", "Larger ones give the largest page."),
)
# When it changed, and its id.
Mark = tuple[datetime, str]
T = TypeVar("T", Machine, Volume)


class OrgMachineDoc(TypedDict, total=False):
    app_name: str
    id: str
    name: str
    state: str
    region: str
    private_ip: str
    instance_id: str
    version: str
    created_at: datetime
    updated_at: datetime
    host_status: HostStatus
    config: dict[str, Any]


class OrgVolumeDoc(VolumeDoc):
    app_name: str


class OrgMachinesDoc(TypedDict):
    machines: list[OrgMachineDoc]
    next_cursor: str
    last_machine_id: str
    last_updated_at: str


class OrgVolumesDoc(TypedDict):
    volumes: list[OrgVolumeDoc]
    next_cursor: str
    last_volume_id: str
    last_updated_at: str


class TokenInfoDoc(TypedDict):
    """Whose a token is; empty for an operator's."""

    token_id: str
    user: str
    org_slug: str
    organization: str
    apps: list[str]


class CurrentDoc(TypedDict):
    tokens: list[TokenInfoDoc]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which page of what; ``after`` is the last that was told before."""

    after: Mark | None
    deleted: bool
    region: str
    states: frozenset[str]
    limit: int

    def shows(self, mark: Mark, region: str, state: str) -> bool:
        new = self.after is None or mark > self.after
        return new and self.region in ("", region) and (not self.states or state in self.states)


class OrgsApi:
    """Oldest change first: whoever goes through the pages while things change sees some twice, and misses none."""

    def __init__(self, control: Control, organisation: str) -> None:
        self._control = control
        self._owner = organisation_of(control, organisation)

    def endpoints(self) -> list[Endpoint]:
        machines, volumes = "/v1/orgs/{org}/machines", "/v1/orgs/{org}/volumes"
        return [
            Endpoint("GET", machines, self.machines, "orgs.machines", True, None, OrgMachinesDoc, QUERY),  # noqa: FBT003
            Endpoint("GET", volumes, self.volumes, "orgs.volumes", True, None, OrgVolumesDoc, QUERY),  # noqa: FBT003
            Endpoint("GET", "/v1/tokens/current", self.token, guarded=True, answers=CurrentDoc, scope=Scope.TOKEN),
        ]

    async def machines(self, request: web.Request) -> web.Response:
        wanted, fleet = _wanted(request, MOST_MACHINES), self._control.fleet()
        mine = self._mine(request.match_info["org"], fleet.machines.values())
        shown = [each for each in mine if _shown(each, wanted)]
        page, cursor = _page(shown, wanted, _machine_mark)
        summary = flag(request, "summary")
        docs = [_machine_doc(each, fleet.hosts.get(each.host), summary=summary) for each in page]
        last = page[-1] if page else None
        told = {"last_machine_id": last.id if last else "", "last_updated_at": last.updated_at if last else ""}
        return answer({"machines": docs, "next_cursor": cursor, **told})

    async def volumes(self, request: web.Request) -> web.Response:
        wanted, fleet = _wanted(request, MOST_VOLUMES), self._control.fleet()
        mine = self._mine(request.match_info["org"], fleet.volumes.values())
        shown = [each for each in mine if wanted.shows(_volume_mark(each), each.region, each.state)]
        page, cursor = _page(shown, wanted, _volume_mark)
        summary = flag(request, "summary")
        docs = [
            {**volume_doc(each, fleet.hosts.get(each.host), summary=summary), "app_name": each.app} for each in page
        ]
        last = page[-1] if page else None
        told = {"last_volume_id": last.id if last else "", "last_updated_at": _volume_mark(last)[0] if last else ""}
        return answer({"volumes": docs, "next_cursor": cursor, **told})

    async def token(self, request: web.Request) -> web.Response:
        caller = caller_of(request)
        slug, apps = caller.organisation, [caller.app] if caller.app else []
        told = {"token_id": caller.key, "user": caller.name, "org_slug": slug, "organization": slug, "apps": apps}
        return answer({"tokens": [told]})

    def _mine(self, organisation: str, every: Iterable[T]) -> list[T]:
        """Those of the organisation's apps; each app is asked for once."""
        known: dict[str, bool] = {}
        found = []
        for each in every:
            if each.app not in known:
                known[each.app] = self._owner(each.app) == organisation
            if known[each.app]:
                found.append(each)
        return found


def _shown(machine: Machine, wanted: Wanted) -> bool:
    gone = machine.state is MachineState.DESTROYED and not wanted.deleted
    return not gone and wanted.shows(_machine_mark(machine), machine.region, machine.state.value)


def _machine_mark(machine: Machine) -> Mark:
    return machine.updated_at, machine.id


def _volume_mark(volume: Volume) -> Mark:
    return volume.updated_at or volume.created_at, volume.id


def _page(every: list[T], wanted: Wanted, mark: Callable[[T], Mark]) -> tuple[list[T], str]:
    """The next ones, and the cursor to those after them; empty when there are none."""
    page = nsmallest(wanted.limit, every, key=mark)
    return page, _cursor(mark(page[-1])) if len(page) < len(every) else ""


def _cursor(mark: Mark) -> str:
    return base64.urlsafe_b64encode(f"{mark[0].isoformat()} {mark[1]}".encode()).decode()


def _machine_doc(machine: Machine, host: Host | None, *, summary: bool) -> OrgMachineDoc:
    doc: OrgMachineDoc = {
        "app_name": machine.app,
        "id": machine.id,
        "name": machine.name,
        "state": machine.state,
        "region": machine.region,
        "private_ip": host.address if host else "",
        "instance_id": machine.instance_id,
        "version": machine.instance_id,
        "created_at": machine.created_at,
        "updated_at": machine.updated_at,
        "host_status": status_of(machine, host),
    }
    if not summary:
        doc["config"] = {key: machine.config[key] for key in OVERVIEW if machine.config.get(key) is not None}
    return doc


def _wanted(request: web.Request, most: int) -> Wanted:
    query = request.query
    return Wanted(
        after=_after(query.get("cursor", ""), query.get("updated_after", "")),
        deleted=flag(request, "include_deleted"),
        region=query.get("region", ""),
        states=frozenset(state for state in query.get("state", "").split(",") if state),
        limit=_limit(query.get("limit", ""), most),
    )


def _limit(text: str, most: int) -> int:
    if not text:
        return most
    if not (text.isascii() and text.isdigit() and int(text[:9]) > 0):
        raise wrong("limit: must be a whole number above 0")
    return min(most, int(text[:9]))


def _after(cursor: str, updated_after: str) -> Mark | None:
    if cursor:
        return _mark_of(cursor)
    if not updated_after:
        return None
    # After it whatever the id: no id is larger than this.
    return _moment(updated_after, "updated_after"), "\U0010ffff"


def _mark_of(cursor: str) -> Mark:
    try:
        moment, _, name = base64.urlsafe_b64decode(cursor.encode()).decode().partition(" ")
    except (binascii.Error, ValueError):
        raise wrong("cursor: is none of ours") from None
    return _moment(moment, "cursor"), name


def _moment(text: str, what: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise wrong(f"{what}: must be a moment such as 2026-08-10T14:00:00Z") from None
    if found.tzinfo is None:
        raise wrong(f"{what}: has no time zone; write for example 2026-08-10T14:00:00Z")
    return found.astimezone(UTC)
