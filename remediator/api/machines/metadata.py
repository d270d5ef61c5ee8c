"""Metadata of machines: a word for a key, beside what runs."""

from collections.abc import Mapping
from datetime import datetime

from aiohttp import web

from remediator.api.answers import answer
from remediator.api.bodies import checked, read_object, wrong
from remediator.api.machine_docs import ValueDoc
from remediator.api.machines.bodies import Metadata, MetadataValue
from remediator.api.machines.shared import ONE, Desk, nonce_of
from remediator.api.requests import Endpoint
from remediator.engine.machines.refusals import not_found
from remediator.model.asks import MetadataAsk

EVERY = f"{ONE}/metadata"
KEY = f"{EVERY}/{{key}}"
LONGEST_KEY = 128


class MetadataApi:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def endpoints(self) -> list[Endpoint]:
        name, change = "machines.metadata", "machines.metadata.set"
        return [
            Endpoint("GET", EVERY, self.listed, name, guarded=True, answers=dict[str, str]),
            Endpoint("PUT", EVERY, self.replace, change, guarded=True, body=Metadata),
            Endpoint("PATCH", EVERY, self.change, change, guarded=True, body=Metadata),
            Endpoint("GET", KEY, self.get, name, guarded=True, answers=ValueDoc),
            Endpoint("POST", KEY, self.set, change, guarded=True, body=MetadataValue),
            Endpoint("DELETE", KEY, self.drop, change, guarded=True),
        ]

    async def listed(self, request: web.Request) -> web.Response:
        return answer(self._known(request))

    async def get(self, request: web.Request) -> web.Response:
        known = self._known(request)
        if request.match_info["key"] not in known:
            raise not_found("metadata key")
        return answer({"value": known[request.match_info["key"]]})

    async def set(self, request: web.Request) -> web.Response:
        asked = checked(MetadataValue, await read_object(request))
        return await self._changed(request, {_key(request): asked.value}, updated_at=asked.updated_at or "")

    async def drop(self, request: web.Request) -> web.Response:
        return await self._changed(request, {_key(request): None})

    async def replace(self, request: web.Request) -> web.Response:
        return await self._many(request, whole=True)

    async def change(self, request: web.Request) -> web.Response:
        return await self._many(request, whole=False)

    async def _many(self, request: web.Request, *, whole: bool) -> web.Response:
        asked = checked(Metadata, await read_object(request))
        version, updated = asked.machine_version or "", asked.updated_at or ""
        return await self._changed(request, asked.metadata, whole=whole, version=version, updated_at=updated)

    async def _changed(
        self,
        request: web.Request,
        changes: Mapping[str, str | None],
        *,
        whole: bool = False,
        version: str = "",
        updated_at: str = "",
    ) -> web.Response:
        machine = self._desk.machine(request)
        ask = MetadataAsk(machine.id, changes, whole, version, _moment(updated_at), nonce_of(request))
        await self._desk.life.set_metadata(ask)
        return web.Response(status=204)

    def _known(self, request: web.Request) -> dict[str, str]:
        """As the journal has it, so that it can be read of machines on lost hosts too."""
        return self._desk.machine(request).config.get("metadata") or {}


def _key(request: web.Request) -> str:
    key = request.match_info["key"]
    if not (0 < len(key) <= LONGEST_KEY and key.isprintable()):
        raise wrong(f"key: must be 1 to {LONGEST_KEY} printable characters")
    return key


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise wrong("updated_at: must be a moment such as 2026-08-10T03:12:05Z")
    return at
