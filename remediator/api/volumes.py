"""The Machines API: volumes, snapshots, apps and regions."""

from aiohttp import web

from remediator.api.answers import answer
from remediator.api.bodies import CreateVolume, app_name, checked, read_object, read_optional_object
from remediator.api.control import Control, VolumeAsk
from remediator.api.requests import Endpoint
from remediator.api.shapes import (
    app_doc,
    machines_of,
    newest_first,
    regions_doc,
    snapshot_doc,
    volume_doc,
    volumes_of,
)
from remediator.engine.refusals import not_found
from remediator.model.machine import Snapshot, Volume

ALL = "/v1/apps/{app}/volumes"
ONE = "/v1/apps/{app}/volumes/{id}"


class VolumesApi:
    """Snapshots are listed while their volume's host is dead, and after the volume is gone."""

    def __init__(self, control: Control, organisation: str) -> None:
        self._control = control
        self._organisation = organisation

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("GET", ALL, self.listed, "volumes.list", guarded=True),
            Endpoint("POST", ALL, self.create, "volumes.create", guarded=True),
            Endpoint("GET", ONE, self.get, "volumes.get", guarded=True),
            Endpoint("GET", f"{ONE}/snapshots", self.snapshots, "snapshots.list", guarded=True),
            Endpoint("POST", f"{ONE}/snapshots", self.snapshot, "snapshots.create", guarded=True),
            Endpoint("GET", "/v1/apps/{app}", self.app, "apps.get", guarded=True),
            Endpoint("GET", "/v1/platform/regions", self.regions, "regions.list"),
        ]

    async def listed(self, request: web.Request) -> web.Response:
        fleet = self._control.fleet()
        mine = volumes_of(fleet, request.match_info["app"])
        return answer([volume_doc(volume, fleet.hosts.get(volume.host)) for volume in mine])

    async def create(self, request: web.Request) -> web.Response:
        app = app_name(request)
        asked = checked(CreateVolume, await read_object(request))
        ask = VolumeAsk(app, asked.name, asked.region, asked.megabytes, asked.snapshot_id or "")
        volume = await self._control.create_volume(ask)
        return answer(volume_doc(volume, self._control.fleet().hosts.get(volume.host)))

    async def get(self, request: web.Request) -> web.Response:
        volume = self._volume(request)
        return answer(volume_doc(volume, self._control.fleet().hosts.get(volume.host)))

    async def snapshots(self, request: web.Request) -> web.Response:
        volume = self._control.fleet().volumes.get(request.match_info["id"])
        mine = self._snapshots(request)
        if not mine:
            volume = self._volume(request)
        return answer([snapshot_doc(snapshot, volume) for snapshot in mine])

    async def snapshot(self, request: web.Request) -> web.Response:
        volume = self._volume(request)
        await read_optional_object(request)
        return answer(snapshot_doc(await self._control.snapshot_volume(volume.id), volume))

    async def app(self, request: web.Request) -> web.Response:
        app, fleet = request.match_info["app"], self._control.fleet()
        machines, volumes = machines_of(fleet, app), volumes_of(fleet, app)
        if not machines and not volumes:
            raise not_found("app")
        return answer(app_doc(app, self._organisation, machines, volumes))

    async def regions(self, _: web.Request) -> web.Response:
        return answer(regions_doc(self._control.fleet()))

    def _volume(self, request: web.Request) -> Volume:
        volume = self._control.fleet().volumes.get(request.match_info["id"])
        if volume is None or volume.app != request.match_info["app"]:
            raise not_found("volume")
        return volume

    def _snapshots(self, request: web.Request) -> list[Snapshot]:
        app, volume = request.match_info["app"], request.match_info["id"]
        every = self._control.fleet().snapshots.values()
        return newest_first(each for each in every if each.volume == volume and each.app == app)
