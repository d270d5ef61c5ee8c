"""Real processes in several states, seen in a procfs that links to theirs alone."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exporter.clock import FakeClock
from exporter.collectors.blocked_tasks import BlockedTasks, parse_answer
from exporter.collectors.processes import read_processes
from exporter.collectors.tasks import Look, Tasks, look_at_tasks, parse_state, parse_thread_count
from exporter.errors import NoData
from exporter.kit import Answer, ask_nobody
from exporter.places import Places

# Races of real processes.
pytestmark = pytest.mark.slow
# The kernel holds the parent of a vfork, uninterruptibly, until the child ends or runs another program.
BLOCKED = """
import ctypes, os, time
libc = ctypes.CDLL(None)
if libc.vfork() == 0:
    os.write(1, f"{os.getpid()}\\n".encode())
    time.sleep(60)
    os._exit(0)
"""
THREADS = """
import threading, time
for _ in range(3):
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
time.sleep(60)
"""
NOBODY = 65534


class Zoo:
    """Starts processes and shows them in a procfs; kills them at the end."""

    def __init__(self, procfs: Path) -> None:
        self.procfs = procfs
        self._children: list[subprocess.Popen[bytes]] = []
        self._strays: list[int] = []

    def start(self, *argv: str) -> subprocess.Popen[bytes]:
        child = subprocess.Popen(argv, stdout=subprocess.PIPE)
        self._children.append(child)
        (self.procfs / str(child.pid)).symlink_to(f"/proc/{child.pid}")
        return child

    def start_blocked(self) -> int:
        """The pid of a process in uninterruptible sleep, which still dies when it is killed."""
        parent = self.start(sys.executable, "-c", BLOCKED)
        assert parent.stdout is not None
        self._strays.append(int(parent.stdout.readline()))
        self.look_until(lambda look: look.processes.get("D") == 1)
        return parent.pid

    def look_until(self, seen: Callable[[Look], bool]) -> Look:
        deadline = time.perf_counter() + 10
        while not seen(look := look_at_tasks(str(self.procfs))):
            assert time.perf_counter() < deadline, look
            time.sleep(0.01)
        return look

    def close(self) -> None:
        for child in self._children:
            child.kill()
        for pid in self._strays:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for child in self._children:
            child.communicate(timeout=10)


@pytest.fixture
def zoo() -> Iterator[Zoo]:
    # Not pytest's own folder: nobody else may enter that.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        zoo = Zoo(Path(folder))
        yield zoo
        zoo.close()


@pytest.mark.parametrize("name", [b"a", b"a) b (c", b"D) R (", b""])
def test_state_and_threads_whatever_the_name(name: bytes) -> None:
    stat = b"7 (" + name + b") T 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 12 0 4711 0"
    assert (parse_state(stat), parse_thread_count(stat)) == ("T", 12)


@pytest.mark.parametrize("stat", [b"", b"7 (a", b"7 (a) S 1 1"])
def test_a_cut_off_line_is_an_error_not_a_state(stat: bytes) -> None:
    with pytest.raises((ValueError, IndexError)):
        parse_thread_count(stat)


def test_processes_that_sleep_are_stopped_and_are_dead(zoo: Zoo) -> None:
    zoo.start("sleep", "60")
    zoo.start("sleep", "60").send_signal(signal.SIGSTOP)
    zoo.start("true")
    zoo.start(sys.executable, "-c", THREADS)
    look = zoo.look_until(
        lambda look: look.processes == {"S": 2, "T": 1, "Z": 1} and look.threads == {"S": 5, "T": 1, "Z": 1}
    )
    assert look.allocated == 7
    assert look.blocked == ()


def test_a_process_that_ends_meanwhile_is_passed_over(zoo: Zoo) -> None:
    zoo.start("sleep", "60")
    (zoo.procfs / "4194304").symlink_to("/proc/4194304")
    (zoo.procfs / "self").symlink_to("/proc/self")
    assert sum(zoo.look_until(lambda look: look.processes.get("S") == 1).processes.values()) == 1


def test_process_families(zoo: Zoo, fixture_places: Places) -> None:
    (zoo.procfs / "sys").symlink_to(fixture_places.procfs / "sys")
    zoo.start("sleep", "60")
    zoo.look_until(lambda look: look.processes.get("S") == 1)
    families = read_processes(zoo.procfs, Tasks(zoo.procfs, FakeClock()))
    samples = {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}
    assert samples == {
        ("node_processes_threads",): 1,
        ("node_processes_max_threads",): 192730,
        ("node_processes_pids",): 1,
        ("node_processes_max_processes",): 4194304,
        ("node_processes_state", "S"): 1,
        ("node_processes_threads_state", "S"): 1,
    }


def test_collectors_of_one_scrape_share_a_look_and_never_get_it_twice(zoo: Zoo) -> None:
    clock = FakeClock()
    tasks = Tasks(zoo.procfs, clock)
    first = tasks.look("processes")
    assert tasks.look("blocked_tasks") is first
    second = tasks.look("processes")
    assert second is not first
    clock.move(1.5)
    assert tasks.look("blocked_tasks") is not second


def channels(tasks: BlockedTasks) -> dict[tuple[str, str], float]:
    return {(one.labels["comm"], one.labels["wchan"]): one.value for one in tasks.read()[0].samples}


def name_of(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def test_a_real_blocked_task_its_wait_channel_and_its_age(zoo: Zoo) -> None:
    pid, clock = zoo.start_blocked(), FakeClock()
    tasks = BlockedTasks(Tasks(zoo.procfs, clock), clock)
    ((comm, wchan),) = channels(tasks)
    assert comm == name_of(pid)
    # Who is not root may look at his own tasks; the function's name is the kernel's own affair.
    assert wchan
    clock.move(30)
    assert tasks.read()[1].samples[0].value == 30


@pytest.fixture
def as_nobody() -> Callable[[], contextlib.AbstractContextManager[None]]:
    if os.geteuid() != 0:
        pytest.skip("ROOT IS NEEDED to become nobody: the privileged reader's part is not shown")

    @contextlib.contextmanager
    def become() -> Iterator[None]:
        os.seteuid(NOBODY)
        try:
            yield
        finally:
            os.seteuid(0)

    return become


def test_other_users_wait_channels_come_from_the_reader(
    zoo: Zoo, as_nobody: Callable[[], contextlib.AbstractContextManager[None]]
) -> None:
    pid, clock = zoo.start_blocked(), FakeClock()
    answers = [json.dumps({str(pid): "wait_somewhere", "1": "elsewhere"}), json.dumps({"1": "elsewhere"}), "{"]

    def ask(source: str) -> Answer:
        assert source == "wchan"
        return Answer(answers.pop(0), 1.0, 0.1)

    told = BlockedTasks(Tasks(zoo.procfs, clock), clock, ask)
    alone = BlockedTasks(Tasks(zoo.procfs, clock), clock, ask_nobody)
    comm = name_of(pid)
    with as_nobody():
        assert channels(alone) == {(comm, ""): 1}
        assert channels(told) == {(comm, "wait_somewhere"): 1}
        # What the reader does not know, or tells wrongly, costs the channel alone; the sleep is the same one.
        clock.move(20)
        assert channels(told) == {(comm, ""): 1}
        assert channels(told) == {(comm, ""): 1}
        assert not answers
        answers.append("{}")
        assert told.read()[1].samples[0].value == 20


def test_odd_answers_of_the_reader_about_channels() -> None:
    assert parse_answer('{"7": "0", "8": "io_schedule"}') == {7: "", 8: "io_schedule"}
    for output in ("", "[]", '{"x": "y"}'):
        with pytest.raises(ValueError, match=r"Expecting|object|invalid"):
            parse_answer(output)
    with pytest.raises(NoData):
        ask_nobody("wchan")
