"""Hardware that this machine lacks: our families of the fixture trees beside those of a real node_exporter."""

from pathlib import Path

import pytest
from prometheus_client.metrics_core import Metric

from exporter.collectors.textfile import Textfiles
from exporter.kit import Kit
from exporter.places import Places
from exporter.table import DISK, HOST, build_collectors
from tests.exporter.hardware import TREE, Series, series, write_tree
from tests.exporter.node_exporter import NODE_EXPORTER, fetch, started

COLLECTORS = (
    "netclass", "bonding", "hwmon", "thermal_zone", "powersupplyclass", "edac", "rapl", "dmi", "nvme", "mdadm",
    "textfile",
)  # fmt: skip
# Metrics and labels that node_exporter has got since.
NEWER = ("node_edac_channel_", "node_md_degraded", "node_md_raid_disks", "node_hwmon_freq_")
NEWER_LABELS = {"node_network_info": "adminstate", "node_nvme_info": "cntlid"}
# It takes a stopped array for one that wants no members.
OTHERWISE = {("node_md_disks_required", frozenset({("device", "md3")})): (0.0, 4.0)}

pytestmark = pytest.mark.skipif(not NODE_EXPORTER, reason="NODE_EXPORTER IS MISSING: its names are not compared")


@pytest.fixture
def peer(unused_port: int) -> list[Metric]:
    """What a real one reads from the same trees."""
    return read_peer(unused_port, TREE / "textfile", *COLLECTORS)


def read_peer(port: int, textfiles: Path, *collectors: str) -> list[Metric]:
    arguments = [
        "--collector.disable-defaults", f"--path.sysfs={TREE / 'sys'}", f"--path.procfs={TREE / 'proc'}",
        f"--collector.textfile.directory={textfiles}", *(f"--collector.{name}" for name in collectors),
    ]  # fmt: skip
    with started(port, arguments):
        return fetch(port)


def read_ours() -> list[Metric]:
    places = Places(TREE / "proc", TREE / "sys", Path("/"), TREE / "udev", textfiles=(TREE / "textfile",))
    table = [one for one in build_collectors((*HOST, *DISK), Kit(places)) if one.name in COLLECTORS]
    assert len(table) == len(COLLECTORS)
    return [family for one in table for family in one.read() if family.samples]


def without_newer(found: Series) -> Series:
    return {
        (name, frozenset(pair for pair in labels if pair[0] != NEWER_LABELS.get(name))): number
        for (name, labels), number in found.items()
        if not name.startswith(NEWER) and ("label", "sclk") not in labels
    }


def test_series_are_node_exporters(peer: list[Metric]) -> None:
    ours, theirs = without_newer(series(read_ours())), series(peer)
    assert not ours.keys() ^ theirs.keys()
    different = {key: (number, ours[key]) for key, number in theirs.items() if number != ours[key]}
    assert different == OTHERWISE


def test_types_and_help_are_node_exporters(peer: list[Metric]) -> None:
    ours = {one.name: (one.type, one.documentation.strip()) for one in read_ours()}
    theirs = {one.name: (one.type, one.documentation) for one in peer}
    assert {name: ours.get(name) for name in theirs} == theirs


def test_odd_files_are_taken_as_node_exporter_takes_them(unused_port: int, tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {
            "a.prom": '# HELP shared One.\nshared{file="a"} 1\nown_a 1\n',
            "b.prom": '# HELP shared Another.\nshared{file="b"} 2\nown_b 1\n',
            "cut.prom": "own_cut 1\nown_cut_off 12",
            "duplicate.prom": "own_a 5\nown_duplicate 1\n",
            "empty.prom": "",
            "moments.prom": "own_moment 1 1700000000000\n",
            "no.prom": "<html>\n",
            "spaces.prom": '\n#\n# a comment\n  own_spaces  {  a = "1" , }  3\n',
            "twice.prom": '# TYPE own_twice gauge\nown_twice{a="1"} 1\nown_between 1\nown_twice{a="2"} 2\n',
            "other.txt": "own_other 1\n",
            "values.prom": 'own_value{a="1"} NaN\nown_value{a="2"} +Inf\nown_value{a="3"} -1.5e-3\n',
        },
    )
    ours = series([family for family in Textfiles([tmp_path]).read() if family.samples])
    theirs = series(read_peer(unused_port, tmp_path, "textfile"))
    assert not ours.keys() ^ theirs.keys()
    assert {key: str(float(number)) for key, number in ours.items()} == {
        key: str(float(number)) for key, number in theirs.items()
    }
