"""The Machines API: volumes and their snapshots."""

from aiohttp import web

from remediator.api.answers import answer
from remediator.api.bodies import app_name, checked, flag, read_object, read_optional_object
from remediator.api.control import Control
from remediator.api.requests import Endpoint, Query
from remediator.api.tenants.scopes import caller_of
from remediator.api.volumes.bodies import CreateVolume, ExtendVolume, UpdateVolume, idempotency_key
from remediator.api.volumes.docs import (
    ExtendedDoc,
    SnapshotDoc,
    VolumeDoc,
    newest_first,
    snapshot_doc,
    volume_doc,
    volumes_of,
)
from remediator.engine.machines.refusals import not_found
from remediator.model.layered import picked
from remediator.model.machine import Snapshot, Volume
from remediator.model.request import Origin

ALL = "/v1/apps/{app}/volumes"
ONE = "/v1/apps/{app}/volumes/{id}"
SUMMARY = (Query("summary", "boolean", "Leaves out how full volumes are."),)


class VolumesApi:
    """Snapshots are listed while their volume's host is dead, and after the volume is gone."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def endpoints(self) -> list[Endpoint]:
        snapshots, taken = f"{ONE}/snapshots", "snapshots.create"
        return [
            Endpoint("GET", ALL, self.listed, "volumes.list", True, None, list[VolumeDoc], SUMMARY),  # noqa: FBT003
            Endpoint("POST", ALL, self.create, "volumes.create", True, CreateVolume, VolumeDoc),  # noqa: FBT003
            Endpoint("GET", ONE, self.get, "volumes.get", guarded=True, answers=VolumeDoc),
            Endpoint("PUT", ONE, self.update, "volumes.update", True, UpdateVolume, VolumeDoc),  # noqa: FBT003
            Endpoint("DELETE", ONE, self.destroy, "volumes.destroy", guarded=True, answers=VolumeDoc),
            Endpoint("PUT", f"{ONE}/extend", self.extend, "volumes.extend", True, ExtendVolume, ExtendedDoc),  # noqa: FBT003
            Endpoint("GET", snapshots, self.snapshots, "snapshots.list", guarded=True, answers=list[SnapshotDoc]),
            Endpoint("POST", snapshots, self.snapshot, taken, guarded=True, answers=SnapshotDoc),
        ]

    async def listed(self, request: web.Request) -> web.Response:
        fleet, summary = self._control.rows(), flag(request, "summary")
        mine = volumes_of(fleet, request.match_info["app"])
        return answer([volume_doc(each, fleet.hosts.get(each.host), summary=summary) for each in mine])

    async def create(self, request: web.Request) -> web.Response:
        app, key = app_name(request), idempotency_key(request)
        asked = checked(CreateVolume, await read_object(request))
        return answer(self._doc(await self._control.create_volume(asked.ask(app, key))))

    async def get(self, request: web.Request) -> web.Response:
        return answer(self._doc(self._volume(request)))

    async def update(self, request: web.Request) -> web.Response:
        volume = self._volume(request)
        asked = checked(UpdateVolume, await read_object(request))
        return answer(self._doc(await self._control.update_volume(volume.id, asked.kept())))

    async def extend(self, request: web.Request) -> web.Response:
        volume = self._volume(request)
        asked = checked(ExtendVolume, await read_object(request))
        after, restart = await self._control.extend_volume(volume.id, asked.megabytes)
        return answer({"volume": self._doc(after), "needs_restart": restart})

    async def destroy(self, request: web.Request) -> web.Response:
        volume, caller = self._volume(request), caller_of(request)
        origin = Origin.OWNER if caller.is_tenant else Origin.OPERATOR
        await read_optional_object(request)
        return answer(self._doc(await self._control.destroy_volume(volume.id, origin=origin, who=caller.name)))

    async def snapshots(self, request: web.Request) -> web.Response:
        volume = self._control.rows().volumes.get(request.match_info["id"])
        mine = self._snapshots(request)
        if not mine:
            volume = self._volume(request)
        return answer([snapshot_doc(snapshot, volume) for snapshot in mine])

    async def snapshot(self, request: web.Request) -> web.Response:
        volume = self._volume(request)
        await read_optional_object(request)
        return answer(snapshot_doc(await self._control.snapshot_volume(volume.id), volume))

    def _doc(self, volume: Volume) -> VolumeDoc:
        return volume_doc(volume, self._control.rows().hosts.get(volume.host))

    def _volume(self, request: web.Request) -> Volume:
        volume = self._control.rows().volumes.get(request.match_info["id"])
        if volume is None or volume.app != request.match_info["app"]:
            raise not_found("volume")
        return volume

    def _snapshots(self, request: web.Request) -> list[Snapshot]:
        app, volume = request.match_info["app"], request.match_info["id"]
        mine = picked(self._control.rows().snapshots, "volume", volume)
        return newest_first(each for each in mine if each.app == app)
