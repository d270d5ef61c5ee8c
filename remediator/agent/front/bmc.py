"""The BMC stand-in: the part of Redfish that a power proof needs, and the lab's faults; one token for all of it."""

import hmac
import os
import secrets
import stat
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from remediator.agent.front.chassis import Chassis, Unsupported, WrongState
from remediator.clock import Clock
from remediator.model.errors import PermanentError, TransientError

SYSTEM = "/redfish/v1/Systems/1"
HEADER = "X-Auth-Token"
RESET_TYPES = ("On", "ForceOff", "ForceRestart")

Step = Callable[[], Awaitable[None]]


class ResetBody(msgspec.Struct):
    """What Redfish posts."""

    reset_type: str = msgspec.field(name="ResetType")


class FaultBody(msgspec.Struct):
    """What the lab posts."""

    fault: str


def load_token(path: Path) -> str:
    """The token of this BMC, made at the first start. Raises ``PermanentError`` when others may read it."""
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32))
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise PermanentError(f"{path}: others may read this token; chmod 600 it")
    return path.read_text().strip()


def faults_of(chassis: Chassis) -> Mapping[str, Step]:
    """Every fault by its name."""
    return {
        "power_cut": chassis.power_off,
        "power_on": chassis.boot,
        "network_cut": chassis.cut,
        "network_heal": chassis.heal,
        "agent_crash": chassis.crash_agent,
        "fill_disk": chassis.fill_disk,
        "free_disk": chassis.free_disk,
        "wedge": chassis.wedge,
        "unwedge": chassis.unwedge,
    }


class Bmc:
    """HTTP in front of a chassis."""

    def __init__(self, chassis: Chassis, clock: Clock, token: str) -> None:
        self._chassis = chassis
        self._clock = clock
        self._token = token.encode()

    def app(self) -> web.Application:
        """Every path asks for the token, those that do not exist too."""
        app = web.Application(middlewares=[self._guarded])
        app.router.add_get(SYSTEM, self._system)
        app.router.add_post(f"{SYSTEM}/Actions/ComputerSystem.Reset", self._reset)
        app.router.add_post("/lab/faults", self._fault)
        app.router.add_get("/lab/truth", self._truth)
        return app

    @web.middleware
    async def _guarded(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """The token, and errors by what the caller does next."""
        if not hmac.compare_digest(request.headers.get(HEADER, "").encode(), self._token):
            return refusal(401, f"a valid {HEADER} is needed")
        try:
            return await handler(request)
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            return refusal(400, str(error))
        except Unsupported as error:
            return refusal(501, str(error))
        except WrongState as error:
            return refusal(409, str(error))
        except (TransientError, OSError) as error:
            return refusal(503, str(error))

    async def _system(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {
                "@odata.id": SYSTEM,
                "Id": "1",
                "UUID": self._chassis.uuid,
                "PowerState": self._chassis.truth().power.value,
                "Actions": {
                    "#ComputerSystem.Reset": {
                        "target": f"{SYSTEM}/Actions/ComputerSystem.Reset",
                        "ResetType@Redfish.AllowableValues": list(RESET_TYPES),
                    }
                },
            }
        )

    async def _reset(self, request: web.Request) -> web.Response:
        body = msgspec.json.decode(await request.read(), type=ResetBody)
        match body.reset_type:
            case "On":
                await self._chassis.boot()
            case "ForceOff":
                await self._chassis.power_off()
            case "ForceRestart":
                await self._chassis.power_off()
                await self._chassis.boot()
            case _:
                return refusal(400, f"ResetType {body.reset_type!r} is none of {', '.join(RESET_TYPES)}")
        return web.Response(status=204)

    async def _fault(self, request: web.Request) -> web.Response:
        """``at`` is the moment before the fault, in unix seconds: what is measured from it is never flattered."""
        fault = msgspec.json.decode(await request.read(), type=FaultBody).fault
        steps = faults_of(self._chassis)
        if fault not in steps:
            return refusal(400, f"fault {fault!r} is none of {', '.join(steps)}")
        at = self._clock.now().timestamp()
        await steps[fault]()
        return web.json_response({"at": at})

    async def _truth(self, _request: web.Request) -> web.Response:
        return web.json_response(asdict(self._chassis.truth()))


def refusal(status: int, text: str) -> web.Response:
    """An error that says what is wrong."""
    body: dict[str, Any] = {"error": text}
    return web.json_response(body, status=status)
