"""Whose word counts, and how fast: welcomes, condemned machines, stale orders, keys sent twice, freezes."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from remediator.agent.trial import Trial, on_trial, port_of, running, serving
from remediator.agent.upkeep import TIDY_SECONDS
from remediator.model.machine import Sealed
from remediator.model.request import Origin
from remediator.wire.fake_remediator import FakeRemediator
from remediator.wire.freeze import sign_freeze
from remediator.wire.keys import parse_verify_key
from remediator.wire.messages import Command, Welcome
from remediator.wire.sealing import check_envelope, digest, open_config
from tests.remediator.agent.waiting import comes_true

pytestmark = pytest.mark.slow

NOW = datetime(2026, 1, 2, tzinfo=UTC)
MANY = 50
# What must not start has not by then.
NOT_YET_SECONDS = 1.0


@pytest.fixture
async def host() -> AsyncIterator[Trial]:
    async with on_trial() as trial:
        yield trial


async def test_the_condemned_are_gone_once_welcomed(host: Trial) -> None:
    machines = [f"m{number}" for number in range(MANY)]
    stubborn = running("trap '' TERM; setsid sleep 600 & exec sleep 600")
    await asyncio.gather(*(host.create(machine, stubborn) for machine in machines))
    kept = (await host.create("kept", running("exec sleep 600")))["value"]["record"]
    await host.end()
    host.fake.condemn(*machines, "never-heard-of")
    await host.start()
    await host.fake.until(lambda: {*machines, "never-heard-of"} <= set(host.fake.absent))
    assert not any(host.processes(machine) for machine in machines)
    assert list((host.data / "disk/machines").iterdir()) == [host.data / "disk/machines/kept"]
    assert host.processes("kept") == {kept["pid"]}


async def test_a_condemned_machine_does_not_start_again(host: Trial) -> None:
    await host.create("m1", running("exec sleep 600", restart={"policy": "always"}))
    await host.end()
    host.fake.condemn("m1")
    host.boot_id = "another-life"
    await host.start()
    await host.fake.until(lambda: "m1" in host.fake.absent)
    await host.end()
    await host.start()
    assert host.processes("m1") == set()


async def test_an_older_leader_is_not_obeyed(host: Trial) -> None:
    host.fake.welcome = Welcome(epoch=1, incarnation="1", term=5)
    await host.end()
    await host.start()
    await host.create("m1", running("exec sleep 600"))
    await host.end()
    host.fake.welcome = Welcome(epoch=1, incarnation="1", term=4, condemned=("m1",))
    await host.start()
    result = await host.send("destroy", machine_id="m1")
    assert (result["error"], result["text"][:6]) == ("permanent", "stale:")
    assert len(host.processes("m1")) == 1


@pytest.mark.parametrize(("term", "text"), [(1, "began in the same second"), (2, "began later")])
async def test_of_two_remediators_with_copies_of_one_journal_one_is_obeyed_and_both_know(
    host: Trial, term: int, text: str
) -> None:
    """Both are dialled, and neither was known to have a copy: whoever is not obeyed hears why in the next hello."""
    ours = host.fake
    ours.welcome = replace(ours.welcome, began="noon")
    copy = FakeRemediator(replace(ours.welcome, term=term, began=text), box=ours.box, signing=ours.signing)
    copy.enrolled = ours.enrolled
    await copy.start()
    try:
        await host.end()
        ours.told.clear()
        host.flags = ["--remediator", f"{ours.url},{copy.url}"]
        host.launch()
        both = (ours, copy)
        # Each knows of the other's word by a hello; whoever is obeyed was told first, or began later.
        await comes_true(lambda: all(any(m["type"] == "report" for _, m in each.told) for each in both))
        late = ours if term == 2 else next(each for each in both if _heard_of(each, both, host))
        await comes_true(lambda: _heard_of(late, both, host))
        assert (await late.send("h1", "stop", machine_id="m1"))["text"].startswith("stale:")
        (obeyed,) = [each for each in both if each is not late]
        await comes_true(lambda: "h1" in obeyed.connected)
        assert not (await obeyed.send("h1", "stop", machine_id="m1"))["text"].startswith("stale:")
    finally:
        await copy.stop()


def _heard_of(one: FakeRemediator, both: tuple[FakeRemediator, ...], host: Trial) -> bool:
    """Whether the agent's last hello told it of the other's word."""
    (other,) = [each.welcome for each in both if each is not one]
    hello = [m for name, m in one.told if name == host.name and m["type"] == "hello"][-1]
    return (hello["highest"][:2], hello["began"]) == ([other.incarnation, other.term], other.began)


@pytest.mark.parametrize(("term", "sequence", "epoch"), [(0, 9_000, 1), (1, 0, 1), (1, 9_000, 0), (1, 9_000, 2)])
async def test_a_stale_command_is_refused(host: Trial, term: int, sequence: int, epoch: int) -> None:
    await host.create("m1", running("exec sleep 600"))
    command = Command("late", "destroy", term, sequence, epoch, Origin.OWNER, {"machine_id": "m1"})
    result = await host.fake.send_command("h1", command)
    assert (result["error"], result["text"][:6]) == ("permanent", "stale:")
    assert len(host.processes("m1")) == 1


async def test_the_highest_word_is_told_after_a_crash(host: Trial) -> None:
    await host.create("m1", running("exec sleep 600"))
    await host.end()
    await host.start()
    hellos = [message for _, message in host.fake.told if message["type"] == "hello"]
    assert [hello["highest"] for hello in hellos] == [["", 0, 0], ["1", 1, 1]]
    assert hellos[1]["machines"][0]["id"] == "m1"
    assert hellos[0]["identity"] == hellos[1]["identity"]


async def test_a_key_sent_twice_has_one_effect_also_after_a_crash(host: Trial) -> None:
    machine = running("exec sleep 600")
    await host.create("m1", machine)
    first = await host.send("restart", key="again", machine_id="m1")
    await host.end()
    await host.start()
    second = await host.send("restart", key="again", machine_id="m1")
    pids = {first["value"]["record"]["pid"], second["value"]["record"]["pid"]}
    assert host.processes("m1") == pids


async def test_a_recoverable_config_leaves_sealed_and_signed(host: Trial) -> None:
    config = serving(metadata={"recoverable": "true"})
    record = (await host.create("m1", config))["value"]["record"]
    sealed = Sealed(**record["sealed"])
    check_envelope(sealed, parse_verify_key(host.fake.enrolled["h1"]["verify_key"]))
    assert open_config(sealed.box, host.fake.unseal) == config
    assert (sealed.machine, sealed.host, sealed.epoch, sealed.digest) == ("m1", "h1", 1, digest(config))


async def test_an_export_opens_for_its_target_alone(host: Trial) -> None:
    config = serving()
    await host.create("m1", config)
    target = host.fake.enrolled["h1"]["box_key"]
    exported = (await host.send("export", machine_id="m1", target_key=target))["value"]
    assert (await host.create("m2", config))["ok"]
    assert exported["digest"] == digest(config)


async def freeze(host: Trial, document: dict[str, object]) -> int:
    url = f"http://127.0.0.1:{port_of(host.root)}/v1/freeze"
    async with aiohttp.ClientSession() as http, http.post(url, json=document) as response:
        return response.status


async def test_a_freeze_stops_what_is_automatic_and_nothing_else(host: Trial) -> None:
    await host.create("m1", running("exec sleep 600"))
    word = sign_freeze(host.fake.operator, frozen=True, who="ada", why="looking", at=NOW)
    assert await freeze(host, {**word, "who": "eve"}) == 403
    assert await freeze(host, word) == 200
    refused = await host.send("stop", origin=Origin.AUTOMATIC, machine_id="m1")
    assert (refused["error"], refused["text"]) == ("transient", "frozen: by ada: looking")
    await host.end()
    await host.start()
    await host.fake.until(lambda: host.fake.told[-1][1].get("frozen") == "by ada: looking")
    assert (await host.send("stop", machine_id="m1"))["ok"]
    later = sign_freeze(host.fake.operator, frozen=False, who="ada", why="done", at=NOW + timedelta(1))
    assert (await freeze(host, later), await freeze(host, word)) == (200, 403)
    assert (await host.send("start", origin=Origin.AUTOMATIC, machine_id="m1"))["ok"]


async def test_a_thaw_that_was_missed_comes_with_the_welcome(host: Trial) -> None:
    await host.create("m1", running("exec sleep 600"))
    word = sign_freeze(host.fake.operator, frozen=True, who="ada", why="looking", at=NOW)
    assert await freeze(host, word) == 200
    await host.end()
    thaw = sign_freeze(host.fake.operator, frozen=False, who="ada", why="done", at=NOW + timedelta(1))
    host.fake.condemn("m1")
    host.fake.welcome = replace(host.fake.welcome, freeze=thaw)
    await host.start()
    await host.fake.until(lambda: "m1" in host.fake.absent)
    assert host.processes("m1") == set()


async def test_a_file_freezes_the_condemned_too(host: Trial) -> None:
    await host.create("m1", running("exec sleep 600"))
    await host.end()
    (host.data / "freeze").write_text("drill")
    host.fake.condemn("m1")
    await host.start()
    await host.fake.until(lambda: host.fake.told[-1][1].get("frozen") == "by file freeze: drill")
    assert len(host.processes("m1")) == 1
    (host.data / "freeze").unlink()
    await host.fake.until(lambda: "m1" in host.fake.absent)
    assert host.processes("m1") == set()


async def test_what_a_person_holds_through_the_remediator_runs_on_and_may_be_let_off(host: Trial) -> None:
    for machine in ("m1", "m2"):
        await host.create(machine, running("exec sleep 600"))
    await host.end()
    host.fake.condemn("m1", "m2")
    host.fake.welcome = replace(host.fake.welcome, frozen="ada holds host h1")
    await host.start()
    # Longer than what is left over is looked for.
    await asyncio.sleep(1.2 * TIDY_SECONDS)
    assert [len(host.processes(machine)) for machine in ("m1", "m2")] == [1, 1]
    assert (await host.send("start", machine_id="m1"))["ok"]
    for machine in ("m1", "m2"):
        await host.send("stop", machine_id=machine)
    again = {m: await host.send("start", origin=Origin.AUTOMATIC, machine_id=m) for m in ("m1", "m2")}
    assert (again["m1"]["ok"], again["m2"].get("text")) == (True, "machine m2 is condemned")
    await host.end()
    host.fake.welcome = replace(host.fake.welcome, condemned=("m2",), frozen="")
    await host.start()
    await host.fake.until(lambda: "m2" in host.fake.absent)
    assert [len(host.processes(machine)) for machine in ("m1", "m2")] == [1, 0]


def disk(volume: str, metadata: dict[str, str]) -> dict[str, object]:
    """The config of a machine that alone writes to a volume."""
    return running("exec sleep 600", metadata=metadata, mounts=[{"volume": volume, "path": "/data"}])


async def test_without_a_remediator_only_what_is_safe_alone_starts_cold(host: Trial) -> None:
    await host.create("plain", running("exec sleep 600"))
    recoverable, leased = {"recoverable": "true"}, {"lease": "true"}
    await host.create("copied", running("exec sleep 600", metadata=recoverable))
    for volume, metadata in {"db": {}, "copied-db": recoverable, "leased-db": leased}.items():
        await host.send("create_volume", volume_id=volume, app="web", name="data", size_mb=8)
        await host.create(volume, disk(volume, metadata), volumes=[volume])
    await host.end()
    everything = ("plain", "copied", "db", "copied-db", "leased-db")
    for pid in set().union(*(host.processes(machine) for machine in everything)):
        os.kill(pid, 9)
    await host.fake.stop()
    host.boot_id, host.flags = "another-life", ["--cold-start", "0.5"]
    host.launch()
    # What alone may write, and may have been given a second life elsewhere, waits for a word.
    started = {"plain", "copied", "db"}
    await comes_true(lambda: all(map(host.processes, started)))
    await asyncio.sleep(NOT_YET_SECONDS)
    assert {machine for machine in everything if host.processes(machine)} == started


async def test_what_may_live_on_elsewhere_waits_for_a_remediator_that_knows(host: Trial) -> None:
    await host.create("plain", running("exec sleep 600"))
    await host.send("create_volume", volume_id="v1", app="web", name="data", size_mb=8)
    await host.create("db", disk("v1", {"recoverable": "true"}), volumes=["v1"])
    await host.end()
    for pid in host.processes("plain") | host.processes("db"):
        os.kill(pid, 9)
    host.boot_id, sure = "another-life", host.fake.welcome
    host.fake.welcome = replace(sure, admit=False)
    await host.start()
    await comes_true(lambda: host.processes("plain"))
    await asyncio.sleep(NOT_YET_SECONDS)
    assert (len(host.processes("plain")), len(host.processes("db"))) == (1, 0)
    await host.end()
    host.fake.welcome = sure
    await host.start()
    await comes_true(lambda: host.processes("db"))
    assert len(host.processes("db")) == 1


async def test_an_agent_dials_again(host: Trial) -> None:
    port = int(host.fake.url.rpartition(":")[2])
    await host.fake.stop()
    await asyncio.sleep(2.5)
    before = len(host.fake.told)
    await host.fake.start(port)
    await host.fake.until(lambda: any(message["type"] == "hello" for _, message in host.fake.told[before:]))


def test_a_welcome_is_a_value() -> None:
    held = Welcome(1, "a", 1)
    assert replace(held, term=2) != held
