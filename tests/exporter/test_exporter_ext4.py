"""Errors that ext4 has found, by device, and what they make of a mount; no such filesystem is no error."""

from pathlib import Path

import pytest

from exporter.collectors.ext4 import read_ext4
from exporter.collectors.mounts import parse_mounts
from exporter.errors import NoData


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(f"{text}\n")


def test_errors_by_device(tmp_path: Path) -> None:
    write(tmp_path / "fs/ext4/features")
    write(tmp_path / "fs/ext4/dm-0", errors_count="3", last_error_time="1795000000")
    write(tmp_path / "fs/ext4/cciss!c0d0p1", errors_count="0", last_error_time="0")
    rows = {(one.name, one.labels["device"]): one.value for family in read_ext4(tmp_path) for one in family.samples}
    assert rows == {
        ("fleetmend_ext4_errors_total", "cciss/c0d0p1"): 0,
        ("fleetmend_ext4_errors_total", "dm-0"): 3,
        ("fleetmend_ext4_last_error_timestamp_seconds", "cciss/c0d0p1"): 0,
        ("fleetmend_ext4_last_error_timestamp_seconds", "dm-0"): 1795000000,
    }


@pytest.mark.parametrize("folder", ["fs/ext4/features", "fs/xfs"])
def test_no_ext4_here(tmp_path: Path, folder: str) -> None:
    write(tmp_path / folder)
    with pytest.raises(NoData):
        read_ext4(tmp_path)


@pytest.mark.parametrize(
    ("mount", "filesystem", "readonly"),
    [
        ("rw,relatime", "rw", False),
        ("ro,relatime", "rw", True),
        ("rw,relatime", "ro", True),
        ("rw,relatime", "rw,errors=remount-ro,emergency_ro", True),
    ],
)
def test_mount_that_may_not_be_written(mount: str, filesystem: str, *, readonly: bool) -> None:
    (found,) = parse_mounts(f"36 35 254:0 / /data {mount} shared:1 - ext4 /dev/dm-0 {filesystem}\n")
    assert found.readonly is readonly
