"""The hourly look at who may speak for healthy hosts: who comes first, who waits, and who is found cut off."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

import aiohttp
import pytest

from remediator.drivers.bmc import Reading
from remediator.drivers.orchestrator import Orchestrator, Statement
from remediator.model.host import Fence, Host, Identity
from remediator.model.request import Operation, Stage
from remediator.runtime.agents.rounds import BY_ORCHESTRATOR, KNOWN_EVERY, KnownRound
from remediator.runtime.effects.fences_seen import FenceRound
from remediator.runtime.effects.fencing import lift
from remediator.settings import Endpoint
from tests.remediator.builders import NOON, dead, host
from tests.remediator.runtime.lab import Lab

OWN = Identity(uuid="u1")
MINUTE = 60


@dataclass
class Told:
    """Whoever is asked, with what it says of each host; of others it knows nothing, or fails."""

    says: dict[str, Reading]
    error: Exception | None = None
    asked: list[str] = field(default_factory=list)

    def knows(self, host: str) -> bool:
        return bool(host)

    async def read(self, host: str) -> Reading:
        self.asked.append(host)
        if host in self.says:
            return self.says[host]
        if self.error:
            raise self.error
        return Reading("", "unknown")


def h1(lab: Lab) -> Host:
    return lab.ledger.all(Host)["h1"]


def round_of(lab: Lab, told: Told) -> KnownRound:
    return KnownRound(lab.ledger, told, lab.clock, BY_ORCHESTRATOR)


async def lifted(lab: Lab) -> None:
    async with lab.ledger.writing() as draft:
        lift(lab.watch.fleet(), draft, lab.clock.now())
    await lab.send()


async def test_hosts_of_which_nothing_is_told_keep_no_other_from_being_asked(lab: Lab) -> None:
    unknown = [host(f"a{number}", identity=Identity(uuid=f"a{number}")) for number in range(40)]
    await lab.put(*unknown, host("h1", identity=OWN, orchestrator_uuid="u1", orchestrator_at=NOON - KNOWN_EVERY))
    known = round_of(lab, told := Told({"h1": Reading("u1", "none")}))
    await known.look()
    lab.wait(MINUTE)
    await known.look()
    assert len(told.asked) == 64
    assert h1(lab).orchestrator_at == NOON + timedelta(minutes=1)


async def test_who_tells_nothing_is_asked_less_and_less_often(lab: Lab) -> None:
    await lab.put(host(identity=OWN))
    known, asked = round_of(lab, told := Told({})), []
    for minute in range(250):
        before = len(told.asked)
        await known.look()
        asked += [minute] if len(told.asked) > before else []
        lab.wait(MINUTE)
    assert asked == [0, 1, 3, 7, 15, 31, 63, 123, 183, 243]
    # Once it has told, it begins anew.
    told.says["h1"] = Reading("u1", "none")
    lab.wait(3600)
    await known.look()
    assert h1(lab).orchestrator_uuid == "u1"
    del told.says["h1"]
    lab.wait(3600)
    await known.look()
    lab.wait(MINUTE)
    await known.look()
    assert len(told.asked) == 13


async def test_a_failing_look_keeps_no_other_host_from_being_heard(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    await lab.put(host(identity=OWN), host("h2", identity=Identity(uuid="u2")))
    await round_of(lab, Told({"h1": Reading("u1", "none")}, ValueError("secret"))).look()
    assert h1(lab).orchestrator_uuid == "u1"
    assert caplog.messages == ["asking who speaks for h2 failed: ValueError"]


class Failing(Orchestrator):
    """Fails in a way that nobody thought of."""

    async def statement(self, host: str) -> Statement:
        raise ValueError(f"secret of {host}")


async def test_a_failing_look_at_a_fence_says_nothing(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    cut_off = dead(identity=OWN, cut_off_in=1, fence=Fence.PROVED, fence_by="orchestrator", fence_at=NOON)
    await lab.put(cut_off)
    async with aiohttp.ClientSession() as http:
        await FenceRound(lab.ledger, Failing(http, Endpoint("http://nowhere")), lab.clock).look()
    assert h1(lab) == cut_off
    assert caplog.messages == ["asking for the fence of h1 failed: ValueError"]


@pytest.mark.parametrize(
    ("reading", "epoch"),
    [(Reading("u1", "fenced", 2), 2), (Reading("u1", "fenced"), 3), (Reading("u1", "pending"), 3)],
)
async def test_a_healthy_host_that_is_cut_off_for_an_earlier_life_is_let_go(
    lab: Lab, reading: Reading, epoch: int
) -> None:
    """The journal was restored: of the request it knows nothing."""
    await lab.put(host(identity=OWN, epoch=4))
    known = round_of(lab, told := Told({"h1": reading}))
    await known.look()
    assert (h1(lab).cut_off_in, h1(lab).orchestrator_uuid, h1(lab).takes_work) == (epoch, "u1", False)
    assert [each["text"] for each in await lab.told("fence")] == [
        f"it is well, and the orchestrator says {reading.state}: that of epoch {epoch} is to be lifted"
    ]
    await lifted(lab)
    assert (h1(lab).cut_off_in, h1(lab).takes_work) == (0, True)
    # And once more, should it be cut off again in this life.
    lab.wait(KNOWN_EVERY.total_seconds())
    await known.look()
    assert (len(told.asked), h1(lab).takes_work) == (2, False)
    await lifted(lab)
    assert h1(lab).takes_work
    assert lab.ledger.all(Operation)["unfence:h1:4"].stage is Stage.DONE


@pytest.mark.parametrize("reading", [
    Reading("u1", "none"), Reading("u1", "unknown"), Reading("u1", "on"), Reading("u1", "none", 3),
    # Of this life, or of one to come: that is not ours to lift.
    Reading("u1", "fenced", 4), Reading("u1", "fenced", 5), Reading("u1", "fenced", -1),
    Reading("u2", "fenced", 3),
])  # fmt: skip
async def test_nothing_is_owed_to_whom_no_earlier_fence_holds(lab: Lab, reading: Reading) -> None:
    await lab.put(host(identity=OWN, epoch=4))
    await round_of(lab, Told({"h1": reading})).look()
    assert (h1(lab).cut_off_in, await lab.told("fence")) == (0, [])


async def test_a_host_in_its_first_life_has_none_before(lab: Lab) -> None:
    await lab.put(host(identity=OWN))
    await round_of(lab, Told({"h1": Reading("u1", "fenced")})).look()
    assert h1(lab).cut_off_in == 0


async def test_what_is_owed_already_is_not_said_again(lab: Lab) -> None:
    await lab.put(replace(host(identity=OWN, epoch=4), cut_off_in=1))
    await round_of(lab, Told({"h1": Reading("u1", "fenced", 3)})).look()
    assert (h1(lab).cut_off_in, await lab.told("fence")) == (1, [])
