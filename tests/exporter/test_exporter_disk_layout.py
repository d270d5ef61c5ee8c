"""The fingerprint of a host's disks: the same for hosts that are alike, another for one that is not."""

from dataclasses import replace
from pathlib import Path

import pytest

from exporter.clock import FakeClock
from exporter.collectors.dm_status import parse_status
from exporter.collectors.layout import DiskLayout, describe_size, describe_targets
from exporter.errors import NoData
from exporter.kit import Answer, ask_nobody
from exporter.places import Places
from exporter.reader.fake import FakeReader

READER = FakeReader(Path(__file__).parent / "fixtures" / "reader")
SECTORS = {"960G": 1875385008, "8T": 15628053168, "1G": 2097152}


def put(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(f"{text}\n")
    return folder


def add_disk(sysfs: Path, name: str, size: str, rotational: int = 0, **files: str) -> None:
    folder = put(sysfs / "block" / name, size=str(SECTORS[size]), **files)
    put(folder / "queue", rotational=str(rotational))
    put(folder / "device", serial=f"S-{name}")


def add_controller(sysfs: Path, slot: str, ids: str, driver: str, kind: str = "0x010400") -> None:
    vendor, device = ids.split(":")
    folder = put(sysfs / "bus/pci/devices" / slot, **{"class": kind}, vendor=f"0x{vendor}", device=f"0x{device}")
    if driver:
        (folder / "driver").symlink_to(put(sysfs / "bus/pci/drivers" / driver))


@pytest.fixture
def host(tmp_path: Path) -> Places:
    """Two system disks in a mirror, four for data, one stick; a controller, and a network card beside it."""
    sysfs = tmp_path / "sys"
    for name in ("sda", "sdb"):
        add_disk(sysfs, name, "960G")
    for name in ("sdc", "sdd", "sde", "sdf"):
        add_disk(sysfs, name, "8T", rotational=1)
    add_disk(sysfs, "nvme0n1", "960G")
    add_disk(sysfs, "nvme0c0n1", "960G", hidden="1")
    add_disk(sysfs, "sdz", "1G", removable="1")
    put(sysfs / "block/loop0", size="4096")
    put(sysfs / "block/md0/md", level="raid1", raid_disks="2")
    put(sysfs / "block/md1/md", level="raid10", raid_disks="4 (3)")
    add_controller(sysfs, "0000:01:00.0", "1000:005d", "megaraid_sas")
    add_controller(sysfs, "0000:02:00.0", "144d:a808", "", "0x010802")
    add_controller(sysfs, "0000:03:00.0", "8086:1572", "i40e", "0x020000")
    put(
        tmp_path / "proc/1",
        mountinfo="1 0 9:0 / / rw - ext4 /dev/md0 rw\n2 1 9:1 / /data rw - xfs /dev/md1 rw\n"
        "3 1 0:30 / /scratch rw - tmpfs tmpfs rw\n4 1 0:31 / /net rw - nfs4 filer:/x rw",
    )
    return Places(tmp_path / "proc", sysfs)


def look(places: Places) -> dict[str, str]:
    (family,) = DiskLayout(places, FakeClock(), ask_nobody).read()
    (sample,) = family.samples
    assert sample.value == 1
    return dict(sample.labels)


def test_a_host_in_few_words(host: Places) -> None:
    labels = look(host)
    assert labels.pop("fingerprint") == look(host)["fingerprint"]
    assert labels == {
        "raid": "md:raid1/2,md:raid10/4",
        "controller": "1000:005d/megaraid_sas,144d:a808/none",
        "filesystem": "root=ext4;data=xfs",
        "disks": "4xhdd-8T,nvme-960G,2xssd-960G",
    }


def test_names_serials_and_order_do_not_count(host: Places) -> None:
    before = look(host)
    (host.sysfs / "block/sdf").rename(host.sysfs / "block/sdaa")
    put(host.sysfs / "block/sda/device", serial="another")
    (host.sysfs / "block/md1").rename(host.sysfs / "block/md127")
    with (host.procfs / "1/mountinfo").open("a") as table:
        table.write("5 1 253:7 / /machines/42 rw - xfs /dev/dm-7 rw\n")
    assert look(host) == before


@pytest.mark.parametrize("change", ["raid", "controller", "filesystem", "disks"])
def test_each_part_changes_the_fingerprint(host: Places, change: str) -> None:
    before = look(host)
    match change:
        case "raid":
            put(host.sysfs / "block/md1/md", level="raid5")
        case "controller":
            put(host.sysfs / "bus/pci/devices/0000:01:00.0", device="0x10e2")
        case "filesystem":
            put(host.procfs / "1", mountinfo="1 0 9:0 / / rw - xfs /dev/md0 rw")
        case _:
            put(host.sysfs / "block/sdc/queue", rotational="0")
    after = look(host)
    assert {name for name in after if after[name] != before[name]} == {change, "fingerprint"}


def test_kinds_of_volumes_count_once_however_many_there_are() -> None:
    text = READER.ask("dmsetup_status").output
    kinds = {"dm:raid10/4", "dm:raid1/3", "dm:raid1/2", "dm:mirror/2", "dm:mirror/3", "dm:striped/2", "dm:thin-pool"}
    assert describe_targets(parse_status(text)) == kinds
    assert describe_targets(parse_status(text + text)) == kinds


class Reader:
    """A reader that comes and goes."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    def ask(self, source: str) -> Answer:
        if self.error:
            raise self.error
        return READER.ask(source)


def test_what_was_known_of_volumes_stays_while_nobody_can_tell(host: Places) -> None:
    reader, clock = Reader(), FakeClock()
    layout = DiskLayout(host, clock, reader.ask)
    before = layout.read()[0].samples
    assert "dm:raid10/4" in before[0].labels["raid"]
    for error in (NoData("gone"), OSError("stuck")):
        reader.error = error
        clock.move(60)
        assert layout.read()[0].samples == before


def test_another_layout_is_not_told_because_the_reader_fails(host: Places) -> None:
    reader = Reader()
    reader.error = OSError("stuck")
    layout = DiskLayout(host, FakeClock(), reader.ask)
    with pytest.raises(OSError, match="stuck"):
        layout.read()
    reader.error = None
    assert layout.read()


def test_it_is_looked_at_once_a_minute(host: Places) -> None:
    clock = FakeClock()
    layout = DiskLayout(host, clock, ask_nobody)
    before = layout.read()[0].samples
    add_disk(host.sysfs, "sdg", "8T", rotational=1)
    clock.move(59)
    assert layout.read()[0].samples == before
    clock.move(1)
    assert layout.read()[0].samples[0].labels["disks"] == "5xhdd-8T,nvme-960G,2xssd-960G"


def test_a_host_with_nothing(tmp_path: Path, host: Places) -> None:
    empty = replace(host, sysfs=tmp_path / "nothing")
    assert look(empty) | {"fingerprint": ""} == {
        "fingerprint": "", "raid": "none", "controller": "none", "filesystem": "root=ext4;data=xfs", "disks": "none",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (960_197_124_096, "960G"), (1_000_204_886_016, "1T"), (1_024_209_543_168, "1T"), (8_001_563_222_016, "8T"),
        (999_999, "1M"), (1_099_511_627_776, "1.1T"), (512, "510B"),
    ],
)  # fmt: skip
def test_sizes_as_disks_are_sold(size: int, text: str) -> None:
    assert describe_size(size) == text
