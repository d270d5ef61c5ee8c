"""A mount that never answers: reported, left alone, and seen again when it comes back."""

import threading
from dataclasses import replace
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.collectors.filesystem import Filesystems
from exporter.collectors.mounts import Usage, read_mounts, strip_root
from exporter.places import Places
from exporter.workers import Workers


def errors(families: list[Metric]) -> dict[str, float]:
    (family,) = [one for one in families if one.name == "node_filesystem_device_error"]
    return {sample.labels["mountpoint"]: sample.value for sample in family.samples}


def test_a_stuck_mount_is_asked_once_until_it_answers(fixture_places: Places) -> None:
    release = threading.Event()
    asked: list[Path] = []

    def read_one(path: Path) -> Usage:
        asked.append(path)
        if path == Path("/stuck"):
            release.wait(10)
        return Usage(1, 1, 1, 1, 1)

    filesystems = Filesystems(replace(fixture_places, mount_timeout=0.3), Workers(1), read_one)
    first, second = filesystems.read(), filesystems.read()
    assert errors(first)["/stuck"] == errors(second)["/stuck"] == 1
    assert errors(second) == {"/": 0, "/disk one": 0, "/stuck": 1}
    assert asked.count(Path("/stuck")) == 1
    release.set()
    assert any(errors(filesystems.read())["/stuck"] == 0 for _ in range(10_000))


def test_sizes_of_a_real_filesystem(tmp_path: Path, fixture_places: Places) -> None:
    mounts = tmp_path / "1" / "mounts"
    mounts.parent.mkdir()
    mounts.write_text("/dev/x / ext4 rw 0 0\n/dev/x / ext4 rw 0 0\n")
    families = Filesystems(replace(fixture_places, procfs=tmp_path, mount_timeout=5), Workers()).read()
    sizes = {sample.name: sample.value for family in families for sample in family.samples}
    assert 0 < sizes["node_filesystem_avail_bytes"] <= sizes["node_filesystem_free_bytes"]
    assert sizes["node_filesystem_free_bytes"] <= sizes["node_filesystem_size_bytes"]


def test_own_mounts_where_those_of_the_first_process_are_hidden(tmp_path: Path, fixture_places: Places) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "mounts").write_text("/dev/x /data ext4 rw 0 0\n")
    assert [one.mountpoint for one in read_mounts(replace(fixture_places, procfs=tmp_path))] == ["/data"]


def test_mount_points_are_named_as_the_host_sees_them() -> None:
    assert strip_root("/host/var", Path("/host")) == "/var"
    assert strip_root("/host", Path("/host")) == "/"
    assert strip_root("/hostile", Path("/host")) == "/hostile"
