"""Snapshots each day, and those that are over: never the newest, never while the volume's host is not ok."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from remediator.model.host import Host, HostStatus
from remediator.model.machine import Snapshot, Volume
from remediator.model.request import Operation, Origin
from remediator.runtime.machines.backups import AT_ONCE, Backups
from tests.remediator.builders import NOON, host, volume
from tests.remediator.runtime.lab import Lab

DAY = timedelta(days=1)


def answer(asked: Operation) -> dict[str, Any]:
    if asked.verb != "snapshot":
        return {}
    told = {"volume": asked.args["volume_id"], "app": "db", "created_at": NOON.isoformat()}
    return {"snapshot": told | {"id": asked.args["snapshot_id"], "size_bytes": 5, "digest": "d"}}


def kept(name: str, since: datetime, **more: Any) -> Volume:
    return replace(volume(name, auto_backup=True, **more), created_at=since)


def taken(name: str, days: float, **more: Any) -> Snapshot:
    return replace(Snapshot(name, "v1", "db", NOON - days * DAY, 5, "d", host="h1"), **more)


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    made = Lab(answer)
    await made.put(host("h1"), host("h2", "r2"))
    yield made
    await made.ledger.close()


async def looked(lab: Lab) -> list[tuple[str, str]]:
    """What one round has sent for, by verb and subject."""
    before = len(lab.driver.calls)
    await Backups(lab.ledger, lab.watch, lab.clock).look()
    await lab.send("h1", "h2")
    calls = lab.driver.calls[before:]
    return [(call.verb, str(call.args.get("volume_id") or call.args["snapshot_id"])) for call in calls]


async def test_a_snapshot_a_day_of_volumes_that_want_one(lab: Lab) -> None:
    old = NOON - DAY
    await lab.put(
        kept("v1", old),
        replace(kept("v2", old), auto_backup=False),
        kept("v3", NOON),
        kept("v4", old, on="h3"),
        kept("v5", old, state="pending_destroy"),
        kept("v6", old, superseded_by="v1"),
    )
    assert await looked(lab) == [("snapshot", "v1")]
    assert lab.driver.calls[0].origin is Origin.AUTOMATIC
    assert await looked(lab) == []
    lab.wait(DAY.total_seconds())
    assert {name for _, name in await looked(lab)} == {"v1", "v3"}


async def test_after_an_absence_they_are_taken_by_and_by(lab: Lab) -> None:
    every = [kept(f"v{n}", NOON - DAY) for n in range(AT_ONCE + 1)]
    await lab.put(*every)
    assert (len(await looked(lab)), len(await looked(lab))) == (AT_ONCE, 1)


async def test_what_is_over_is_forgotten_but_for_the_newest(lab: Lab) -> None:
    await lab.put(volume("v1"), taken("s1", 9), taken("s2", 6), taken("s3", 9, retention_days=10), taken("s4", 5.5))
    assert await looked(lab) == [("drop_snapshot", "s1"), ("drop_snapshot", "s2")]
    assert lab.driver.calls[0].origin is Origin.OWNER
    assert set(lab.ledger.all(Snapshot)) == {"s3", "s4"}
    assert len(await lab.told("snapshot_dropped", "s1")) == 1


async def test_none_is_forgotten_while_the_host_of_its_volume_is_not_ok(lab: Lab) -> None:
    await lab.put(volume("v1"), taken("s1", 9), taken("s2", 1))
    for status in (HostStatus.UNKNOWN, HostStatus.UNREACHABLE):
        await lab.put(replace(lab.ledger.get(Host, "h1") or host(), status=status))
        assert await looked(lab) == []
    await lab.put(host("h1"))
    assert await looked(lab) == [("drop_snapshot", "s1")]


async def test_of_a_volume_that_is_gone_the_host_that_had_it_forgets(lab: Lab) -> None:
    await lab.put(taken("s1", 9), taken("s2", 8), taken("s3", 9, volume="v9", host="h7"), taken("s4", 8, volume="v9"))
    assert await looked(lab) == [("drop_snapshot", "s1")]


async def test_none_is_forgotten_that_something_is_made_of(lab: Lab) -> None:
    args = {"volume_id": "v2", "snapshot_id": "s1"}
    making = Operation("volume:v2", "create_volume", "h9", args, Origin.OWNER, NOON)
    await lab.put(volume("v1"), taken("s1", 9), taken("s2", 1), making)
    assert await looked(lab) == []


async def test_nothing_is_taken_or_forgotten_while_frozen(lab: Lab) -> None:
    await lab.put(kept("v1", NOON - DAY), taken("s1", 9), taken("s2", 8))
    lab.watch.frozen = "by ada"
    assert await looked(lab) == []
    lab.watch.frozen = ""
    assert [verb for verb, _ in await looked(lab)] == ["snapshot", "drop_snapshot"]
    assert set(lab.ledger.all(Volume)) == {"v1"}
