"""The agent's state: what it was told to forget is nowhere in its files."""

import asyncio
import sqlite3
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from remediator.agent.record import MachineRecord
from remediator.agent.state import Store, drop_machine, put_machine
from tests.remediator.builders import NOON

SECRET = "hunter2-" * 8
RECORD = MachineRecord("m1", "web", "m1", "arn", "i", "d", NOON, config={"env": {"KEY": SECRET}})


def written(folder: Path) -> str:
    return b"".join(path.read_bytes() for path in folder.iterdir()).decode("latin-1")


async def test_a_dropped_machine_s_config_is_off_the_disk(tmp_path: Path) -> None:
    store = Store(tmp_path)
    await store.write(put_machine(RECORD), put_machine(replace(RECORD, id="m2", config={"env": {"KEY": "other"}})))
    await store.write(drop_machine("m1"))
    assert SECRET in written(tmp_path)
    await store.forget()
    assert SECRET not in written(tmp_path)
    assert [record.config for record in store.machines()] == [{"env": {"KEY": "other"}}]
    store.close()


async def test_it_is_closed_only_when_nobody_is_at_it(tmp_path: Path) -> None:
    for _ in range(20):
        store = Store(tmp_path)
        forgetting = asyncio.create_task(store.forget())
        await asyncio.sleep(0)
        forgetting.cancel()
        store.close()
        with suppress(asyncio.CancelledError):
            await forgetting
    assert Store(tmp_path).machines() == []


async def test_what_an_earlier_life_has_dropped_is_forgotten_too(tmp_path: Path) -> None:
    first = Store(tmp_path)
    # Somebody who reads keeps the log from being folded in when it is closed, as a crash does.
    reader = sqlite3.connect(tmp_path / "agent.db")
    reader.execute("SELECT COUNT(*) FROM machines").fetchone()
    await first.write(put_machine(RECORD))
    await first.write(drop_machine("m1"))
    first.close()
    assert SECRET in written(tmp_path)
    second = Store(tmp_path)
    await second.forget()
    assert SECRET not in written(tmp_path)
    second.close()
    reader.close()
