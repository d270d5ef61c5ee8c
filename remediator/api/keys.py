"""`/v1/keys`: whom recoverable configs are sealed for, and whether they open; for operators alone."""

from typing import Annotated, Any, Protocol

from aiohttp import web
from pydantic import Field

from remediator.api.answers import answer
from remediator.api.bodies import Lenient, checked, read_object
from remediator.api.people.bodies import Line
from remediator.api.requests import Endpoint


class SealingKeys(Protocol):
    """What the runtime knows of the keys; see its own for what each raises."""

    def known(self) -> dict[str, Any]: ...

    async def accept(self, document: dict[str, Any]) -> dict[str, Any]: ...

    async def tested(self) -> dict[str, Any]: ...

    async def handed(self, machine_id: str, by: str, why: str) -> dict[str, Any]: ...


class Recover(Lenient):
    """Who opens a copy with the recovery key, and why."""

    machine: Annotated[Line, Field(min_length=1, max_length=128)]
    by: Annotated[Line, Field(min_length=1, max_length=64)]
    why: Annotated[Line, Field(min_length=1, max_length=500)]


class KeysApi:
    def __init__(self, keys: SealingKeys) -> None:
        self._keys = keys

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("GET", "/v1/keys", self.known, "keys.get", guarded=True),
            Endpoint("POST", "/v1/keys", self.accept, "keys.accept", guarded=True),
            Endpoint("POST", "/v1/keys/test", self.test, "keys.test", guarded=True),
            Endpoint("POST", "/v1/keys/recover", self.recover, "keys.recover", guarded=True),
        ]

    async def known(self, _: web.Request) -> web.Response:
        return answer(self._keys.known())

    async def accept(self, request: web.Request) -> web.Response:
        return answer(await self._keys.accept(await read_object(request)))

    async def test(self, _: web.Request) -> web.Response:
        return answer(await self._keys.tested())

    async def recover(self, request: web.Request) -> web.Response:
        asked = checked(Recover, await read_object(request))
        return answer(await self._keys.handed(asked.machine, asked.by, asked.why))
