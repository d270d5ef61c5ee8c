"""LVM's report, as the real tool printed it of a volume group that lost a disk; and the tool itself where it runs."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from prometheus_client.metrics_core import Metric

from exporter.clock import FakeClock
from exporter.collectors.lvm import parse_report, read_lvm
from exporter.collectors.reader import read_reader
from exporter.errors import NoData
from exporter.kit import Answer
from exporter.reader.client import build_ask
from exporter.reader.fake import FakeReader
from exporter.runner import Collector, State, read_timed
from tests.exporter.reader_site import SECONDS, ReaderSite

FIXTURES = Path(__file__).parent / "fixtures" / "reader"
GROUP = "qnsef9-vqSs-Fequ-mwXY-ar3f-UIcZ-0I0tMY"
POOL = "eeeeee-eeee-eeee-eeee-eeee-eeee-eeeeee"
THIN = "ffffff-ffff-ffff-ffff-ffff-ffff-ffffff"
RAID = "mmmmmm-mmmm-mmmm-mmmm-mmmm-mmmm-mmmmmm"
LOST = "6BcQCA-iTdN-b78m-il3C-iyyA-n3P2-vNw9No"

Series = dict[tuple[str, ...], float]


def series(families: list[Metric]) -> dict[str, Series]:
    return {
        family.name: {tuple(sample.labels.values()): sample.value for sample in family.samples} for family in families
    }


def report(**changes: str) -> str:
    """The captured report with fields of the thin pool changed, as those of an active one are."""
    document = json.loads((FIXTURES / "lvm.json").read_text())
    for line in document["report"][0]["lv"]:
        if line["lv_uuid"] == POOL:
            line.update(changes)
    return json.dumps(document)


def read(output: str) -> dict[str, Series]:
    return series(list(read_lvm(lambda _: Answer(output, 0, 0))))


def test_a_volume_group_that_lost_a_disk() -> None:
    page = series(list(read_lvm(FakeReader(FIXTURES).ask)))
    assert page["lvm_up"] == {("",): 1}
    assert page["lvm_vg_info"] == {("vgtest", GROUP): 1}
    assert (page["lvm_vg_partial"], page["lvm_vg_missing_pv_count"]) == ({(GROUP,): 1}, {(GROUP,): 1})
    assert page["lvm_vg_size_bytes"] == {(GROUP,): 98 * (4 << 20)}
    assert page["lvm_pv_missing"][(LOST,)] == 1
    assert sum(page["lvm_pv_missing"].values()) == 1
    assert page["lvm_pv_info"][("[unknown]", LOST)] == 1
    assert page["lvm_lv_info"][("[pool_tdata]", "vgtest/pool_tdata", "bbbbbb-bbbb-bbbb-bbbb-bbbb-bbbb-bbbbbb")] == 1
    assert page["lvm_lv_health_status"][(RAID, "partial")] == page["lvm_lv_health_status"][(POOL, "")] == 1
    assert page["lvm_lv_layout"][(RAID, "raid,raid1")] == 1
    assert page["lvm_lv_size_bytes"][(THIN,)] == 1 << 30
    assert page["node_volume_group_size"] == {("vgtest",): 98 * (4 << 20)}
    assert page["node_volume_group_free"] == {("vgtest",): page["lvm_vg_free_bytes"][(GROUP,)]}


def test_volumes_that_are_not_active_say_nothing_of_their_data() -> None:
    page = read(report())
    for name in ("lvm_lv_data_percent", "lvm_lv_metadata_percent", "node_lvm_thin_pools_allocated"):
        assert page[name] == {}


def test_an_active_thin_pool() -> None:
    page = read(report(data_percent="97.25", metadata_percent="12.50", lv_when_full="queue", lv_check_needed="1"))
    assert page["lvm_lv_data_percent"] == {(POOL,): 97.25}
    assert page["lvm_lv_when_full"][(POOL, "queue")] == 1
    assert page["lvm_lv_check_needed"][(POOL,)] == 1
    assert page["node_lvm_thin_pools_allocated"] == {(POOL, "vgtest"): 97.25}
    assert page["node_lvm_thin_pools_metadata"] == {(POOL, "vgtest"): 12.5}
    assert page["node_lvm_snapshots_allocated"] == {}


def test_a_snapshot() -> None:
    page = read(report(lv_attr="swi-a-s---", snap_percent="3.5"))
    assert page["node_lvm_snapshots_allocated"] == {(POOL, "vgtest"): 3.5}
    assert page["lvm_lv_snap_percent"] == {(POOL,): 3.5}


def test_disks_that_no_group_uses_are_told_too() -> None:
    orphan = {
        "report": [{"vg": [{"vg_uuid": "", "vg_name": ""}], "pv": [{"pv_uuid": "u", "pv_size": "8"}], "lv": []}]
    }
    page = read(json.dumps(orphan))
    assert (page["lvm_pv_size_bytes"], page["lvm_vg_info"]) == ({("u",): 8}, {})


@pytest.mark.parametrize("output", ["", "{}", "[]", '{"report": 7}', '{"report": [7]}', '{"report": [{"lv": [7]}]}'])
def test_what_is_no_report_is_an_error_and_the_page_says_that_it_is_down(output: str) -> None:
    collector = Collector("lvm", partial(read_lvm, lambda _: Answer(output, 0, 0)))
    reading = read_timed(collector, FakeClock())
    assert reading.state is State.ERROR
    assert series(list(reading.families))["lvm_up"].popitem()[1] == 0


def test_a_host_without_volume_groups_has_no_data() -> None:
    with pytest.raises(NoData):
        read('{"report": [\n]\n}')
    assert parse_report('{"report": []}') == {"vg": [], "pv": [], "lv": []}


@pytest.fixture
def loops(tmp_path: Path) -> Iterator[list[str]]:
    """Two small disks; gone at the end."""
    if os.geteuid() != 0:
        pytest.skip("NEEDS ROOT: loop devices")
    if not shutil.which("lvm"):
        pytest.skip("LVM IS MISSING: its report is not read")
    devices = []
    for name in ("a", "b"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(32 << 20)
        devices.append(run_with("losetup", "--find", "--show", str(tmp_path / name)).strip())
    yield devices
    for device in devices:
        subprocess.run(["losetup", "--detach", device], timeout=SECONDS, check=False)


def run_with(*command: str, **environment: str) -> str:
    return subprocess.run(
        command, capture_output=True, text=True, timeout=SECONDS, check=True, env=os.environ | environment
    ).stdout


@pytest.mark.lab
def test_a_real_volume_group_loses_a_disk_before_our_eyes(tmp_path: Path, loops: list[str]) -> None:
    group = f"fleetmend{os.getpid()}"
    run = partial(run_with, LVM_SYSTEM_DIR=str(tmp_path))  # its backups are not the machine's
    run("lvm", "vgcreate", "--yes", group, *loops)
    folder = tmp_path / "site"
    folder.mkdir()
    site = ReaderSite(folder)
    with site.running("--tool-path", "/usr/sbin:/sbin:/usr/bin:/bin", "--interval", "lvm=0.01"):
        ask = build_ask(site.socket, FakeClock())
        whole = series(list(read_lvm(ask)))
        uuid = next(uuid for name, uuid in whole["lvm_vg_info"] if name == group)
        free = whole["lvm_vg_free_bytes"][(uuid,)]
        assert 2 * (24 << 20) <= free == whole["lvm_vg_size_bytes"][(uuid,)] <= 2 * (32 << 20)
        assert whole["lvm_vg_missing_pv_count"][(uuid,)] == 0
        run("losetup", "--detach", loops[1])
        broken = series(list(read_lvm(ask)))
        assert broken["lvm_vg_missing_pv_count"][(uuid,)] == broken["lvm_vg_partial"][(uuid,)] == 1
        status = series(read_reader(ask, FakeClock(0)))
        assert status["fleetmend_reader_source_state"][("lvm", "ok")] == 1
        assert 0 < status["fleetmend_reader_run_seconds"][("lvm",)] < SECONDS
    run("lvm", "vgreduce", "--removemissing", group)
    run("lvm", "vgremove", "--yes", group)
