"""Runs of the privileged reader's sources: one at a time, in time or given up, in the background; disks apart."""

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exporter.clock import FakeClock, SystemClock
from exporter.reader.flight import Flight, Pace, Said
from exporter.reader.kernel import read_wchan
from exporter.reader.outcome import ERROR, OK, PENDING, STUCK, TIMEOUT, Outcome
from exporter.reader.smart import Smart, parse_scan
from exporter.reader.sources import PACES, Places, build_flights
from exporter.reader.tools import Tools
from tests.exporter.reader_site import SECONDS, ReaderSite, is_running, wait_until

FREEZER = Path("/sys/fs/cgroup/freezer")


class Source:
    """A run that waits for the test's word; ``fail`` makes the next ones fail."""

    def __init__(self) -> None:
        self.runs = 0
        self.gate = threading.Event()
        self.gate.set()
        self.fail = False

    def run(self) -> Outcome:
        self.runs += 1
        self.gate.wait(SECONDS)
        if self.fail:
            raise OSError("no such disk")
        return Outcome(OK, f"run {self.runs}")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def source() -> Iterator[Source]:
    source = Source()
    yield source
    source.gate.set()


def test_a_run_is_repeated_only_after_its_interval(source: Source, clock: FakeClock) -> None:
    flight = Flight("one", source.run, Pace(10, 5), clock)
    outputs = [flight.ask(SECONDS).output]
    clock.move(9)
    outputs.append(flight.ask(SECONDS).output)
    clock.move(1)
    outputs.append(flight.ask(SECONDS).output)
    assert outputs == ["run 1", "run 1", "run 2"]


def test_what_hangs_is_pending_then_stuck_and_never_doubled(source: Source, clock: FakeClock) -> None:
    flight = Flight("one", source.run, Pace(10, 5), clock)
    good = flight.ask(SECONDS)
    source.gate.clear()
    states = []
    for seconds in (10, 5, 2):
        clock.move(seconds)
        said = flight.ask(0.01)
        states.append((said.state, said.output, said.at == good.at, said.waited))
    # The last good output is still told, with its age, while it may be of use.
    assert states == [(PENDING, "run 1", True, 0), (PENDING, "run 1", True, 5), (STUCK, "run 1", True, 7)]
    clock.move(3600)
    assert flight.ask(SECONDS) == Said(STUCK, waited=3607)
    assert source.runs == 2
    source.gate.set()
    wait_until(lambda: flight.last().state != STUCK)
    clock.move(10)
    assert flight.ask(SECONDS).output == "run 3"


def test_a_failure_says_so_and_keeps_the_last_good_output_for_a_while(source: Source, clock: FakeClock) -> None:
    flight = Flight("one", source.run, Pace(10, 5), clock)
    flight.ask(SECONDS)
    source.fail = True
    clock.move(10)
    said = flight.ask(SECONDS)
    assert (said.state, said.output, said.error) == (ERROR, "run 1", "OSError: no such disk")
    clock.move(30)
    assert flight.ask(SECONDS).output == ""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_mistake_of_ours_is_an_error_and_not_a_run_for_ever(clock: FakeClock) -> None:
    def run() -> Outcome:
        raise NotImplementedError

    assert Flight("one", run, Pace(1, 5), clock).ask(SECONDS) == Said(ERROR, error="it crashed; the log says how")
    # Its traceback is told by the thread, and of this test.
    wait_until(lambda: "one" not in {thread.name for thread in threading.enumerate()})


def test_a_failure_is_tried_again_soon_however_long_the_interval(source: Source, clock: FakeClock) -> None:
    flight = Flight("one", source.run, Pace(600, 5), clock)
    source.fail = True
    flight.ask(SECONDS)
    source.fail = False
    clock.move(60)
    assert flight.ask(SECONDS).output == "run 2"


def test_in_the_background_nobody_waits(source: Source, clock: FakeClock) -> None:
    flight = Flight("one", source.run, Pace(60, 5, background=True), clock)
    assert flight.ask(SECONDS) == Said(PENDING)
    flight.refresh()
    wait_until(lambda: flight.last().state == OK)
    source.gate.clear()
    clock.move(60)
    flight.refresh()
    said = flight.ask(SECONDS)
    assert (said.state, said.output) == (OK, "run 1")
    clock.move(7)
    assert flight.ask(SECONDS).state == STUCK


def test_a_foreground_source_is_not_run_unasked(source: Source, clock: FakeClock) -> None:
    flight = Flight("one", source.run, Pace(1, 5), clock)
    flight.refresh()
    assert source.runs == 0


def test_a_tool_that_takes_too_long_is_killed_whatever_it_ignores(tmp_path: Path) -> None:
    site = ReaderSite(tmp_path)
    site.tool("slow", 'trap "" TERM INT HUP; echo $$ >"$0.pid"; while :; do sleep 1; done')
    tools = Tools(SystemClock(), f"{site.tools}:/usr/bin:/bin")
    outcome = tools.run(["slow"], 0.3)
    assert outcome == Outcome(TIMEOUT, error="killed, for it took too long")
    assert not is_running(int((site.tools / "slow.pid").read_text()))


def test_a_tool_that_closes_its_output_and_stays_is_killed_too(tmp_path: Path) -> None:
    site = ReaderSite(tmp_path)
    site.tool("quiet", "exec >&- 2>&-; sleep 60")
    assert Tools(SystemClock(), f"{site.tools}:/usr/bin:/bin").run(["quiet"], 0.3).state == TIMEOUT


def test_what_is_no_program_is_an_error_of_its_source(tmp_path: Path, clock: FakeClock) -> None:
    (tmp_path / "broken").write_bytes(b"\x7fELF nonsense")
    (tmp_path / "broken").chmod(0o755)
    tools = Tools(SystemClock(), str(tmp_path))
    said = Flight("broken", lambda: tools.run(["broken"], 1), Pace(1, 5), clock).ask(SECONDS)
    assert (said.state, said.error[:7]) == (ERROR, "OSError")


SMARTCTL = """
case "$*" in
  "--scan-open --json") echo '{"devices": [{"name": "/dev/sda", "type": "sat"}, {"name": "/dev/bus/0", "type":
    "megaraid,1"}]}' ;;
  *sat*) test -e "$0.hang" && sleep 60; echo "$*"; exit 68 ;;
  *) echo "$*" ;;
esac
"""


def read_smart(smart: Smart) -> list[tuple[str, str, str, str]]:
    devices: list[dict[str, Any]] = json.loads(smart.run().output)["devices"]
    return [(one["device"], one["type"], one["state"], one["output"]) for one in devices]


def test_every_disk_is_asked_by_its_own_type(tmp_path: Path) -> None:
    site = ReaderSite(tmp_path)
    site.tool("smartctl", SMARTCTL)
    smart = Smart(Tools(SystemClock(), f"{site.tools}:/usr/bin:/bin"), SystemClock())
    assert read_smart(smart) == [
        ("/dev/sda", "sat", "ok", "--json --all --device sat -- /dev/sda\n"),
        ("/dev/bus/0", "megaraid,1", "ok", "--json --all --device megaraid,1 -- /dev/bus/0\n"),
    ]


def test_a_disk_that_does_not_answer_holds_up_no_other(tmp_path: Path) -> None:
    site = ReaderSite(tmp_path)
    site.tool("smartctl", SMARTCTL)
    (site.tools / "smartctl.hang").touch()
    smart = Smart(Tools(SystemClock(), f"{site.tools}:/usr/bin:/bin"), SystemClock(), seconds=0.3)
    assert [one[2:] for one in read_smart(smart)] == [
        (PENDING, ""),
        (OK, "--json --all --device megaraid,1 -- /dev/bus/0\n"),
    ]


def test_without_smartctl_there_is_nothing(tmp_path: Path, clock: FakeClock) -> None:
    assert Smart(Tools(clock, str(tmp_path)), clock).run() == Outcome("missing", error="smartctl is not installed")


def test_a_scan_that_fails_is_not_called_a_host_without_disks(tmp_path: Path) -> None:
    site = ReaderSite(tmp_path)
    site.tool("smartctl", "exit 1")
    smart = Smart(Tools(SystemClock(), f"{site.tools}:/usr/bin:/bin"), SystemClock())
    with pytest.raises(ValueError, match="Expecting value"):
        smart.run()
    assert parse_scan('{"json_format_version": [1, 0]}') == []


def test_blocked_tasks_are_told_with_what_they_wait_for(tmp_path: Path) -> None:
    for pid, tid, state in ((7, 7, "S"), (7, 8, "D"), (9, 9, "D")):
        task = tmp_path / str(pid) / "task" / str(tid)
        task.mkdir(parents=True)
        (task / "stat").write_text(f"{tid} (a) b) {state} 1 1")
        (task / "wchan").write_text("io_schedule")
    (tmp_path / "10" / "task" / "10").mkdir(parents=True)
    (tmp_path / "11").mkdir()
    assert json.loads(read_wchan(tmp_path).output) == {"8": "io_schedule", "9": "io_schedule"}


def test_every_source_of_the_table_can_be_asked(tmp_path: Path, clock: FakeClock) -> None:
    flights = build_flights(Tools(clock, str(tmp_path)), clock, Places(sysfs=tmp_path), PACES)
    for flight in flights:
        flight.refresh()
        flight.ask(SECONDS)
    wait_until(lambda: all(flight.last().state != PENDING for flight in flights))
    states = {flight.name: flight.last().state for flight in flights}
    assert states.pop("wchan") == OK
    assert states.pop("kmsg") in {OK, ERROR}  # only root may read it everywhere
    assert set(states.values()) == {"missing"}
    assert set(states) == {
        "lvm", "dmsetup_status", "smart", "ipmi_sensor", "ipmi_chassis", "ipmi_dcmi", "ipmi_sel", "ipmi_bmc",
    }  # fmt: skip


@pytest.fixture
def freezer(tmp_path: Path) -> Iterator[Path]:
    """A control group whose frozen processes do not even take SIGKILL; thawed and gone afterwards."""
    if os.geteuid() != 0 or not FREEZER.is_dir():
        pytest.skip("NEEDS ROOT AND THE FREEZER OF CONTROL GROUPS 1: a child that cannot be killed")
    group = FREEZER / f"reader-{os.getpid()}"
    group.mkdir()
    yield group
    (group / "freezer.state").write_text("THAWED")
    wait_until(lambda: not (group / "cgroup.procs").read_text())
    group.rmdir()


@pytest.mark.lab
def test_a_child_that_cannot_be_killed_costs_one_child(tmp_path: Path, freezer: Path) -> None:
    site = ReaderSite(tmp_path)
    site.tool("smartctl", """echo '{"devices": []}'""")
    site.tool("dmsetup", "echo quick")
    site.tool("lvm", f'echo run >>"$0.log"; echo $$ >{freezer}/cgroup.procs; echo FROZEN >{freezer}/freezer.state')
    with site.running("--patience", "0.2", "--timeout", "lvm=0.5"):
        assert site.ask("lvm")["state"] == PENDING
        wait_until(lambda: site.ask("lvm")["state"] == STUCK)
        pid = int((freezer / "cgroup.procs").read_text().split()[0])
        said = site.ask("lvm")
        assert (said["state"], said["at"], site.runs("lvm")) == (STUCK, 0.0, 1)
        assert said["waited"] > 1.5
        assert site.ask("dmsetup_status")["output"] == "quick\n"
        assert is_running(pid)
        (freezer / "freezer.state").write_text("THAWED")
        wait_until(lambda: site.ask("lvm")["state"] == TIMEOUT)
        assert not is_running(pid)
