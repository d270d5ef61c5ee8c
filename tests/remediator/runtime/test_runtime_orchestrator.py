"""An orchestrator's fence on its way through the journal: asked for, seen, gone again, lifted before admission."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from remediator.actions.effects import Fence as FenceEffect
from remediator.drivers.fencing import fencing_of
from remediator.drivers.orchestrator import Orchestrator
from remediator.drivers.protocol import Switch
from remediator.engine.machines.admission import Admission, admission, early
from remediator.model.evidence import VerdictKind
from remediator.model.host import Fence, Host, Identity, Life
from remediator.model.request import Operation, Stage
from remediator.runtime.agents.rounds import BY_ORCHESTRATOR, KnownRound
from remediator.runtime.effects import written as effects
from remediator.runtime.effects.fences_seen import FenceRound
from remediator.runtime.effects.fencing import GIVE_UP, contradict, fence_done, forgo, lift, objections
from remediator.runtime.effects.outbox import Outbox
from remediator.settings import Endpoint
from tests.remediator.builders import NOON, SECOND, dead, fleet, host, machine, returning, sighting, verdict
from tests.remediator.drivers.cutting import TOKEN, Cutter, serving
from tests.remediator.runtime.lab import Lab, as_written

EFFECT = FenceEffect("h1", 1, "orchestrator", "u1")
LOST = dead(identity=Identity(uuid="u1"), ago=timedelta(minutes=3))


@dataclass
class Site:
    """The runtime, and an orchestrator."""

    lab: Lab
    cutter: Cutter
    orchestrator: Orchestrator

    @property
    def h1(self) -> Host:
        return self.lab.ledger.all(Host)["h1"]

    @property
    def stage(self) -> Stage:
        return self.lab.ledger.all(Operation)[EFFECT.key].stage

    async def decided(self) -> None:
        async with self.lab.ledger.writing() as draft:
            effects.write(EFFECT, draft, "d1", self.lab.clock.now())

    async def under_way(self) -> asyncio.Event:
        """A fence that is asked for, and goes on once that event is set."""
        asked, on = asyncio.Event(), asyncio.Event()

        async def cut(_host: str, _on: bool) -> None:
            asked.set()
            await on.wait()

        self.cutter.cut = cut
        await self.lab.put(LOST)
        await self.decided()
        self.lab.outbox.send_due(frozenset(), "", self.lab.clock.now())
        await asked.wait()
        return on

    async def followed(self, *what: Any) -> None:
        """What each tick makes of the rows."""
        async with self.lab.ledger.writing() as draft:
            for each in what:
                each(self.lab.watch.fleet(), draft, self.lab.clock.now())

    async def look(self) -> None:
        await FenceRound(self.lab.ledger, self.orchestrator, self.lab.clock).look()

    async def hears(self, kind: VerdictKind) -> None:
        """One tick in which direct evidence says that of it."""
        seen = replace(self.lab.watch.fleet(), verdicts={"h1": verdict(kind=kind)})
        async with self.lab.ledger.writing() as draft:
            forgo(seen, draft, self.lab.clock.now())
            contradict(seen, draft, self.lab.clock.now())


@pytest.fixture
async def site(lab: Lab, tmp_path: Path) -> AsyncIterator[Site]:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    async with aiohttp.ClientSession() as http, serving(Cutter(lab.clock.now, {"h1": "u1"})) as cutter:
        object_to = objections(lab.ledger, lab.clock.now, dict)
        place = Endpoint(cutter.url, token)
        orchestrator, verbs = fencing_of(place, http, lab.clock, object_to, GIVE_UP)
        assert orchestrator
        lab.outbox._driver = Switch(verbs, lab.driver)
        yield Site(lab, cutter, orchestrator)


async def test_it_is_owed_from_before_the_call_and_proved_after_it(site: Site) -> None:
    await site.lab.put(LOST)
    await site.decided()
    assert (site.h1.fence, site.h1.fence_by, site.h1.cut_off_in) == (Fence.PENDING, "orchestrator", 1)
    await site.lab.send()
    assert (site.h1.fence, site.h1.fence_by, site.stage) == (Fence.PROVED, "orchestrator", Stage.DONE)
    assert await site.lab.told("fence") == [
        {"by": "orchestrator", "fence": "proved", "text": "fenced by switch port 7"}
    ]
    assert site.cutter.fences["h1"]["boot_id"] == "boot-h1"


async def test_another_identity_leaves_it_failed(site: Site) -> None:
    await site.lab.put(LOST)
    await site.decided()
    site.cutter.chassis["h1"] = "u2"
    await site.lab.send()
    assert (site.h1.fence, site.stage, site.cutter.posted) == (Fence.FAILED, Stage.FAILED, [])


async def test_after_a_crash_between_request_and_proof_the_same_key_finds_it(site: Site) -> None:
    lab, on = site.lab, await site.under_way()
    await lab.outbox.close()
    assert (site.h1.fence, site.stage) == (Fence.PENDING, Stage.WRITTEN)
    on.set()
    again = Outbox(lab.ledger, lab.outbox._driver, as_written, lab.clock, lab.tally)
    again.send_due(frozenset(), "", lab.clock.now())
    await asyncio.gather(*again._flying.values())
    assert (site.h1.fence, site.stage, site.cutter.done) == (Fence.PROVED, Stage.DONE, [EFFECT.key])


async def test_a_fence_that_comes_late_is_found_when_nobody_asks_any_more(site: Site) -> None:
    await site.lab.put(LOST)
    await site.decided()
    site.cutter.looks = 1000
    await site.lab.send()
    site.lab.wait(GIVE_UP.total_seconds())
    await site.followed(forgo)
    assert (site.h1.fence, site.stage) == (Fence.FAILED, Stage.FAILED)
    await site.look()
    assert site.h1.fence is Fence.FAILED
    site.cutter.waiting.clear()
    await site.look()
    assert (site.h1.fence, site.h1.fence_by) == (Fence.PROVED, "orchestrator")
    assert (await site.lab.told("fence"))[-1]["text"] == "found fenced by switch port 7"


def _lifted(site: Site) -> None:
    site.cutter.fences.clear()


def _of_another(site: Site) -> None:
    site.cutter.wrong = {"chassis": "u2"}


@pytest.mark.parametrize("change", [_lifted, _of_another])
async def test_a_proof_that_no_longer_holds_is_taken_back(site: Site, change: Callable[[Site], None]) -> None:
    await site.lab.put(LOST)
    await site.decided()
    await site.lab.send()
    await site.look()
    assert site.h1.fence is Fence.PROVED
    change(site)
    await site.look()
    assert (site.h1.fence, site.h1.fence_at, site.h1.cut_off_in) == (Fence.NONE, None, 1)


async def test_what_was_said_before_somebody_heard_it_never_counts_again(site: Site) -> None:
    await site.lab.put(LOST)
    await site.decided()
    await site.lab.send()
    site.lab.wait(5)
    await site.hears(VerdictKind.DEAD)
    assert (site.h1.fence, site.h1.heard_at) == (Fence.PROVED, None)
    await site.hears(VerdictKind.PARTITIONED)
    assert (site.h1.fence, site.h1.heard_at) == (Fence.NONE, site.lab.clock.now())
    await site.look()
    assert (site.h1.fence, site.h1.fence_by) == (Fence.NONE, "")
    # What is newer does.
    site.lab.wait(5)
    site.cutter.fences["h1"]["at"] = site.lab.clock.now().isoformat()
    await site.look()
    assert (site.h1.fence, site.h1.fence_by) == (Fence.PROVED, "orchestrator")


async def test_a_proof_that_was_on_its_way_when_somebody_heard_the_host_is_none(site: Site) -> None:
    lab, on = site.lab, await site.under_way()
    await site.hears(VerdictKind.ALIVE)
    on.set()
    await lab.flights()
    assert (site.h1.fence, site.cutter.done) == (Fence.FAILED, [EFFECT.key])


async def test_a_try_that_ends_after_it_was_given_up_opens_nothing_again(site: Site) -> None:
    lab = site.lab
    await lab.put(LOST)
    await site.decided()
    site.cutter.hangs = True
    lab.outbox.send_due(frozenset(), "", lab.clock.now())
    await site.cutter.was_asked.wait()
    lab.wait(GIVE_UP.total_seconds() + 1)
    await site.followed(forgo)
    assert (site.h1.fence, site.stage) == (Fence.FAILED, Stage.FAILED)
    site.cutter.hang_up()
    await lab.flights()
    assert (site.h1.fence, site.stage) == (Fence.FAILED, Stage.FAILED)


async def test_silence_takes_no_proof_back(site: Site) -> None:
    await site.lab.put(LOST)
    await site.decided()
    await site.lab.send()
    site.cutter.status = 503
    await site.look()
    assert site.h1.fence is Fence.PROVED


@pytest.mark.parametrize("by", ["bmc", "ada: destroyed"])
async def test_another_ones_proof_is_not_its_to_take_back(site: Site, by: str) -> None:
    await site.lab.put(replace(LOST.fenced(Fence.PROVED, by=by, now=NOON), cut_off_in=1))
    await site.look()
    assert site.h1.fence_by == by


async def test_who_is_proved_to_be_off_meanwhile_is_not_cut_off_as_well(site: Site) -> None:
    await site.lab.put(LOST)
    await site.decided()
    await site.lab.put(site.h1.fenced(Fence.PROVED, by="bmc", now=NOON))
    await site.lab.send()
    assert (site.h1.fence, site.h1.fence_by, site.stage) == (Fence.PROVED, "bmc", Stage.FAILED)
    assert site.cutter.posted == []


async def test_a_host_that_came_back_meanwhile_is_not_fenced(site: Site) -> None:
    """Its fence was under way: it is neither asked for nor believed any more, and what is in force is lifted."""
    await site.lab.put(LOST)
    await site.decided()
    back = site.h1.moved_to(Life.RETURNING, now=site.lab.clock.now(), reason="back")
    await site.lab.put(back)
    await site.lab.send()
    assert (site.h1.fence, site.stage, site.cutter.posted) == (Fence.NONE, Stage.FAILED, [])
    await site.followed(lift)
    await site.lab.send()
    assert (site.h1.cut_off_in, site.cutter.posted) == (0, ["unfence:h1:2"])
    assert (await site.lab.told("fence"))[-1] == {"by": "orchestrator", "fence": "none", "text": "lifted"}


async def test_it_is_admitted_only_when_it_was_seen_to_be_let_go(site: Site) -> None:
    await site.lab.put(LOST)
    await site.decided()
    await site.lab.send()
    await site.lab.put(site.h1.moved_to(Life.RETURNING, now=site.lab.clock.now(), reason="back"))
    site.cutter.status = 503
    await site.followed(lift, lift)
    await site.lab.send()
    here = sighting("h1", heart=0, connected=True)
    word = "the orchestrator has not yet let it go that was to cut it off (the orchestrator answers 503)"
    lifting = site.lab.ledger.all(Operation)["unfence:h1:2"]
    assert admission(fleet(site.h1, here, machine(), lifting), site.h1, NOON) == word
    assert early(fleet(site.h1, here, machine()), site.h1, NOON) == Admission("h1")
    site.cutter.status = 0
    site.lab.wait(5)
    await site.lab.send()
    assert site.cutter.fences == {}
    assert isinstance(admission(fleet(site.h1, here, machine()), site.h1, NOON), Admission)
    await site.followed(lift)
    assert site.cutter.posted == [EFFECT.key, *2 * ["unfence:h1:2"]]


async def test_a_host_that_an_old_fence_cuts_off_again_is_let_go_all_the_same(site: Site) -> None:
    """It greeted just before its fence took effect: its next death may be that very fence."""
    await site.lab.put(LOST)
    await site.decided()
    await site.lab.send()
    back = site.h1.moved_to(Life.RETURNING, now=site.lab.clock.now(), reason="back")
    await site.lab.put(back.moved_to(Life.DEAD, now=site.lab.clock.now(), reason="cut off"))
    await site.look()
    assert site.h1.fence is Fence.NONE
    await site.followed(lift)
    await site.lab.send()
    assert (site.cutter.fences, site.h1.cut_off_in) == ({}, 0)


async def test_a_lift_touches_no_fence_of_a_later_life(site: Site) -> None:
    await site.lab.put(returning(cut_off_in=1, identity=Identity(uuid="u1")))
    await site.followed(lift)
    (key,) = site.lab.ledger.all(Operation)
    await site.lab.put(replace(site.h1.moved_to(Life.DEAD, now=NOON, reason="lost"), cut_off_in=2))
    site.cutter.fences["h1"] = {"at": NOON.isoformat(), "by": "port 7", "chassis": "u1", "epoch": 2}
    await site.lab.send()
    assert (key, site.h1.cut_off_in, list(site.cutter.fences)) == ("unfence:h1:2", 2, ["h1"])
    async with site.lab.ledger.writing() as draft:
        fence_done(site.lab.ledger.all(Operation)[key], {}, draft, NOON)
    assert site.h1.cut_off_in == 2
    await site.lab.put(site.h1.moved_to(Life.RETURNING, now=NOON, reason="back"))
    await site.followed(lift)
    assert list(site.lab.ledger.all(Operation)) == ["unfence:h1:3"]


async def test_whom_the_orchestrator_means_is_asked_while_the_host_is_healthy(site: Site) -> None:
    known = KnownRound(site.lab.ledger, site.orchestrator, site.lab.clock, BY_ORCHESTRATOR)
    await site.lab.put(host(identity=Identity(uuid="u1")))
    await known.look()
    assert (site.h1.orchestrator_uuid, site.h1.orchestrator_at, site.h1.bmc_uuid) == ("u1", NOON, "")
    assert site.h1.orchestrator_speaks(NOON + timedelta(days=7))
    assert not site.h1.orchestrator_speaks(NOON + timedelta(days=7) + SECOND)
    site.cutter.chassis["h1"] = "u2\n"
    site.lab.wait(3600)
    await known.look()
    assert (site.h1.orchestrator_uuid, site.h1.orchestrator_at) == ("", None)
    assert [each["text"] for each in await site.lab.told("notice")] == [
        "the orchestrator means another chassis (u2); its own says u1"
    ]
