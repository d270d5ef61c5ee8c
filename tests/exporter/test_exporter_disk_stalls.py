"""Disks that are given work and finish none of it: for how long, and which disks are merely busy or idle."""

from pathlib import Path

import pytest

from exporter.clock import FakeClock
from exporter.collectors.outstanding_io import OutstandingIo, parse_progress


class Kernel:
    """Writes /proc/diskstats."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def say(self, *, reads: int = 0, writes: int = 0, discards: int = 0, flushes: int = 0, now: int = 0) -> None:
        columns = f"{reads} 0 0 0 {writes} 0 0 0 {now} 0 0 {discards} 0 0 0 {flushes} 0"
        (self.folder / "diskstats").write_text(f"   8       0 sda {columns}\n   7       0 loop0 {columns}\n")


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    kernel = Kernel(tmp_path)
    kernel.say()
    return kernel


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def read(stalls: OutstandingIo) -> dict[str, float]:
    (family,) = stalls.read()
    return {sample.labels["device"]: sample.value for sample in family.samples}


def test_a_stall_is_counted_from_when_it_was_first_seen(kernel: Kernel, clock: FakeClock) -> None:
    stalls = OutstandingIo(kernel.folder, clock, "^loop")
    ages = [read(stalls)]
    kernel.say(reads=5, now=3)
    for seconds in (15, 15, 30):
        clock.move(seconds)
        ages.append(read(stalls))
    assert ages == [{"sda": 0}, {"sda": 0}, {"sda": 15}, {"sda": 45}]


@pytest.mark.parametrize("kind", ["reads", "writes", "discards", "flushes"])
def test_whatever_completes_ends_it(kernel: Kernel, clock: FakeClock, kind: str) -> None:
    stalls = OutstandingIo(kernel.folder, clock, "^loop")
    kernel.say(now=1)
    read(stalls)
    clock.move(10)
    assert read(stalls) == {"sda": 10}
    kernel.say(**{kind: 1}, now=1)
    clock.move(10)
    assert read(stalls) == {"sda": 0}
    clock.move(10)
    assert read(stalls) == {"sda": 10}


def test_more_work_for_a_stalled_disk_does_not_end_it(kernel: Kernel, clock: FakeClock) -> None:
    stalls = OutstandingIo(kernel.folder, clock, "^loop")
    kernel.say(reads=7, now=1)
    read(stalls)
    kernel.say(reads=7, now=9)
    clock.move(10)
    assert read(stalls) == {"sda": 10}


def test_an_idle_disk_is_not_stalled_however_long_it_idles(kernel: Kernel, clock: FakeClock) -> None:
    stalls = OutstandingIo(kernel.folder, clock, "^loop")
    kernel.say(reads=7, now=1)
    read(stalls)
    kernel.say(reads=7)  # failed, thus not completed, and nothing is outstanding
    clock.move(10)
    assert read(stalls) == {"sda": 0}


def test_a_disk_that_is_pulled_out_is_forgotten(kernel: Kernel, clock: FakeClock) -> None:
    stalls = OutstandingIo(kernel.folder, clock, "")
    kernel.say(now=1)
    (kernel.folder / "diskstats").write_text("")
    assert read(stalls) == {}


def test_a_kernel_before_discards_and_flushes() -> None:
    (progress,) = parse_progress("   8       0 sda 1 2 3 4 5 6 7 8 9 10 11\n").values()
    assert (progress.completed, progress.outstanding) == (("1", "5"), True)
