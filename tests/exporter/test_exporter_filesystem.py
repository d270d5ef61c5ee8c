"""A mount that never answers: reported, left alone, and seen again when it comes back."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.metrics_core import Metric

from exporter.clock import FakeClock, SystemClock
from exporter.collectors.filesystem import Filesystems
from exporter.collectors.mounts import Usage, parse_mounts, read_mounts, strip_root
from exporter.places import Places

USAGE = Usage(1, 1, 1, 1, 1)


def by_mount(families: list[Metric], name: str) -> dict[str, float]:
    (family,) = [one for one in families if one.name == name]
    return {sample.labels["mountpoint"]: sample.value for sample in family.samples}


def errors(families: list[Metric]) -> dict[str, float]:
    return by_mount(families, "node_filesystem_device_error")


def waits(families: list[Metric]) -> dict[str, float]:
    return by_mount(families, "fleetmend_filesystem_stuck_seconds")


class Disks:
    """statvfs of a host, some of whose mounts hang until they are let go."""

    def __init__(self, *hanging: str) -> None:
        self.hanging = set(hanging)
        self.asked: list[str] = []
        self.release = threading.Event()

    def read(self, path: str) -> Usage:
        self.asked.append(path)
        if path in self.hanging:
            self.release.wait(10)
        return USAGE


@pytest.fixture
def disks() -> Iterator[Disks]:
    disks = Disks("/stuck")
    yield disks
    disks.release.set()


def build_places(folder: Path, places: Places, *mounts: tuple[str, str]) -> Places:
    """A table with so many mounts, each a number and a place."""
    (folder / "1").mkdir()
    lines = [f"1 1 {number} / {point} rw - ext4 /dev/x rw\n" for number, point in mounts]
    (folder / "1" / "mountinfo").write_text("".join(lines))
    return replace(places, procfs=folder, mount_timeout=0.2)


def test_a_stuck_mount_is_asked_once_until_it_answers(fixture_places: Places, disks: Disks) -> None:
    clock = FakeClock()
    filesystems = Filesystems(fixture_places, clock, disks.read)
    first = filesystems.read()
    clock.move(30)
    second = filesystems.read()
    assert errors(first) == errors(second) == {"/": 0, "/disk one": 0, "/stuck": 1}
    assert (waits(first)["/stuck"], waits(second)) == (0, {"/": 0, "/disk one": 0, "/stuck": 30})
    assert disks.asked.count("/stuck") == 1
    assert "/stuck" not in by_mount(second, "node_filesystem_size_bytes")
    disks.release.set()
    assert any(errors(filesystems.read())["/stuck"] == 0 for _ in range(10_000))
    assert waits(filesystems.read())["/stuck"] == 0


def test_a_stuck_mount_delays_one_scrape_and_no_other(fixture_places: Places, disks: Disks) -> None:
    filesystems = Filesystems(fixture_places, SystemClock(), disks.read)
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        filesystems.read()
        seconds.append(time.perf_counter() - began)
    assert fixture_places.mount_timeout <= seconds[0] < 1
    assert max(seconds[1:]) < fixture_places.mount_timeout


def test_other_mounts_of_a_stuck_filesystem_are_left_alone(tmp_path: Path, fixture_places: Places) -> None:
    disks = Disks("/a")
    places = build_places(tmp_path, fixture_places, ("0:9", "/a"), ("8:1", "/"))
    filesystems = Filesystems(places, FakeClock(), disks.read)
    filesystems.read()
    with (tmp_path / "1" / "mountinfo").open("a") as table:
        table.write("1 1 0:9 / /b rw - ext4 /dev/x rw\n")
    families = filesystems.read()
    assert errors(families) == {"/a": 1, "/": 0, "/b": 1}
    assert "/b" not in disks.asked
    disks.release.set()


def test_what_is_mounted_over_a_stuck_one_is_asked(tmp_path: Path, fixture_places: Places) -> None:
    disks = Disks("/a")
    filesystems = Filesystems(build_places(tmp_path, fixture_places, ("0:9", "/a")), FakeClock(), disks.read)
    filesystems.read()
    disks.hanging.clear()
    (tmp_path / "1" / "mountinfo").write_text("1 1 0:10 / /a rw - ext4 /dev/y rw\n")
    assert errors(filesystems.read()) == {"/a": 0}
    disks.release.set()


def test_many_stuck_mounts_neither_hide_the_others_nor_take_every_thread(
    tmp_path: Path, fixture_places: Places
) -> None:
    numbers = range(20)
    disks = Disks(*(f"/dead{number}" for number in numbers))
    mounts = [(f"0:{number}", f"/dead{number}") for number in numbers]
    places = build_places(tmp_path, fixture_places, ("8:1", "/"), *mounts, ("8:2", "/last"))
    filesystems = Filesystems(places, FakeClock(), disks.read, most_stuck=6)
    for _ in range(6):
        families = filesystems.read()
    assert errors(families)["/"] == 0
    assert sum(errors(families).values()) >= len(numbers)
    # One of a sweep's threads may be stuck before the bound is seen.
    assert sum(path.startswith("/dead") for path in disks.asked) <= 2 * 6 + 1
    disks.release.set()
    assert any(sum(errors(filesystems.read()).values()) == 0 for _ in range(10_000))


def test_a_host_without_mounts_has_no_samples(tmp_path: Path, fixture_places: Places) -> None:
    families = Filesystems(build_places(tmp_path, fixture_places), FakeClock(), Disks().read).read()
    assert sum(len(family.samples) for family in families) == 0


def test_sizes_of_a_real_filesystem(tmp_path: Path, fixture_places: Places) -> None:
    places = build_places(tmp_path, fixture_places, ("8:1", "/"), ("8:1", "/"))
    families = Filesystems(replace(places, mount_timeout=5), SystemClock()).read()
    sizes = {sample.name: sample.value for family in families for sample in family.samples}
    assert 0 < sizes["node_filesystem_avail_bytes"] <= sizes["node_filesystem_free_bytes"]
    assert sizes["node_filesystem_free_bytes"] <= sizes["node_filesystem_size_bytes"]
    assert sizes["node_filesystem_mount_info"] == 1


def test_own_mounts_where_those_of_the_first_process_are_hidden(tmp_path: Path, fixture_places: Places) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "mountinfo").write_text("25 1 8:1 / /data rw - ext4 /dev/x rw\n")
    assert [one.mountpoint for one in read_mounts(replace(fixture_places, procfs=tmp_path))] == ["/data"]


def test_mount_points_are_named_as_the_host_sees_them() -> None:
    assert strip_root("/host/var", Path("/host")) == "/var"
    assert strip_root("/host", Path("/host")) == "/"
    assert strip_root("/hostile", Path("/host")) == "/hostile"


@pytest.mark.parametrize(
    ("line", "readonly"),
    [
        ("25 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw,errors=remount-ro", False),
        ("25 1 8:1 / / ro - ext4 /dev/sda1 rw", True),  # a bind mount
        ("25 1 8:1 / / rw shared:1 master:2 - ext4 /dev/sda1 ro", True),
        ("25 1 8:1 / / rw - ext4 /dev/sda1 rw,emergency_ro", True),
        ("25 1 0:40 / / rw - tmpfs  rw", False),  # a device without a name
    ],
)
def test_a_mount_is_readonly_by_its_own_options_or_its_filesystems(line: str, readonly: bool) -> None:
    (mount,) = parse_mounts(line)
    assert (mount.readonly, mount.mountpoint) == (readonly, "/")
