"""What an agent says of its own host's work: tasks that never wake, and writes that never become durable."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from remediator.agent.bell import Bell
from remediator.agent.stuck import STUCK_SECONDS, Durable, Sleepers, Stuck, read_asleep
from remediator.agent.telling import Disk
from remediator.clock import FakeClock, SystemClock

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
FIELDS = " ".join(["0"] * 18)


def task(procfs: Path, pid: int, state: str = "D", switches: int = 7, started: int = 100) -> None:
    """A process as /proc shows it, with a bracket in its name."""
    folder = procfs / str(pid)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "stat").write_text(f"{pid} (md1_raid) (x) {state} {FIELDS} {started} 0 0\n")
    (folder / "status").write_text(f"Name:\tmd1_raid\nvoluntary_ctxt_switches:\t{switches}\n")


def test_only_tasks_that_sleep_without_end_are_read(tmp_path: Path) -> None:
    task(tmp_path, 7)
    task(tmp_path, 8, state="S")
    (tmp_path / "9").mkdir()
    (tmp_path / "10").mkdir()
    (tmp_path / "10" / "stat").write_text("")
    assert read_asleep(tmp_path) == [("7", "100", "voluntary_ctxt_switches:\t7")]


def test_three_tasks_that_never_woke_for_half_a_minute_are_stuck(tmp_path: Path) -> None:
    clock = FakeClock(NOON)
    sleepers = Sleepers(tmp_path, clock)

    def after(seconds: float) -> str:
        clock.set(clock.now() + timedelta(seconds=seconds))
        return sleepers.look()

    for pid in (7, 8, 9):
        task(tmp_path, pid)
    assert [after(seconds) for seconds in (0, STUCK_SECONDS - 1)] == ["", ""]
    assert after(2) == "3 tasks are stuck in the kernel"
    # One of them woke and sleeps again: it is another sleep; and two may be one bad mount.
    task(tmp_path, 8, switches=8)
    assert after(5) == ""
    assert after(60) == "3 tasks are stuck in the kernel"


async def test_a_child_that_cannot_write_in_time_is_told_and_left_behind(tmp_path: Path) -> None:
    """Nobody reads this pipe: whoever opens it to write sleeps, as before a disk that is stuck."""
    os.mkfifo(tmp_path / ".durable")
    durable = Durable(tmp_path, SystemClock(), seconds=0.1)
    assert await durable.look() == "4 kB did not become durable in 0.1 s"
    (tmp_path / ".durable").unlink()
    async with asyncio.timeout(5):
        # That child was killed; once the kernel lets it go, the next one writes.
        while await durable.look():  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0.01)
    assert (tmp_path / ".durable").stat().st_size == 4096


async def test_a_disk_that_refuses_is_not_stuck(tmp_path: Path) -> None:
    assert await Durable(tmp_path / "nowhere", SystemClock()).look() == ""


async def test_what_is_stuck_is_told_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".durable")
    disk, bell = Disk(), Bell()
    ear = bell.listen()
    stuck = Stuck(tmp_path, disk, bell, FakeClock(NOON))
    await stuck.look()
    assert disk.stuck.startswith("4 kB did not become durable in 2 s")
    assert ear.is_set()
    ear.clear()
    await stuck.look()
    assert not ear.is_set()
