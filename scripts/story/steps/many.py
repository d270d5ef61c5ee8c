"""Not part of the story: the same losses over and over, so that there are samples enough for a percentile.

Nothing is acted upon meanwhile, for statuses follow evidence alone; what owners ask for is done all the same.
"""

import asyncio
import json
import random
import sqlite3
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from scripts.story.api import Json, NotSeen, until
from scripts.story.report import returns_of
from scripts.story.stage import Stage
from scripts.story.workload import worker

# Hosts of a round are not lost in step with anybody's clock.
SPREAD_SECONDS = 2.0
CUT_ROUNDS, RETURN_ROUNDS = 41, 26


async def cuts(stage: Stage) -> None:
    """Every host loses its power, round after round: seconds from each cut to its verdict."""
    await _stopped(stage, "stop-all", "--why", "only detection is measured")
    for number in range(CUT_ROUNDS):
        cut = await _lost(stage, "power_cut")
        journal = stage.ground.data / "journal.db"
        stage.result.sampled("power_cut_to_dead", [_dead_at(journal, host, at) - at for host, at in cut.items()])
        await _back(stage, "power_on")
        stage.say.note(f"round {number + 1} of {CUT_ROUNDS}")
    await _stopped(stage, "thaw")


async def returns(stage: Stage) -> None:
    """Every host loses its network, an owner destroys a machine on each, and all come back, round after round."""
    await _stopped(stage, "stop-all", "--why", "only returns are measured")
    for number in range(RETURN_ROUNDS):
        await _more_machines(stage, number)
        await _lost(stage, "network_cut")
        victims = await _destroyed_by_owners(stage)
        began = time.time()  # noqa: TID251
        await _back(stage, "network_heal")
        stage.result.sampled("return_to_undead_gone", [_gone_after(stage, host, began) for host in victims])
        stage.say.note(f"round {number + 1} of {RETURN_ROUNDS}: {len(victims)} undead")
    await _stopped(stage, "thaw")


async def _stopped(stage: Stage, *words: str) -> None:
    where = ("--url", stage.ground.layout.api, "--data", str(stage.ground.data))
    code, told = await stage.ground.command(*words, *where)
    if code != 0:
        raise NotSeen(f"{words[0]} was not confirmed by everybody: {told[-300:]}")


async def _lost(stage: Stage, fault: str) -> dict[str, float]:
    """Play the fault on every host, a little apart, and wait until each is told lost; when it struck, by host."""

    async def one(host: str) -> tuple[str, float]:
        await asyncio.sleep(random.uniform(0, SPREAD_SECONDS))  # noqa: S311 - no secret
        return host, await stage.ground.fronts[host].fault(fault)

    struck = dict(await asyncio.gather(*(one(host) for host in stage.ground.fronts)))
    await _all(stage, "unreachable")
    return struck


async def _back(stage: Stage, fault: str) -> None:
    await asyncio.gather(*(front.fault(fault) for front in stage.ground.fronts.values()))
    await _all(stage, "ok")


async def _all(stage: Stage, status: str) -> None:
    async def so() -> bool:
        return all(host["status"] == status for host in (await stage.api.status())["hosts"])

    await until(so, 60, f"every host is {status}", every=0.2)


async def _more_machines(stage: Stage, number: int) -> None:
    wanted = [(f"victim-{number}-{place}", region) for place, region in enumerate(("arn",) * 4 + ("iad",))]
    await asyncio.gather(*(stage.api.create("victims", name, region, worker(name)) for name, region in wanted))


async def _destroyed_by_owners(stage: Stage) -> list[str]:
    """One machine on each host that has one to spare; the hosts."""
    machines = await stage.api.machines("victims")
    places = {machine["id"]: machine for machine in machines if machine["state"] not in ("destroying", "destroyed")}
    state: Json = await stage.api.get("/internal/state?since=0")
    found = {machine["host"]: machine["id"] for machine in state["machines"] if machine["id"] in places}
    for machine in found.values():
        answer = await stage.api.ask("DELETE", f"/v1/apps/victims/machines/{machine}?force=true")
        if answer.status != 200:
            raise NotSeen(f"a destroy on a lost host was refused: {answer}")
    return sorted(found)


def _dead_at(journal: Path, host: str, since: float) -> float:
    """The unix second of the first verdict *dead* after a moment."""
    for at, body in _told(journal, host):
        if at >= since and body.get("life") == "dead":
            return at
    raise NotSeen(f"the journal does not tell that {host} died")


def _told(journal: Path, host: str) -> Sequence[tuple[float, Json]]:
    with sqlite3.connect(f"file:{journal}?mode=ro", uri=True) as db:
        asked = "SELECT at, body FROM entries WHERE kind = 'host' AND subject = ? ORDER BY seq"
        rows = db.execute(asked, (host,)).fetchall()
    return [(datetime.fromisoformat(at).timestamp(), json.loads(body)) for at, body in rows]


def _gone_after(stage: Stage, host: str, since: float) -> float:
    undead = returns_of(stage.ground.data / "journal.db", host, since)
    if undead is None or not undead.machines:
        raise NotSeen(f"the journal does not tell when the undead of {host} were gone")
    return undead.seconds
