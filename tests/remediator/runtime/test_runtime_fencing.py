"""A fence on its way through the journal: pending, proved, failed or forgone; and whose BMC is whose."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from remediator.actions.effects import Fence as FenceEffect
from remediator.actions.effects import PowerCycle
from remediator.drivers.bmc import Bmcs, BmcSession, Button, Reading
from remediator.model.evidence import VerdictKind
from remediator.model.host import Fence, Host, Identity, Life
from remediator.model.people import OperatorHold, Scope
from remediator.model.request import Operation, Stage
from remediator.runtime.agents.rounds import KNOWN_EVERY, KnownRound, PowerRound
from remediator.runtime.effects import written as effects
from remediator.runtime.effects.fencing import forgo, objections
from remediator.settings import BmcEndpoint
from tests.remediator.builders import NOON, SECOND, dead, host, verdict
from tests.remediator.runtime.lab import Lab

EFFECT = FenceEffect("h1", 1, "bmc", "u1")
CYCLE = PowerCycle("h1", 1, "u1", "boot-h1")


async def written(lab: Lab, *effect: Any) -> None:
    async with lab.ledger.writing() as draft:
        for each in effect:
            effects.write(each, draft, "d1", lab.clock.now())


def the(lab: Lab) -> Host:
    known = lab.ledger.get(Host, "h1")
    assert known is not None
    return known


def operation_of(lab: Lab, key: str = EFFECT.key) -> Operation:
    known = lab.ledger.get(Operation, key)
    assert known is not None
    return known


async def test_a_fence_is_pending_from_before_the_call_and_proved_after_it(lab: Lab) -> None:
    await lab.put(dead())
    await written(lab, EFFECT)
    assert (the(lab).fence, the(lab).fence_by) == (Fence.PENDING, "bmc")
    assert (operation_of(lab).verb, operation_of(lab).host) == ("power_off", "")
    await lab.send()
    assert (the(lab).fence, the(lab).fence_by, operation_of(lab).stage) == (Fence.PROVED, "bmc", Stage.DONE)
    assert await lab.told("fence") == [{"by": "bmc", "fence": "proved", "text": "turned off"}]


async def test_where_no_orchestrator_is_set_the_fence_has_failed() -> None:
    from remediator.drivers.protocol import NoFencing

    lab = Lab()
    await lab.put(dead())
    await written(lab, replace(EFFECT, via="orchestrator"))
    made = operation_of(lab, replace(EFFECT, via="orchestrator").key)
    lab.outbox._driver = NoFencing()
    await lab.send()
    assert (the(lab).fence, made.verb) == (Fence.FAILED, "fence_host")
    await lab.outbox.close()
    await lab.ledger.close()


@pytest.mark.parametrize("change", [{"life": Life.RETURNING, "epoch": 2}, {"life": Life.DEAD, "epoch": 2}])
async def test_a_host_that_is_back_keeps_its_power(lab: Lab, change: dict[str, Any]) -> None:
    await lab.put(dead())
    await written(lab, EFFECT)
    await lab.put(replace(the(lab).unfenced(), **change))
    assert "has returned" in objections(lab.ledger, lab.clock.now, dict)(operation_of(lab))
    async with lab.ledger.writing() as draft:
        forgo(lab.watch.fleet(), draft, lab.clock.now())
    assert operation_of(lab).stage is Stage.FAILED
    assert the(lab).fence is Fence.NONE


@pytest.mark.parametrize(
    ("kind", "stays"),
    [
        (VerdictKind.PARTITIONED, True),
        (VerdictKind.ALIVE, True),
        (VerdictKind.AGENT_GONE, True),
        (VerdictKind.DEAD, False),
        (VerdictKind.NO_EVIDENCE, False),
    ],
)
async def test_whom_somebody_hears_again_keeps_its_power(lab: Lab, kind: VerdictKind, stays: bool) -> None:
    """Its life is over until it greets; its button is not pressed for all that."""
    await lab.put(dead())
    await written(lab, EFFECT)
    seen = replace(lab.watch.fleet(), verdicts={"h1": verdict(kind=kind)})
    async with lab.ledger.writing() as draft:
        forgo(seen, draft, lab.clock.now())
    assert (operation_of(lab).stage is Stage.FAILED, the(lab).fence is Fence.FAILED) == (stays, stays)
    objects = objections(lab.ledger, lab.clock.now, dict)(operation_of(lab))
    assert objects == ("it was given up" if stays else "")


async def test_what_a_person_has_said_to_be_gone_keeps_its_power(lab: Lab) -> None:
    await lab.put(dead())
    await written(lab, EFFECT)
    await lab.put(replace(the(lab), attested="wiped", attested_by="ada"))
    objects = objections(lab.ledger, lab.clock.now, dict)(operation_of(lab))
    assert objects == "it is wiped: attested by ada"
    async with lab.ledger.writing() as draft:
        forgo(lab.watch.fleet(), draft, lab.clock.now())
    assert operation_of(lab).stage is Stage.FAILED


async def test_what_nobody_answered_in_time_is_given_up(lab: Lab) -> None:
    await lab.put(dead())
    await written(lab, EFFECT)
    lab.wait(61)
    async with lab.ledger.writing() as draft:
        forgo(lab.watch.fleet(), draft, lab.clock.now())
    assert (operation_of(lab).stage, the(lab).fence) == (Stage.FAILED, Fence.FAILED)
    assert (await lab.told("fence"))[0]["text"] == "not done within 60 s: no answer"


async def test_just_before_the_button_the_rows_are_read_again(lab: Lab) -> None:
    await lab.put(dead())
    await written(lab, EFFECT)
    held, now = operation_of(lab), lab.clock.now
    assert objections(lab.ledger, now, dict)(held) == ""
    assert objections(lab.ledger, now, lambda: {"frozen": "by ada: a drill"})(held) == "frozen: by ada: a drill"
    for scope, name in ((Scope.HOST, "h1"), (Scope.RACK, "r1"), (Scope.REGION, "arn"), (Scope.FLEET, "fleet")):
        hold = OperatorHold(scope, name, "ada", "looking", NOON, NOON + timedelta(hours=1))
        await lab.put(hold)
        assert objections(lab.ledger, now, dict)(held) == "held by ada: looking"
        async with lab.ledger.writing() as draft:
            draft.delete(hold)
    await lab.put(OperatorHold(Scope.HOST, "h10", "ada", "looking", NOON, NOON + timedelta(hours=1)))
    await lab.put(replace(the(lab), maintenance_until=NOON + timedelta(hours=1)))
    assert objections(lab.ledger, now, dict)(held) == "the host is in maintenance"
    async with lab.ledger.writing() as draft:
        draft.delete(held)
    assert objections(lab.ledger, now, dict)(held) == "it was given up"


async def test_a_host_that_has_booted_is_not_cycled_again(lab: Lab) -> None:
    await lab.put(host())
    await written(lab, CYCLE)
    object_to = objections(lab.ledger, lab.clock.now, dict)
    assert object_to(operation_of(lab, CYCLE.key)) == ""
    await lab.put(replace(the(lab), boot_id="boot-2"))
    assert "has booted since" in object_to(operation_of(lab, CYCLE.key))
    await lab.put(replace(the(lab), boot_id="boot-h1", life=Life.DEAD))
    assert "is lost" in object_to(operation_of(lab, CYCLE.key))


@dataclass
class Chassis:
    """BMCs that say what a test has them say, and count who asked."""

    says: dict[str, Reading]
    asked: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def dial(self, place: BmcEndpoint) -> AsyncIterator[BmcSession]:
        self.asked.append(place.url)
        yield _Answering(self.says[place.url])

    @property
    def bmcs(self) -> Bmcs:
        return Bmcs({name: BmcEndpoint(name) for name in self.says}, {"redfish": self.dial})


@dataclass(frozen=True)
class _Answering:
    says: Reading

    async def read(self) -> Reading:
        return self.says

    async def press(self, button: Button) -> None:
        raise AssertionError(button)


OWN = Identity(uuid="u1")


async def test_a_bmc_is_known_while_its_host_is_healthy(lab: Lab) -> None:
    await lab.put(host(identity=OWN), host("h2", identity=Identity(uuid="u2"), life=Life.SUSPECT), host("h3"))
    chassis = Chassis({"h1": Reading("u1", "on"), "h2": Reading("u2", "on"), "h3": Reading("u3", "on")})
    known = KnownRound(lab.ledger, chassis.bmcs, lab.clock)
    await known.look()
    await known.look()
    # h2 is in doubt, and nobody told what chassis h3 is.
    assert chassis.asked == ["h1"]
    assert (the(lab).bmc_uuid, the(lab).bmc_at) == ("u1", NOON)
    assert the(lab).bmc_speaks(NOON + timedelta(days=7))
    assert not the(lab).bmc_speaks(NOON + timedelta(days=7, seconds=1))
    lab.wait(KNOWN_EVERY.total_seconds())
    await known.look()
    assert the(lab).bmc_at == NOON + KNOWN_EVERY


async def test_the_bmc_of_another_chassis_is_told_once_and_never_speaks(lab: Lab) -> None:
    await lab.put(host(identity=OWN, bmc_uuid="u1", bmc_at=NOON - timedelta(hours=2)))
    chassis = Chassis({"h1": Reading("u9", "on")})
    known = KnownRound(lab.ledger, chassis.bmcs, lab.clock)
    for _ in range(3):
        await known.look()
        lab.wait(61)
    assert (the(lab).bmc_uuid, the(lab).bmc_at) == ("", None)
    assert [each["text"] for each in await lab.told("notice")] == [
        "its BMC is that of another chassis (u9); its own says u1"
    ]


@pytest.mark.parametrize(("bmc_at", "says", "state"), [
    (NOON - SECOND, "u1", "off"),
    (NOON - SECOND, "u2", "unknown"),
    (NOON - timedelta(days=8), "u1", ""),
])  # fmt: skip
async def test_only_a_known_bmc_is_a_witness(lab: Lab, bmc_at: Any, says: str, state: str) -> None:
    lost = dead(identity=OWN, bmc_uuid="u1", bmc_at=bmc_at)
    await lab.put(lost)
    bmcs = Chassis({"h1": Reading(says, "off")}).bmcs
    await PowerRound(lab.watch.doubted, lab.evidence, bmcs, lab.clock)._ask(lost)
    assert lab.watch.evidence.sightings({"h1": ()})["h1"].power == state


async def test_a_bmc_that_does_not_answer_keeps_no_other_from_being_heard(lab: Lab) -> None:
    known: dict[str, Any] = {"identity": OWN, "bmc_uuid": "u1", "bmc_at": NOON - SECOND}
    await lab.put(dead("h1", **known), dead("h2", **known))
    never = asyncio.Event()

    @asynccontextmanager
    async def dial(place: BmcEndpoint) -> AsyncIterator[BmcSession]:
        if place.url == "h1":
            await never.wait()
        yield _Answering(Reading("u1", "off"))

    bmcs = Bmcs({name: BmcEndpoint(name) for name in ("h1", "h2")}, {"redfish": dial})
    power = asyncio.create_task(PowerRound(lab.watch.doubted, lab.evidence, bmcs, lab.clock).run())
    for _ in range(20):
        await asyncio.sleep(0)
    seen = lab.evidence.sightings({"h1": (), "h2": ()})
    power.cancel()
    await asyncio.gather(power, return_exceptions=True)
    assert (seen["h1"].power, seen["h2"].power) == ("", "off")
