"""The BMC stand-in in front of a fake chassis."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from remediator.agent.front.bmc import HEADER, SYSTEM, Bmc, load_token
from remediator.agent.front.chassis import FakeChassis, Network
from remediator.clock import FakeClock
from remediator.model.errors import PermanentError

START = datetime(2030, 1, 1, tzinfo=UTC)
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"


@pytest.fixture
def chassis() -> FakeChassis:
    return FakeChassis()


@pytest.fixture
async def bmc(chassis: FakeChassis) -> AsyncIterator[TestClient[Any, Any]]:
    app = Bmc(chassis, FakeClock(START), "secret").app()
    async with TestClient(TestServer(app), headers={HEADER: "secret"}) as client:
        yield client


async def test_power_goes_off_and_on(bmc: TestClient[Any, Any]) -> None:
    for reset_type, power in (("On", "On"), ("ForceOff", "Off"), ("ForceRestart", "On")):
        assert (await bmc.post(RESET, json={"ResetType": reset_type})).status == 204
        assert (await (await bmc.get(SYSTEM)).json())["PowerState"] == power


async def test_fault_answers_the_moment_from_which_it_counts(bmc: TestClient[Any, Any], chassis: FakeChassis) -> None:
    answer = await bmc.post("/lab/faults", json={"fault": "network_cut"})
    assert await answer.json() == {"at": START.timestamp()}
    assert chassis.truth().network is Network.CUT
    assert (await (await bmc.get("/lab/truth")).json())["network"] == "cut"


@pytest.mark.parametrize("token", ["", "wrong", "sécret"])
@pytest.mark.parametrize("path", [SYSTEM, "/lab/truth", "/nowhere"])
async def test_nothing_without_the_token(bmc: TestClient[Any, Any], path: str, token: str) -> None:
    assert (await bmc.get(path, headers={HEADER: token})).status == 401


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (RESET, {"ResetType": "Nmi"}, 400),
        (RESET, {}, 400),
        ("/lab/faults", {"fault": "earthquake"}, 400),
        ("/lab/faults", {"fault": 7}, 400),
        ("/lab/faults", {"fault": "agent_crash"}, 409),
        ("/lab/faults", {"fault": "wedge"}, 501),
    ],
)
async def test_what_cannot_be_done_says_why(
    bmc: TestClient[Any, Any], path: str, body: dict[str, Any], status: int
) -> None:
    answer = await bmc.post(path, json=body)
    assert answer.status == status
    assert (await answer.json())["error"]


def test_token_is_made_once_and_for_us_alone(tmp_path: Path) -> None:
    path = tmp_path / "bmc.token"
    token = load_token(path)
    assert len(token) > 30
    assert load_token(path) == token
    assert path.stat().st_mode & 0o777 == 0o600


def test_token_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bmc.token"
    path.write_text("known")
    path.chmod(0o644)
    with pytest.raises(PermanentError, match="others may read"):
        load_token(path)
