"""What a join's answer brings an agent besides keys: ceilings that bind it before any hello was answered."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from nacl.signing import SigningKey

from remediator.agent.trial import Trial, on_trial, running
from remediator.model.request import Origin
from remediator.wire.statements import Ceilings, signed_document

pytestmark = pytest.mark.slow
NONE_AT_ALL = Ceilings(120.0, 0.0, 0, 3600.0, datetime(2026, 8, 1, 12, tzinfo=UTC))


@pytest.fixture
async def host() -> AsyncIterator[Trial]:
    async with on_trial() as trial:
        yield trial


async def joined_anew(host: Trial, key: SigningKey) -> None:
    """The agent has forgotten its fleet, and joins it with these ceilings; no welcome tells of any."""
    await host.end()
    (host.data / "state" / "pinned.json").unlink()
    host.fake.ceilings = signed_document("ceilings", NONE_AT_ALL, key)
    assert not host.fake.welcome.ceilings


async def test_ceilings_of_the_join_bind_from_the_first_command_on_and_after_a_restart(host: Trial) -> None:
    await joined_anew(host, host.fake.signing)
    await host.start()
    await host.create("m1", running("exec sleep 600"))
    for _ in range(2):
        refused = await host.send("destroy", origin=Origin.AUTOMATIC, machine_id="m1")
        assert (refused["error"], refused["text"][:9]) == ("transient", "ceiling: ")
        await host.end()
        await host.start()
    assert (await host.send("destroy", origin=Origin.OPERATOR, machine_id="m1"))["ok"]


async def test_ceilings_that_another_has_signed_are_no_answer_to_a_join(host: Trial) -> None:
    await joined_anew(host, SigningKey.generate())
    host.launch()
    async with asyncio.timeout(10):
        while "its answer cannot be read" not in host.log:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert not (host.data / "state" / "pinned.json").exists()
