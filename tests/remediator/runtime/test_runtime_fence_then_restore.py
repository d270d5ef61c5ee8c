"""From a cut host to its volume elsewhere: power is taken after patience, is seen to be gone, then it is restored."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from remediator.drivers.bmc import Bmcs, BmcSession, Button, Reading
from remediator.drivers.power import PowerDriver
from remediator.drivers.protocol import Switch
from remediator.model.errors import TransientError
from remediator.model.evidence import Outcome
from remediator.model.host import Fence, Host, Identity, Life
from remediator.model.machine import Snapshot
from remediator.model.policy import Step
from remediator.model.request import Operation
from remediator.runtime.effects.fencing import objections
from remediator.settings import BmcEndpoint
from tests.remediator.builders import NOON, alert, host, machine, playbook, policy, volume
from tests.remediator.runtime.lab import Lab

STEPS = (
    Step("mark_host_dead"),
    Step("recreate", meanwhile=Step("fence", {"via": ["bmc"]})),
    Step("restore_volumes", {"max_data_loss": timedelta(hours=1)}),
    Step("condemn"),
)


@dataclass
class Chassis:
    """A chassis behind a BMC that may not answer; ``pressed`` counts its button."""

    state: str = "on"
    silent: bool = False
    pressed: list[Button] = field(default_factory=list)

    @asynccontextmanager
    async def dial(self, place: BmcEndpoint) -> AsyncIterator[BmcSession]:
        if self.silent:
            raise TransientError("its BMC does not answer")
        yield self

    async def read(self) -> Reading:
        return Reading("u1", self.state)

    async def press(self, button: Button) -> None:
        self.pressed.append(button)
        self.state = "off"


@pytest.fixture
async def cut() -> AsyncIterator[tuple[Lab, Chassis]]:
    """A host of three falls silent; on it a machine with a volume that has a snapshot."""
    lab, chassis = Lab(rules=policy(playbook(steps=STEPS))), Chassis()
    bmcs = Bmcs({"h1": BmcEndpoint("h1")}, {"redfish": chassis.dial})
    object_to = objections(lab.ledger, lab.clock.now, dict)
    lab.outbox._driver = Switch({"power_off": PowerDriver(bmcs, lab.clock, object_to)}, lab.driver)
    await lab.put(
        host("h1", "r1", identity=Identity(uuid="u1"), bmc_uuid="u1", bmc_at=NOON - timedelta(days=1)),
        host("h2", "r2"), host("h3", "r3"), volume("v1"), machine("db1", app="db", volumes=("v1",)),
        Snapshot("s1", "v1", "db", NOON - timedelta(minutes=5), 1, "d"),
    )  # fmt: skip
    lab.watch.alerts = lambda: (alert("h1", last_seen=lab.clock.now()),)
    yield lab, chassis
    await lab.outbox.close()
    await lab.ledger.close()


async def silent(lab: Lab, seconds: int) -> None:
    for _ in range(seconds):
        lab.wait(1)
        lab.probes(h1=Outcome.SILENT, h2=Outcome.OK, h3=Outcome.OK)
        await lab.tick()


def h1(lab: Lab) -> Host:
    return lab.ledger.all(Host)["h1"]


def sent(lab: Lab) -> set[str]:
    return {operation.verb for operation in lab.ledger.all(Operation).values()}


async def test_power_is_taken_after_patience_and_nothing_is_restored_before(cut: tuple[Lab, Chassis]) -> None:
    lab, chassis = cut
    await silent(lab, 60)
    assert (h1(lab).life, h1(lab).fence, chassis.pressed) == (Life.DEAD, Fence.NONE, [])
    assert "create_volume" not in sent(lab)
    await silent(lab, 70)
    assert (h1(lab).fence, h1(lab).fence_by, chassis.pressed) == (Fence.PROVED, "bmc", [Button.OFF])
    assert "create_volume" in sent(lab)
    await silent(lab, 20)
    assert chassis.pressed == [Button.OFF]


async def test_a_bmc_that_does_not_answer_leaves_the_volume_waiting(cut: tuple[Lab, Chassis]) -> None:
    lab, chassis = cut
    chassis.silent = True
    await silent(lab, 200)
    assert (h1(lab).fence, "create_volume" in sent(lab)) == (Fence.FAILED, False)
    chassis.silent = False
    await silent(lab, 300)
    assert (h1(lab).fence, chassis.pressed) == (Fence.PROVED, [Button.OFF])


async def test_a_host_that_comes_back_is_never_turned_off_late(cut: tuple[Lab, Chassis]) -> None:
    lab, chassis = cut
    chassis.silent = True
    await silent(lab, 128)
    assert h1(lab).fence is Fence.PENDING
    from tests.remediator.runtime.lab import hello, record

    back = hello("h1", record("db1", volumes=["v1"]), identity={"uuid": "u1", "agent_key": "", "data_id": ""})
    await lab.agents.greeted("h1", back)
    chassis.silent = False
    for _ in range(30):
        lab.wait(1)
        lab.probes(h1=Outcome.OK, h2=Outcome.OK, h3=Outcome.OK)
        await lab.tick()
    assert (chassis.pressed, h1(lab).fence) == ([], Fence.NONE)
