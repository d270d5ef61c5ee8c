"""Parsing: the places where the kernel's texts are not what one would first think."""

import pytest

from exporter.collectors.blocked_tasks import BlockedTask, count_groups, parse_switches, parse_task_stat, parse_wchan
from exporter.collectors.cpu import parse_cpu_times
from exporter.collectors.diskstats import build_disk_families, parse_diskstats, parse_udev
from exporter.collectors.meminfo import parse_meminfo
from exporter.collectors.mounts import parse_mounts
from exporter.collectors.netdev import parse_netdev
from exporter.collectors.pressure import parse_pressure
from exporter.collectors.stat import parse_stat


def test_meminfo_names_follow_units_and_brackets() -> None:
    fields = parse_meminfo("Active(anon):  2 kB\nHugePages_Free:  7\n")
    assert fields == {"Active_anon_bytes": 2048.0, "HugePages_Free": 7.0}


def test_cpu_times_of_an_old_kernel_have_fewer_columns() -> None:
    assert parse_cpu_times("cpu  1 2 3 4\ncpu0 100 200 300 400 500\nintr 5\n") == {"0": [1.0, 2.0, 3.0, 4.0, 5.0]}


def test_stat_takes_the_first_number_only() -> None:
    assert parse_stat("cpu0 1\nintr 90 1 2 3\nbtime 5\n") == {"intr": 90, "btime": 5}


def test_network_device_name_may_hold_a_colon_and_touch_its_numbers() -> None:
    counts = " ".join(str(number) for number in range(16))
    devices = parse_netdev(f"head\nhead\neth0:1:{counts}\n")
    assert list(devices) == ["eth0:1"]
    assert devices["eth0:1"]["transmit_bytes"] == 8


def test_network_line_with_missing_columns_is_an_error_not_a_shift() -> None:
    with pytest.raises(ValueError, match="shorter"):
        parse_netdev("head\nhead\neth0: 1 2 3\n")


def test_task_name_may_hold_brackets_and_spaces() -> None:
    stat = parse_task_stat("7 (a) b (c) D 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 12 0 4711 0")
    assert (stat.comm, stat.state, stat.started) == ("a) b (c", "D", 4711)


def test_kernels_that_hide_switches_and_wait_channels() -> None:
    assert parse_switches("Name: x\n") == -1
    assert parse_wchan("0") == ""


def test_many_groups_of_blocked_tasks_stay_few_series() -> None:
    tasks = [BlockedTask(number, 1, 1, f"task{number}", "") for number in range(80)]
    groups = count_groups([*tasks, BlockedTask(99, 1, 1, "task0", "")])
    assert len(groups) == 51
    assert groups["task0", ""] == 2
    assert groups["other", ""] == 30
    assert sum(groups.values()) == 81


def test_mount_point_with_a_space() -> None:
    (mount,) = parse_mounts("30 25 8:16 / /mnt\\040x\\134y ro,noatime shared:2 - ext4 /dev/sdb rw\n")
    assert (mount.mountpoint, mount.readonly) == ("/mnt x\\y", True)


def test_errors_remount_is_not_readonly() -> None:
    (mount,) = parse_mounts("25 1 8:16 / / rw - ext4 /dev/sdb rw,errors=remount-ro\n")
    assert not mount.readonly


def test_disk_of_an_old_kernel_has_no_flushes() -> None:
    families = build_disk_families(parse_diskstats("8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n"))
    assert [family.name for family in families if family.samples][-1] == "node_disk_io_time_weighted_seconds"


def test_udev_value_may_hold_an_equals_sign() -> None:
    assert parse_udev("S:x\nE:A=b=c\nE:broken\n") == {"A": "b=c"}


def test_pressure_totals_are_seconds() -> None:
    assert parse_pressure("some avg10=0.00 total=1500000\n") == {"some": 1.5}
