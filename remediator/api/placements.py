"""The Machines API: regions with their room, and where so many machines would go."""

from collections.abc import Mapping
from typing import TypedDict

from aiohttp import web

from remediator.api.answers import answer
from remediator.api.bodies import checked, read_object, wrong
from remediator.api.control import Control
from remediator.api.requests import Endpoint, Query
from remediator.api.tenants.scopes import Scope
from remediator.api.volumes.bodies import Placements, capacity_of
from remediator.engine.machines import placement
from remediator.model.fleet import Fleet
from remediator.model.host import Capacity

MIB = 1024 * 1024
ANY = "any"
# Memory for each cpu of the presets, in MiB; performance-1x is what is meant where nothing is said.
PRESETS = {"shared": 256, "performance": 2048}
DEFAULT = "performance-1x"
MOST = 1_000_000


class RegionDoc(TypedDict):
    """``capacity`` counts the machines of the shape asked for that still fit."""

    code: str
    name: str
    latitude: float
    longitude: float
    gateway_available: bool
    requires_paid_plan: bool
    deprecated: bool
    capacity: int
    geo_region: str
    mpg_available: bool


class RegionsDoc(TypedDict):
    regions: list[RegionDoc]
    nearest: str


class PlacementDoc(TypedDict):
    """``concurrency`` is on how many hosts they would be."""

    region: str
    count: int
    concurrency: int


class PlacementsDoc(TypedDict):
    regions: list[PlacementDoc]


SHAPE = (
    Query("size", told="A preset such as performance-1x, which is the default."),
    Query("cpu_kind"),
    Query("memory_mb", "integer"),
    Query("cpus", "integer"),
    Query("gpus", "integer"),
    Query("gpu_kind"),
)


class PlacementsApi:
    """Counts on the hosts as the engine's own placement sees them; nothing is reserved."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def endpoints(self) -> list[Endpoint]:
        regions, placements, token = "/v1/platform/regions", "/v1/platform/placements", Scope.TOKEN
        return [
            Endpoint("GET", regions, self.regions, "regions.list", False, None, RegionsDoc, SHAPE, token),  # noqa: FBT003
            Endpoint("POST", placements, self.place, "placements", True, Placements, PlacementsDoc, (), token),  # noqa: FBT003
        ]

    async def regions(self, request: web.Request) -> web.Response:
        size, fleet = _shape(request), self._control.fleet()
        room = _slots(fleet, size) if size else {}
        codes = sorted({host.region for host in fleet.hosts.values()})
        nearest = max(codes, key=lambda code: sum(room.get(code, ())), default="")
        docs = [_region_doc(code, sum(room.get(code, ()))) for code in codes]
        return answer({"regions": docs, "nearest": nearest})

    async def place(self, request: web.Request) -> web.Response:
        asked = checked(Placements, await read_object(request))
        fleet = self._control.fleet()
        disk = -(-(asked.volume_size_bytes or 0) // MIB)
        size = capacity_of(asked.compute) if asked.compute else _preset(DEFAULT)
        room = _slots(fleet, size + Capacity(disk_mb=disk))
        wanted, told = asked.count or 0, []
        for region in _named(asked.region or ANY, fleet):
            fits = _given(room.get(region, []), wanted or MOST)
            count = sum(fits)
            told.append({"region": region, "count": count, "concurrency": len(fits)})
            wanted -= count
            if asked.count and wanted <= 0:
                break
        return answer({"regions": [each for each in told if each["count"]]})


def _slots(fleet: Fleet, size: Capacity) -> dict[str, list[int]]:
    """By region, how many of that size fit on each host with room, most first."""
    found: dict[str, list[int]] = {}
    for name, free in placement.room_of(fleet).items():
        if fits := _fit(free, size):
            found.setdefault(fleet.hosts[name].region, []).append(fits)
    return {region: sorted(counts, reverse=True) for region, counts in found.items()}


def _fit(free: Capacity, size: Capacity) -> int:
    pairs = ((free.cpus, size.cpus), (free.memory_mb, size.memory_mb), (free.disk_mb, size.disk_mb))
    return max(0, min(int(have // need) for have, need in pairs if need > 0))


def _given(hosts: list[int], wanted: int) -> list[int]:
    """How many each host takes of so many, which are spread: one to each in turn."""
    if wanted < len(hosts):
        return [1] * wanted
    left, found = wanted, []
    for number, fits in enumerate(sorted(hosts)):
        share = min(fits, left // (len(hosts) - number))
        found.append(share)
        left -= share
    return found


def _named(expression: str, fleet: Fleet) -> list[str]:
    """Regions in the order named; ``any`` are all the others.

    Raises:
        BadInput: one has no host.
    """
    known = sorted({host.region for host in fleet.hosts.values()})
    found: list[str] = []
    for name in (part.strip() for part in expression.split(",")):
        if name not in (*known, ANY, ""):
            raise wrong(f"region: names one that this fleet does not have; there are {', '.join(known)}")
        found += [region for region in (known if name == ANY else [name]) if region and region not in found]
    return found


def _shape(request: web.Request) -> Capacity | None:
    """What the query describes; None for what no host here has."""
    size = _preset(request.query.get("size") or DEFAULT)
    cpus, memory = _whole(request.query, "cpus"), _whole(request.query, "memory_mb")
    if _whole(request.query, "gpus"):
        return None
    return Capacity(float(cpus or size.cpus), memory or size.memory_mb, 0)


def _preset(name: str) -> Capacity:
    """``shared-cpu-2x`` or ``performance-4x`` as a capacity."""
    kind, _, rest = name.removesuffix("x").partition("-")
    count = rest.removeprefix("cpu-")
    if kind not in PRESETS or not (count.isascii() and count.isdigit() and 0 < len(count) < 4 and int(count)):
        raise wrong("size: must be a preset such as shared-cpu-1x or performance-2x")
    return Capacity(float(count), int(count) * PRESETS[kind], 0)


def _whole(query: Mapping[str, str], name: str) -> int:
    text = query.get(name) or "0"
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise wrong(f"{name}: must be a whole number")
    return int(text)


def _region_doc(code: str, capacity: int) -> RegionDoc:
    return {
        "code": code,
        "name": code,
        "latitude": 0.0,
        "longitude": 0.0,
        "gateway_available": True,
        "requires_paid_plan": False,
        "deprecated": False,
        "capacity": capacity,
        "geo_region": "",
        "mpg_available": False,
    }
