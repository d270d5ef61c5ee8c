"""Power by the real ipmitool from a BMC that pyghmi plays: one session, the password in its file."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from remediator.clock import SystemClock
from remediator.drivers.bmc import Bmcs, Reading
from remediator.drivers.ipmi import build_command, ipmi_dial
from remediator.drivers.power import PowerDriver
from remediator.model.errors import PermanentError, TransientError
from remediator.settings import BmcEndpoint
from tests.remediator.builders import operation

CHASSIS = UUID("33221100-5544-7766-8899-aabbccddeeff")
PYTHON = "/usr/bin/python3"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[BmcEndpoint]:
    if (
        not shutil.which("ipmitool")
        or subprocess.run([PYTHON, "-c", "import pyghmi"], capture_output=True).returncode
    ):
        pytest.skip("IPMITOOL OR PYGHMI IS MISSING: POWER BY IPMI IS NOT TRIED")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    password = tmp_path / "password"
    password.write_text("password")
    program = Path(__file__).with_name("speaking_bmc.py")
    # In the order in which SMBIOS has its bytes, as most makers send them.
    command = [PYTHON, str(program), str(port), CHASSIS.bytes_le.hex()]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        yield BmcEndpoint(f"ipmi://127.0.0.1:{port}", "ipmi", user="admin", password_file=password)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(5)


def bmcs(place: BmcEndpoint) -> Bmcs:
    return Bmcs({"h1": place}, {"ipmi": ipmi_dial()})


async def once_up(place: BmcEndpoint) -> Reading:
    clock = SystemClock()
    for _ in range(50):
        reading = await bmcs(place).read("h1")
        if reading.uuid:
            return reading
        await clock.sleep(0.1)
    return reading


@pytest.mark.lab
async def test_power_is_read_and_taken_in_one_session(place: BmcEndpoint) -> None:
    assert await once_up(place) == Reading(str(CHASSIS), "on")
    driver = PowerDriver(bmcs(place), SystemClock(), lambda _: "")
    mine = operation("k1", "power_off", "", args={"host": "h1", "uuid": str(CHASSIS)})
    other = replace(mine, args={"host": "h1", "uuid": str(UUID(int=CHASSIS.int + 1))})
    with pytest.raises(PermanentError, match="another chassis"):
        await driver.perform(other)
    assert (await bmcs(place).read("h1")).state == "on"
    assert await driver.perform(mine) == {"power": "off", "found": False}
    assert await driver.perform(mine) == {"power": "off", "found": True}


@pytest.mark.lab
async def test_a_refused_login_says_so(place: BmcEndpoint) -> None:
    await once_up(place)
    assert place.password_file is not None
    place.password_file.write_text("wrong")
    with pytest.raises(PermanentError, match="refuses"):
        async with bmcs(place).session("h1") as session:
            await session.read()


@pytest.mark.lab
async def test_nobody_there_is_no_answer(tmp_path: Path) -> None:
    if not shutil.which("ipmitool"):
        pytest.skip("IPMITOOL IS MISSING: POWER BY IPMI IS NOT TRIED")
    password = tmp_path / "password"
    password.write_text("password")
    silent = BmcEndpoint("ipmi://127.0.0.1:1", "ipmi", user="admin", password_file=password)
    with pytest.raises(TransientError, match="does not answer"):
        async with bmcs(silent).session("h1") as session:
            await session.read()


async def test_a_missing_program_or_password_is_ours_to_mend(tmp_path: Path) -> None:
    place = BmcEndpoint("ipmi://10.0.0.1", "ipmi", user="admin", password_file=tmp_path / "password")
    with pytest.raises(PermanentError, match="cannot be read"):
        async with ipmi_dial()(place):
            pass
    (tmp_path / "password").write_text("password")
    with pytest.raises(PermanentError, match="cannot be started"):
        async with ipmi_dial(str(tmp_path / "ipmitool"))(place):
            pass


def test_the_password_is_never_on_the_command_line() -> None:
    place = BmcEndpoint("ipmi://10.0.0.1", "ipmi", user="admin", password_file=Path("/secrets/h1"))
    command = build_command("ipmitool", place)
    assert command[:6] == ["ipmitool", "-I", "lanplus", "-H", "10.0.0.1", "-p"]
    assert command[command.index("-f") + 1] == "/secrets/h1"
    assert not {"-P", "-a", "-E"} & set(command)
    assert timedelta(seconds=int(command[command.index("-N") + 1])) == timedelta(seconds=1)
