"""BMCs: Redfish against a real HTTPS server; IPMI by a stand-in for ipmitool, and by the real one if it is here."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from exporter.clock import SystemClock
from exporter.probe.ask import ask_once
from exporter.probe.bmc import Bmcs
from exporter.probe.credentials import Login, find_login
from exporter.probe.finding import Finding
from exporter.probe.ipmi import MOST_STUCK, Ipmitool, build_command, parse_reply
from exporter.probe.modules import Bmc, Module, Prober, Tls
from exporter.probe.outcome import Outcome
from exporter.probe.target import Check, parse_place
from tests.exporter.probe_lab import certify, running_engine, server_context
from tests.exporter.reader_site import is_running, wait_until

pytestmark = pytest.mark.slow

SYSTEM = "/redfish/v1/Systems/1"


@dataclass
class FakeBmc:
    """Redfish as a BMC speaks it: sessions or passwords, one system."""

    state: object = "On"
    tokens: set[str] = field(default_factory=set)
    logins: int = 0
    asked: list[str] = field(default_factory=list)
    slow: float = 0.0
    port: int = 0

    def allows(self, request: web.Request) -> bool:
        basic = request.headers.get("Authorization", "")
        return request.headers.get("X-Auth-Token") in self.tokens or basic == "Basic YWRtaW46c2VzYW1l"

    async def log_in(self, request: web.Request) -> web.Response:
        self.logins += 1
        if await request.json() != {"UserName": "admin", "Password": "sesame"}:
            return web.json_response({}, status=401)
        token = f"t{self.logins}"
        self.tokens.add(token)
        return web.json_response({}, status=201, headers={"X-Auth-Token": token})

    async def get(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        await asyncio.sleep(self.slow)
        if not self.allows(request):
            return web.json_response({}, status=401)
        if request.path == SYSTEM:
            return web.json_response({"PowerState": self.state})
        return web.json_response({"Members": [{"@odata.id": SYSTEM}]})


@asynccontextmanager
async def bmc_at(certificate: Path) -> AsyncIterator[FakeBmc]:
    bmc = FakeBmc()
    app = web.Application()
    app.router.add_post("/redfish/v1/SessionService/Sessions", bmc.log_in)
    app.router.add_get("/redfish/v1/Systems", bmc.get)
    app.router.add_get(SYSTEM, bmc.get)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server_context(certificate)).start()
    bmc.port = runner.addresses[0][1]
    try:
        yield bmc
    finally:
        await runner.cleanup()


def put_credentials(folder: Path, text: str = "default: {username: admin, password: sesame}\n") -> Path:
    path = folder / "bmc.yml"
    path.write_text(text)
    path.chmod(0o600)
    return path


def redfish(folder: Path, *, session: bool = True, tls: Tls | None = None, timeout: float = 2.0) -> Module:
    trust = tls or Tls(folder / "bmc.pem")
    return Module("redfish", Prober.REDFISH, timeout, 60.0, tls=trust, bmc=Bmc(folder / "bmc.yml", session))


async def ask_each(module: Module, target: str, times: int = 1, *, listed: bool = True) -> list[Finding]:
    """The same BMC asked so many times in turn."""
    check = Check(target, parse_place(target, module), module, listed=listed)
    async with running_engine() as engine:
        asking = Bmcs(engine, SystemClock()).make(check, "127.0.0.1", module.timeout)
        return [await ask_once(asking) for _ in range(times)]


def value(finding: Finding, name: str) -> float | None:
    return next((one[2] for one in finding.values if one[0] == name), None)


@pytest.mark.parametrize("session", [True, False])
async def test_power_by_redfish(session: bool, tmp_path: Path) -> None:
    put_credentials(tmp_path)
    async with bmc_at(certify(tmp_path, "bmc")) as bmc:
        first, second = await ask_each(redfish(tmp_path, session=session), f"localhost:{bmc.port}", 2)
        bmc.state = "Off"
        (off,) = await ask_each(redfish(tmp_path, session=session), f"localhost:{bmc.port}")
    for finding in (first, second):
        assert (finding.outcome, finding.trouble) == (Outcome.OK, "")
        assert (value(finding, "redfish_up"), value(finding, "redfish_system_power_on")) == (1, 1)
        assert value(finding, "probe_ssl_earliest_cert_expiry") == 4102358400
    assert value(off, "redfish_system_power_on") == 0
    # The second question needs neither a login nor the list of systems.
    assert bmc.asked == ["/redfish/v1/Systems", SYSTEM, SYSTEM, "/redfish/v1/Systems", SYSTEM]
    assert bmc.logins == (2 if session else 0)


async def test_a_session_that_has_ended_is_begun_anew(tmp_path: Path) -> None:
    put_credentials(tmp_path)
    module = redfish(tmp_path)
    async with bmc_at(certify(tmp_path, "bmc")) as bmc, running_engine() as engine:
        target = f"localhost:{bmc.port}"
        check = Check(target, parse_place(target, module), module)
        asking = Bmcs(engine, SystemClock()).make(check, "127.0.0.1", 2.0)
        await ask_once(asking)
        bmc.tokens.clear()
        again = await ask_once(asking)
    assert again.outcome is Outcome.OK
    assert bmc.logins == 2


async def test_a_wrong_password_is_tried_once(tmp_path: Path) -> None:
    put_credentials(tmp_path, "default: {username: admin, password: open}\n")
    async with bmc_at(certify(tmp_path, "bmc")) as bmc:
        (finding,) = await ask_each(redfish(tmp_path), f"localhost:{bmc.port}")
    assert (finding.outcome, finding.trouble) == (Outcome.WRONG_ANSWER, "login: status 401")
    assert value(finding, "redfish_up") == 0
    assert value(finding, "redfish_system_power_on") is None
    assert bmc.logins == 1


async def test_whom_to_trust_may_be_said_for_each_bmc(tmp_path: Path) -> None:
    async with bmc_at(certify(tmp_path, "bmc")) as bmc:
        target = f"localhost:{bmc.port}"
        put_credentials(tmp_path, f"{target}: {{username: admin, password: sesame, insecure_skip_verify: true}}\n")
        (trusting,) = await ask_each(redfish(tmp_path, tls=Tls()), target)
        put_credentials(tmp_path)
        (strict,) = await ask_each(redfish(tmp_path, tls=Tls()), target)
    assert trusting.outcome is Outcome.OK
    assert strict.outcome is Outcome.WRONG_ANSWER
    assert "certificate" in strict.trouble


@pytest.mark.parametrize("state", [None, "Unknown", 3])
async def test_a_state_that_is_none(state: object, tmp_path: Path) -> None:
    put_credentials(tmp_path)
    async with bmc_at(certify(tmp_path, "bmc")) as bmc:
        bmc.state = state
        (finding,) = await ask_each(redfish(tmp_path), f"localhost:{bmc.port}")
    assert finding.outcome is Outcome.WRONG_ANSWER
    assert "PowerState" in finding.trouble


async def test_a_slow_bmc_is_given_up(tmp_path: Path) -> None:
    put_credentials(tmp_path)
    async with bmc_at(certify(tmp_path, "bmc")) as bmc:
        bmc.slow = 0.3
        (finding,) = await ask_each(redfish(tmp_path, timeout=0.5), f"localhost:{bmc.port}")
    assert finding.outcome is Outcome.WRONG_ANSWER
    assert finding.seconds < 0.7


async def test_nobody_there(tmp_path: Path, unused_port: int) -> None:
    certify(tmp_path, "bmc")
    put_credentials(tmp_path)
    (finding,) = await ask_each(redfish(tmp_path), f"localhost:{unused_port}")
    assert finding.outcome is Outcome.REFUSED


async def test_a_stranger_is_not_shown_everybodys_password(tmp_path: Path) -> None:
    """/probe?target= may name any address at all."""
    put_credentials(tmp_path)
    async with bmc_at(certify(tmp_path, "bmc")) as bmc:
        (finding,) = await ask_each(redfish(tmp_path), f"localhost:{bmc.port}", listed=False)
    assert finding.outcome is Outcome.ERROR_HERE
    assert "is not in it" in finding.trouble
    assert (bmc.asked, bmc.logins) == ([], 0)


def test_the_password_is_not_on_the_command_line() -> None:
    command = build_command("ipmitool", "10.0.0.1", 623, "admin")
    assert command[:6] == ["ipmitool", "-I", "lanplus", "-H", "10.0.0.1", "-p"]
    assert "-E" in command
    assert not {"-P", "-f"} & set(command)
    assert "sesame" not in repr(Login("admin", "sesame"))


@pytest.mark.parametrize(
    ("code", "output", "complaint", "seconds", "outcome", "power"),
    [
        (0, "Chassis Power is on\n", "", 0.1, Outcome.OK, "on"),
        (0, "Chassis Power is off\n", "", 0.1, Outcome.OK, "off"),
        (0, "Chassis Power is  \n", "", 0.1, Outcome.WRONG_ANSWER, ""),
        (1, "", "Error: Unable to establish IPMI v2 / RMCP+ session\n", 0.03, Outcome.WRONG_ANSWER, ""),
        (1, "", "Error: Unable to establish IPMI v2 / RMCP+ session\n", 6.0, Outcome.SILENT, ""),
        (1, "", "> Error: no response from RAKP 1 message\n", 7.0, Outcome.WRONG_ANSWER, ""),
    ],
)
def test_what_ipmitool_says(
    code: int, output: str, complaint: str, seconds: float, outcome: Outcome, power: str
) -> None:
    reply = parse_reply(code, output, complaint, seconds)
    assert (reply.outcome, reply.power) == (outcome, power)


def stand_in(folder: Path, script: str) -> Ipmitool:
    """A program of our own in ipmitool's place, on a PATH that has nothing else but the shell's needs."""
    tool = folder / "ipmitool"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    return Ipmitool(SystemClock(), f"{folder}:/usr/bin:/bin")


COMMAND = build_command("ipmitool", "10.0.0.1", 623, "admin")
ADMIN = Login("admin", "sesame")


def test_the_child_gets_the_password_in_its_environment(tmp_path: Path) -> None:
    script = f'echo "$@" >{tmp_path}/said; env >>{tmp_path}/said; echo Chassis Power is on'
    assert stand_in(tmp_path, script).ask(COMMAND, ADMIN, 5.0).power == "on"
    arguments, *environment = (tmp_path / "said").read_text().splitlines()
    assert "sesame" not in arguments
    assert "IPMI_PASSWORD=sesame" in environment


def test_a_child_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    tool = stand_in(tmp_path, f"sleep 60 & echo $! >{tmp_path}/pid; wait")
    began = time.perf_counter()
    reply = tool.ask(COMMAND, ADMIN, 2.0)
    # Its child goes on for a minute.
    assert time.perf_counter() - began < 20
    assert (reply.outcome, tool.count_stuck()) == (Outcome.SILENT, 0)
    child = int((tmp_path / "pid").read_text())
    wait_until(lambda: not is_running(child))


def test_a_program_that_is_missing_is_our_own_fault(tmp_path: Path) -> None:
    reply = Ipmitool(SystemClock(), str(tmp_path)).ask(COMMAND, ADMIN, 1.0)
    assert reply.outcome is Outcome.ERROR_HERE
    assert "No such file" in reply.trouble


def test_children_that_cannot_be_killed_are_left_alone_and_only_so_many_borne(tmp_path: Path) -> None:
    """None can be made here that outlives SIGKILL: children that were never asked to end stand for them."""
    tool = stand_in(tmp_path, "echo Chassis Power is on")
    stuck = [subprocess.Popen(["sleep", "60"], text=True) for _ in range(MOST_STUCK)]
    tool._stuck += stuck
    assert tool.ask(COMMAND, ADMIN, 5.0).outcome is Outcome.ERROR_HERE
    for child in stuck:
        child.kill()
        child.wait(5)
    assert tool.ask(COMMAND, ADMIN, 5.0).outcome is Outcome.OK


async def test_power_by_ipmi_as_a_check(tmp_path: Path) -> None:
    put_credentials(tmp_path)
    stand_in(tmp_path, "echo Chassis Power is off")
    bmc = Bmc(tmp_path / "bmc.yml", ipmitool=str(tmp_path / "ipmitool"))
    (finding,) = await ask_each(Module("ipmi", Prober.IPMI, 5.0, 60.0, bmc=bmc), "127.0.0.1")
    assert finding.values == [("ipmi_up", "chassis", 1.0), ("ipmi_chassis_power_state", "", 0.0)]


async def test_one_question_at_a_time(tmp_path: Path) -> None:
    put_credentials(tmp_path)
    stand_in(tmp_path, "sleep 0.5; echo Chassis Power is on")
    module = Module("ipmi", Prober.IPMI, 5.0, 60.0, bmc=Bmc(tmp_path / "bmc.yml", ipmitool=f"{tmp_path}/ipmitool"))
    async with running_engine() as engine:
        check = Check("127.0.0.1", parse_place("127.0.0.1", module), module)
        asking = Bmcs(engine, SystemClock()).make(check, "127.0.0.1", 5.0)
        ended = await asyncio.gather(ask_once(asking), ask_once(asking))
    assert [one.outcome for one in ended] == [Outcome.OK, Outcome.ERROR_HERE]


def test_a_bmcs_own_entry_comes_before_the_default(tmp_path: Path) -> None:
    path = put_credentials(tmp_path, "default: {username: a, password: b}\n10.0.0.1: {username: c, password: d}\n")
    assert find_login(path, "10.0.0.1", default=True).username == "c"
    assert find_login(path, "10.0.0.2", default=True).username == "a"
    with pytest.raises(ValueError, match="is not in it"):
        find_login(path, "10.0.0.2", default=False)


@pytest.fixture
def real_bmc() -> Iterator[int]:
    """pyghmi's BMC (Debian's python3-pyghmi), which is off until it is told otherwise."""
    program, python = shutil.which("fakebmc"), "/usr/bin/python3"
    if not program or not shutil.which("ipmitool"):
        pytest.skip("IPMITOOL OR FAKEBMC IS MISSING: IPMI is tried with a stand-in only")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [python, program, "--port", str(port)], stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield port
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(5)


def turn_on(port: int) -> None:
    command = [*build_command("ipmitool", "127.0.0.1", port, "admin")[:-1], "on"]
    command[command.index("USER")] = "ADMINISTRATOR"
    environment = {**os.environ, "IPMI_PASSWORD": "password"}
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=20)


@pytest.mark.lab
async def test_power_by_the_real_ipmitool(real_bmc: int, tmp_path: Path) -> None:
    put_credentials(tmp_path, "default: {username: admin, password: password}\n")
    module = Module("ipmi", Prober.IPMI, 10.0, 60.0, bmc=Bmc(tmp_path / "bmc.yml"))
    for _ in range(50):
        (finding,) = await ask_each(module, f"127.0.0.1:{real_bmc}")
        if finding.outcome is Outcome.OK:
            break
        await asyncio.sleep(0.1)
    assert value(finding, "ipmi_chassis_power_state") == 0
    await asyncio.to_thread(turn_on, real_bmc)
    (finding,) = await ask_each(module, f"127.0.0.1:{real_bmc}")
    assert value(finding, "ipmi_chassis_power_state") == 1
    put_credentials(tmp_path, "default: {username: admin, password: wrong}\n")
    (refused,) = await ask_each(module, f"127.0.0.1:{real_bmc}")
    assert refused.outcome is Outcome.WRONG_ANSWER


@pytest.mark.lab
async def test_nobody_speaks_ipmi(tmp_path: Path, unused_port: int) -> None:
    if not shutil.which("ipmitool"):
        pytest.skip("IPMITOOL IS MISSING: IPMI is tried with a stand-in only")
    put_credentials(tmp_path)
    module = Module("ipmi", Prober.IPMI, 10.0, 60.0, bmc=Bmc(tmp_path / "bmc.yml"))
    (finding,) = await ask_each(module, f"127.0.0.1:{unused_port}")
    assert finding.outcome is Outcome.SILENT
    assert value(finding, "ipmi_up") == 0
