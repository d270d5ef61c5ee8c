"""How long tasks have been blocked, though the kernel does not tell."""

import shutil
from pathlib import Path

from exporter.clock import FakeClock
from exporter.collectors.blocked_tasks import BlockedTasks
from exporter.collectors.tasks import Tasks
from exporter.places import Places


def oldest(tasks: BlockedTasks) -> float:
    return tasks.read()[1].samples[0].value


def test_age_grows_while_a_task_does_not_wake(fixture_places: Places, tmp_path: Path) -> None:
    procfs = tmp_path / "proc"
    shutil.copytree(fixture_places.procfs, procfs)
    clock = FakeClock()
    tasks = BlockedTasks(Tasks(procfs, clock), clock)
    ages = [oldest(tasks)]
    clock.move(30)
    ages.append(oldest(tasks))
    # It woke in between: it waits anew. The thread of the other process still waits.
    status = procfs / "42" / "status"
    status.write_text(status.read_text().replace("\t10\n", "\t11\n"))
    clock.move(30)
    ages.append(oldest(tasks))
    shutil.rmtree(procfs / "43")
    ages.append(oldest(tasks))
    shutil.rmtree(procfs / "42")
    ages.append(oldest(tasks))
    assert ages == [0, 30, 60, 0, 0]


def test_tasks_that_end_while_being_read_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    clock = FakeClock()
    assert oldest(BlockedTasks(Tasks(tmp_path, clock), clock)) == 0
