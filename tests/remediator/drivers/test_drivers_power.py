"""Power by Redfish (the front's own BMC) and the driver that asks who a chassis is before it takes its power."""

import math
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from remediator.agent.front.bmc import Bmc as Front
from remediator.agent.front.chassis import FakeChassis, Power
from remediator.clock import FakeClock
from remediator.drivers.bmc import Bmcs, Button, Reading, same_chassis
from remediator.drivers.power import PowerDriver
from remediator.drivers.redfish import redfish_session
from remediator.model.errors import PermanentError, TransientError
from remediator.model.request import Operation
from remediator.settings import BmcEndpoint
from tests.remediator.builders import operation

START = datetime(2030, 1, 1, tzinfo=UTC)
UUID = FakeChassis().uuid


@dataclass
class Site:
    """A chassis behind its BMC, and the driver that speaks to it; tests turn ``why`` and ``lease``."""

    chassis: FakeChassis
    place: BmcEndpoint
    why: str = ""
    lease: list[float] = field(default_factory=lambda: [math.inf])
    asked: list[str] = field(default_factory=list)

    def left(self) -> float:
        return self.lease.pop(0) if len(self.lease) > 1 else self.lease[0]

    def object_to(self, operation: Operation) -> str:
        self.asked.append(operation.key)
        return self.why

    @property
    def bmcs(self) -> Bmcs:
        return Bmcs({"h1": self.place}, {"redfish": redfish_session})

    @property
    def driver(self) -> PowerDriver:
        return PowerDriver(self.bmcs, FakeClock(START), self.object_to, self.left)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    chassis = FakeChassis()
    await chassis.boot()
    token = tmp_path / "h1.bmc"
    token.write_text("secret\n")
    async with TestServer(Front(chassis, FakeClock(START), "secret").app()) as server:
        yield Site(chassis, BmcEndpoint(str(server.make_url("")).rstrip("/"), token_file=token))


def off(uuid: str = UUID, verb: str = "power_off") -> Operation:
    return operation("k1", verb, "", args={"host": "h1", "uuid": uuid, "epoch": 1, "boot_id": "boot-1"})


async def test_a_reading_names_the_chassis_and_its_power(site: Site) -> None:
    assert await site.bmcs.read("h1") == Reading(UUID, "on")
    await site.chassis.power_off()
    assert await site.bmcs.read("h1") == Reading(UUID, "off")


async def test_power_off_is_seen_before_it_is_told(site: Site) -> None:
    assert await site.driver.perform(off()) == {"power": "off", "found": False}
    assert site.chassis.truth().power is Power.OFF


async def test_what_is_off_already_is_not_pressed_again(site: Site) -> None:
    await site.chassis.power_off()
    assert await site.driver.perform(off()) == {"power": "off", "found": True}
    assert site.asked == []


async def test_another_chassis_keeps_its_power(site: Site) -> None:
    with pytest.raises(PermanentError, match="speaks for another chassis"):
        await site.driver.perform(off("3d9a6f30-0000-4000-8000-000000000002"))
    assert site.chassis.truth().power is Power.ON


async def test_an_objection_is_asked_after_the_identity_and_before_the_button(site: Site) -> None:
    site.why = "the host has returned since this was decided"
    with pytest.raises(PermanentError, match="has returned"):
        await site.driver.perform(off())
    assert (site.asked, site.chassis.truth().power) == (["k1"], Power.ON)


async def test_nothing_is_pressed_when_our_lease_may_end_first(site: Site) -> None:
    site.lease = [19.0]
    with pytest.raises(TransientError, match="our lease"):
        await site.driver.perform(off())
    assert site.chassis.truth().power is Power.ON


async def test_an_answer_after_our_lease_is_thrown_away_and_found_at_the_next_try(site: Site) -> None:
    site.lease = [60.0, 60.0, 0.0]
    with pytest.raises(TransientError, match="our lease"):
        await site.driver.perform(off())
    site.lease = [60.0]
    assert await site.driver.perform(off()) == {"power": "off", "found": True}


async def test_a_cycle_gives_another_boot(site: Site) -> None:
    before = site.chassis.truth().boot_id
    assert (await site.driver.perform(off(verb="power_cycle")))["power"] == "on"
    assert site.chassis.truth().boot_id != before


async def test_a_wrong_token_is_told_apart_from_silence(site: Site) -> None:
    assert site.place.token_file is not None
    site.place.token_file.write_text("wrong")
    with pytest.raises(PermanentError, match="401"):
        await site.driver.perform(off())
    site.place = replace(site.place, url="http://127.0.0.1:1")
    with pytest.raises(TransientError, match="does not answer"):
        await site.driver.perform(off())
    assert await site.bmcs.read("h1") == Reading("", "unknown")
    with pytest.raises(PermanentError, match="no BMC"):
        site.bmcs.session("h10")


@dataclass
class Deaf:
    """A BMC that takes a login and the button, and whose chassis does not care."""

    logins: int = 0
    ended: int = 0
    pressed: list[object] = field(default_factory=list)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/redfish/v1/SessionService/Sessions", self.log_in)
        app.router.add_delete("/redfish/v1/SessionService/Sessions/7", self.log_out)
        app.router.add_get("/redfish/v1/Systems/S", self.system)
        app.router.add_post("/redfish/v1/Systems/S/Actions/ComputerSystem.Reset", self.reset)
        return app

    async def log_in(self, request: web.Request) -> web.Response:
        self.logins += 1
        good = await request.json() == {"UserName": "admin", "Password": "sesame"}
        headers = {"X-Auth-Token": "t", "Location": "/redfish/v1/SessionService/Sessions/7"}
        return web.json_response({}, status=201, headers=headers) if good else web.json_response({}, status=401)

    async def log_out(self, request: web.Request) -> web.Response:
        self.ended += 1
        return web.Response(status=204)

    async def system(self, request: web.Request) -> web.Response:
        assert request.headers["X-Auth-Token"] == "t"
        return web.json_response({"UUID": UUID.upper(), "PowerState": "On"})

    async def reset(self, request: web.Request) -> web.Response:
        self.pressed.append(await request.json())
        return web.Response(status=204)


async def test_a_login_is_ended_and_a_chassis_that_stays_on_is_no_proof(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("sesame\n")
    deaf = Deaf()
    async with TestServer(deaf.app()) as server:
        url = str(server.make_url("")).rstrip("/")
        place = BmcEndpoint(url, user="admin", password_file=password, system="/redfish/v1/Systems/S")
        site = Site(FakeChassis(), place)
        with pytest.raises(TransientError, match="still has power"):
            await site.driver.perform(off())
        assert (deaf.logins, deaf.ended, deaf.pressed) == (1, 1, [{"ResetType": "ForceOff"}])
        password.write_text("wrong")
        with pytest.raises(PermanentError, match="401"):
            await site.driver.perform(off())


def test_a_uuid_is_known_in_every_order_of_its_bytes() -> None:
    told = "33221100-5544-7766-8899-aabbccddeeff"
    assert same_chassis(told, "33221100-5544-7766-8899-AABBCCDDEEFF")
    assert same_chassis("00112233-4455-6677-8899-aabbccddeeff", told)
    assert same_chassis("ffeeddcc-bbaa-9988-7766-554433221100", "00112233-4455-6677-8899-aabbccddeeff")
    assert not same_chassis("33221100-5544-7766-8899-aabbccddeefe", told)
    assert not same_chassis("", told)
    assert not same_chassis("", "")
    assert same_chassis("chassis-h1", "chassis-h1")


def test_buttons_have_their_redfish_names() -> None:
    assert [button.value for button in Button] == ["off", "cycle"]
