"""A real agent and its peers: what stops when everybody is lost, what never does, and the ceilings it holds."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from nacl.signing import SigningKey

from remediator.agent.peering import CHECK
from remediator.agent.trial import Trial, on_trial, running
from remediator.model.request import Origin
from remediator.wire.keys import key_text
from remediator.wire.messages import Command
from remediator.wire.statements import Ceilings, LeaseTerms, Peer, sign, signed_document
from tests.remediator.agent.waiting import comes_true

pytestmark = pytest.mark.slow

NOW = datetime(2026, 1, 2, tzinfo=UTC)
SLEEPS = running("exec sleep 600")
LEASE = 2.0


@dataclass
class Neighbour:
    """Answers peer checks as an agent does, while it is ``there``; ``asked`` names who asked."""

    name: str
    rack: str
    key: SigningKey = field(default_factory=SigningKey.generate)
    there: bool = True
    asked: list[str] = field(default_factory=list)
    url: str = ""

    async def start(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_get("/v1/peer", self.answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    async def answer(self, request: web.Request) -> web.Response:
        if not self.there:
            return web.Response(status=503)
        asker, nonce = request.query["from"], request.query["nonce"]
        self.asked.append(asker)
        signature = sign(CHECK, [self.name, asker, nonce], self.key)
        return web.json_response({"name": self.name, "signature": signature})

    @property
    def peer(self) -> Peer:
        return Peer(self.name, self.rack, self.url, key_text(self.key.verify_key))


@pytest.fixture
async def host() -> AsyncIterator[Trial]:
    async with on_trial() as trial:
        yield trial


@pytest.fixture
async def neighbours() -> AsyncIterator[list[Neighbour]]:
    made = [Neighbour("p1", "r1"), Neighbour("p2", "r2"), Neighbour("p3", "r3")]
    runners = [await each.start() for each in made]
    yield made
    for runner in runners:
        await runner.cleanup()


def disk(volume: str, metadata: dict[str, str]) -> dict[str, object]:
    """The config of a machine that alone writes to a volume."""
    return running("exec sleep 600", metadata=metadata, mounts=[{"volume": volume, "path": "/data"}])


async def welcome_anew(host: Trial, **more: Any) -> None:
    """The next welcome says this too."""
    port = int(host.fake.url.rpartition(":")[2])
    await host.fake.stop()
    host.fake.welcome = replace(host.fake.welcome, **more)
    before = len(host.fake.told)
    await host.fake.start(port)
    await host.fake.until(lambda: any(told["type"] == "report" for _, told in host.fake.told[before:]))


async def stops(host: Trial, machine: str, seconds: float) -> bool:
    for _ in range(int(seconds * 10)):
        if not host.processes(machine):
            return True
        await asyncio.sleep(0.1)
    return False


async def test_a_lease_ends_only_when_everybody_is_lost(host: Trial, neighbours: list[Neighbour]) -> None:
    terms = LeaseTerms("h1", LEASE, tuple(each.peer for each in neighbours), NOW)
    await welcome_anew(host, lease=signed_document("lease", terms, host.fake.signing), began="today")
    for volume, metadata in {"leased": {"lease": "true"}, "free": {}}.items():
        await host.send("create_volume", volume_id=volume, app="web", name="data", size_mb=8)
        created = await host.create(volume, disk(volume, metadata), volumes=[volume])
        assert created["ok"], created
    await host.create("plain", running("exec sleep 600", metadata={"lease": "true"}))
    hellos = [told for _, told in host.fake.told if told["type"] == "hello"]
    port = int(host.fake.url.rpartition(":")[2])
    await host.fake.stop()
    # Losing the remediator for longer than the lease stops nothing: the peers answer.
    assert not await stops(host, "leased", 8.0)
    assert {name for each in neighbours for name in each.asked} == {"h1"}
    # Nor does losing one of them, nor those of its own rack alone.
    neighbours[0].there = False
    assert not await stops(host, "leased", 3.0)
    neighbours[2].there = False
    assert await stops(host, "leased", 20.0)
    assert host.processes("free")
    assert host.processes("plain")
    # It waits for a word, and then goes on.
    before = len(host.fake.told)
    await host.fake.start(port)
    await comes_true(lambda: host.processes("leased"))
    again = next(told for _, told in host.fake.told[before:] if told["type"] == "hello")
    assert (hellos[-1]["peers"], again["peers"]) == ([], ["p1", "p2", "p3"])


async def test_automatic_destroys_above_the_ceiling_are_refused(host: Trial) -> None:
    held = Ceilings(120.0, 0.0, 1, 3600.0, NOW)
    await welcome_anew(host, ceilings=signed_document("ceilings", held, host.fake.signing))
    for machine in ("m1", "m2", "m3", "m4", "still"):
        await host.create(machine, SLEEPS, start=machine != "still")
    assert (await host.send("destroy", origin=Origin.AUTOMATIC, machine_id="still"))["ok"]
    assert (await host.send("destroy", origin=Origin.AUTOMATIC, machine_id="m1"))["ok"]
    refused = await host.send("destroy", origin=Origin.AUTOMATIC, machine_id="m2")
    assert (refused["error"], refused["text"][:9]) == ("transient", "ceiling: ")
    # What automatic decisions have added just before, they may take back.
    assert (await host.create("m5", SLEEPS, origin=Origin.AUTOMATIC))["ok"]
    assert (await host.send("destroy", origin=Origin.AUTOMATIC, machine_id="m5"))["ok"]
    # What a person asks for is not counted, if it is surely a person's.
    unsigned = Command("k9", "destroy", 1, 9_000, 1, Origin.OWNER, {"machine_id": "m2"}, signature="x")
    assert "not signed" in (await host.fake.send_command("h1", unsigned))["text"]
    host.fake.signs = False
    assert "ceiling: " in (await host.fake.send_command("h1", replace(unsigned, key="k10", signature="")))["text"]
    host.fake.signs = True
    assert len(host.processes("m2")) == 1
    for number, origin in enumerate((Origin.OWNER, Origin.OPERATOR)):
        command = Command(f"p{number}", "destroy", 1, 9_001 + number, 1, origin, {"machine_id": f"m{2 + number}"})
        assert (await host.fake.send_command("h1", command))["ok"]
    assert len(host.processes("m4")) == 1


async def test_who_was_away_for_less_than_patience_keeps_what_runs(host: Trial) -> None:
    held = Ceilings(4.0, 1.0, 9, 3600.0, NOW)
    await welcome_anew(host, ceilings=signed_document("ceilings", held, host.fake.signing), began="today")
    for machine in ("m1", "m2"):
        await host.create(machine, SLEEPS)
    await welcome_anew(host, condemned=("m1", "m2"), automatic=("m1",), epoch=2)
    await host.fake.until(lambda: "m2" in host.fake.absent)
    assert len(host.processes("m1")) == 1
    # A restart of the agent is no way around it; the end of patience is.
    await host.end()
    await host.start()
    assert len(host.processes("m1")) == 1
    await host.fake.until(lambda: "m1" in host.fake.absent, 15)


async def test_a_remediator_of_before_is_obeyed(host: Trial) -> None:
    host.fake.signs = False
    await welcome_anew(host, epoch=3)
    assert (await host.create("m1", SLEEPS))["ok"]
    assert (await host.send("stop", machine_id="m1"))["ok"]
    port = int(host.fake.url.rpartition(":")[2])
    await host.fake.stop()
    host.fake.condemn("m1")
    await host.fake.start(port)
    await host.fake.until(lambda: "m1" in host.fake.absent)


def test_ceilings_are_a_value() -> None:
    held = Ceilings(1.0, 0.5, 1, 1.0, NOW)
    assert replace(held, at=NOW + timedelta(1)) != held
