"""Texts of the kernel's that are odd: empty, cut off, huge, of an older or newer kernel."""

import struct
from pathlib import Path

import pytest

from exporter.collectors.arp import parse_arp
from exporter.collectors.conntrack import parse_conntrack, read_conntrack
from exporter.collectors.cpu import Cpu, never_falling, parse_cpu_list, parse_cpu_times
from exporter.collectors.cpu_info import parse_cpuinfo
from exporter.collectors.filefd import parse_file_nr
from exporter.collectors.files import read_number, read_optional, read_optional_number, read_present, read_text
from exporter.collectors.netstat import parse_netstat, parse_snmp6
from exporter.collectors.os_release import build_os_families, parse_os_release, parse_version
from exporter.collectors.pressure import read_pressure
from exporter.collectors.process import parse_boot_time, parse_own_stat
from exporter.collectors.schedstat import build_schedstat_families, parse_schedstat
from exporter.collectors.sockstat import build_socket_families, parse_sockstat
from exporter.collectors.softnet import build_softnet_families, parse_softnet
from exporter.collectors.timex import LAYOUT, TIMEX_BYTES, Clockwork, build_timex_families, parse_timex
from exporter.collectors.udp_queues import parse_queues, read_udp_queues
from exporter.collectors.vmstat import parse_vmstat
from exporter.errors import NoData
from exporter.places import Places

HUGE = 2**64 - 1


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def values(families: list[object]) -> dict[str, float]:
    return {sample.name: sample.value for family in families for sample in family.samples}  # type: ignore[attr-defined]


def test_a_file_longer_than_one_read_is_whole(tmp_path: Path) -> None:
    assert read_text(put(tmp_path / "long", "x" * 200_001)) == "x" * 200_001


def test_files_that_are_missing_unreadable_or_no_number(tmp_path: Path) -> None:
    unknown = put(tmp_path / "unknown", "<unknown>\n")
    assert read_optional(tmp_path / "none") is None
    assert read_optional(unknown) == "<unknown>"
    assert read_optional_number(unknown) is None
    assert read_optional_number(put(tmp_path / "huge", f" {HUGE}\n")) == float(HUGE)
    with pytest.raises(IsADirectoryError):
        read_optional(tmp_path)
    with pytest.raises(NoData):
        read_present(tmp_path / "none")
    with pytest.raises(ValueError, match="invalid literal"):
        read_number(unknown)


def test_cpu_times_end_with_the_first_line_that_is_no_cpu() -> None:
    assert parse_cpu_times("") == {}
    assert parse_cpu_times(f"cpu  1 2\ncpu7 {HUGE} 2 3 4\nintr 5\ncpu8 1 2 3 4\n") == {
        "7": [HUGE / 100, 0.02, 0.03, 0.04]
    }


def test_idle_that_steps_back_a_little_stands_still_and_a_new_cpu_begins_anew() -> None:
    before = {"0": [5.0, 0.0, 2.0, 100.0, 9.0], "1": [5.0, 0.0, 2.0, 100.0, 9.0]}
    now = {"0": [5.5, 0.0, 2.0, 99.9, 8.5], "1": [1.0, 0.0, 0.0, 3.0, 0.0], "2": [1.0, 0.0, 0.0, 1.0, 0.0]}
    assert never_falling(before, now) == {"0": [5.5, 0.0, 2.0, 100.0, 9.0], "1": now["1"], "2": now["2"]}


def test_cpu_lists() -> None:
    assert parse_cpu_list("\n") == []
    assert parse_cpu_list("1-3,7\n") == ["1", "2", "3", "7"]
    with pytest.raises(ValueError, match="invalid literal"):
        parse_cpu_list("1-x")


def test_throttles_of_a_cpu_that_comes_later_are_found(fixture_places: Places, tmp_path: Path) -> None:
    stat = put(tmp_path / "stat", "cpu0 1 1 1 1\n")
    cpu = Cpu(tmp_path, tmp_path)
    assert "node_cpu_core_throttles_total" not in values(list(cpu.read()))
    for name, number in (("topology/physical_package_id", 0), ("topology/core_id", 4)):
        put(tmp_path / "devices/system/cpu/cpu1" / name, f"{number}\n")
    put(tmp_path / "devices/system/cpu/cpu1/thermal_throttle/core_throttle_count", "12\n")
    stat.write_text("cpu0 1 1 1 1\ncpu1 1 1 1 1\n")
    found = values(list(cpu.read()))
    assert found["node_cpu_core_throttles_total"] == 12
    # This kernel counts for cores alone.
    assert "node_cpu_package_throttles_total" not in found


def test_cpuinfo_of_another_architecture_ends_with_the_board() -> None:
    text = "processor\t: 0\nCPU part\t: 0xd08\n\nHardware\t: Board\nSerial\t: 1:2\n"
    assert parse_cpuinfo(text) == [{"processor": "0", "CPU part": "0xd08"}]
    assert parse_cpuinfo("") == []


def test_vmstat_takes_whole_fields_with_whole_numbers() -> None:
    text = f"nr_pgpgin 3\npgpgin {HUGE}\npgsteal_direct_throttle 1\noom_kill\npswpout -1\noom_kill_x 2\npgmajfa"
    assert parse_vmstat(text) == {"pgpgin": HUGE, "oom_kill_x": 2}
    assert parse_vmstat("") == {}


def test_file_handles_of_a_cut_off_line() -> None:
    with pytest.raises(ValueError, match="not enough values"):
        parse_file_nr("1024\t0")


def test_conntrack_of_an_old_kernel_has_no_last_column() -> None:
    assert parse_conntrack("entries found drop\n0a 1 ff\n0a 2 1\n") == {"entries": 20, "found": 3, "drop": 256}
    with pytest.raises(ValueError, match="shorter"):
        parse_conntrack("entries found drop\n0a 1\n")


def test_conntrack_without_the_modules_or_the_right_to_read_more(tmp_path: Path) -> None:
    with pytest.raises(NoData):
        read_conntrack(tmp_path)
    for name in ("count", "max"):
        put(tmp_path / f"sys/net/netfilter/nf_conntrack_{name}", "7\n")
    assert values(list(read_conntrack(tmp_path))) == {
        "node_nf_conntrack_entries": 7.0,
        "node_nf_conntrack_entries_limit": 7.0,
    }


def test_sockstat_of_a_cut_off_line() -> None:
    assert parse_sockstat("") == {}
    assert values(list(build_socket_families(parse_sockstat("sockets: used 3\nX: inuse 1\n")))) == {
        "node_sockstat_sockets_used": 3.0,
        "node_sockstat_X_inuse": 1.0,
    }
    with pytest.raises(ValueError, match="shorter"):
        parse_sockstat("TCP: inuse 4 orphan\n")


def test_softnet_of_old_kernels_and_of_a_cut_off_line() -> None:
    line = " ".join(["ffffffff"] + ["00000000"] * 8)
    cpus = parse_softnet(f"{line}\n{line}\n")
    assert list(cpus) == ["0", "1"]
    names = {family.name for family in build_softnet_families(cpus) if family.samples}
    assert "node_softnet_cpu_collision" in names
    assert "node_softnet_backlog_len" not in names
    with pytest.raises(ValueError, match="fewer than 9"):
        parse_softnet("0001 0002\n")


def test_softnet_names_cpus_as_the_kernel_does() -> None:
    line = "1 0 0 0 0 0 0 0 0 0 0 0 {:x} 0 0\n"
    assert list(parse_softnet(line.format(0) + line.format(10))) == ["0", "10"]


def test_netstat_whose_names_and_numbers_do_not_match() -> None:
    assert list(parse_netstat("")) == []
    assert list(parse_netstat("Tcp: MaxConn InSegs\nTcp: -1 9\n")) == [("Tcp", "InSegs", 9)]
    for text in ("Tcp: MaxConn InSegs\nTcp: -1\n", "Tcp: InSegs\nUdp: 1\n"):
        with pytest.raises(ValueError, match="do not match"):
            list(parse_netstat(text))
    with pytest.raises(ValueError, match="shorter"):
        list(parse_netstat("Tcp: InSegs\n"))


def test_snmp6_splits_at_the_first_six() -> None:
    text = f"Icmp6InMsgs \t {HUGE}\nIcmp6OutType136 1\nNothing 3\nUdp6InErrors 4"
    assert list(parse_snmp6(text)) == [("Icmp6", "InMsgs", HUGE), ("Udp6", "InErrors", 4)]
    with pytest.raises(ValueError, match="not enough values"):
        list(parse_snmp6("Ip6OutOctets\nUdp6InErrors 4"))


def test_schedstat_of_another_version_is_an_error_not_a_shift() -> None:
    assert parse_schedstat("version 15\ndomain0 1\n") == {}
    with pytest.raises(IndexError):
        build_schedstat_families(parse_schedstat("cpu0 1 2 3\n"))


def test_arp_without_neighbours_and_with_odd_names() -> None:
    assert parse_arp("IP address HW type Flags HW address Mask Device\n") == {}
    assert parse_arp("head\n192.0.2.1 0x1 0x2 02:fc:00:00:00:05 * a:b\n") == {"a:b": 1}


def test_udp_queues_sum_hexadecimal() -> None:
    assert parse_queues("head\n") == (0, 0)
    line = "13: 0100007F:0035 00000000:0000 07 {:08X}:{:08X} 00:00000000 00000000 0\n"
    assert parse_queues("head\n" + line.format(1, 2) + line.format(255, 2**32 - 1)) == (256, 2**32 + 1)


def test_udp_without_ipv4(tmp_path: Path) -> None:
    with pytest.raises(NoData):
        read_udp_queues(tmp_path)
    put(tmp_path / "net/udp6", "head\n")
    (family,) = read_udp_queues(tmp_path)
    assert {sample.labels["ip"] for sample in family.samples} == {"v6"}


def test_pressure_without_irq(fixture_places: Places, tmp_path: Path) -> None:
    for name in ("cpu", "io", "memory"):
        put(tmp_path / "pressure" / name, "some avg10=0 total=1\nfull avg10=0 total=2\n")
    assert "node_pressure_irq_stalled_seconds_total" not in values(list(read_pressure(tmp_path)))
    assert "node_pressure_irq_stalled_seconds_total" in values(list(read_pressure(fixture_places.procfs)))


def test_timex_of_a_lost_clock() -> None:
    lost = parse_timex(5, LAYOUT.pack(*range(21)).ljust(TIMEX_BYTES, b"\0"))
    assert (lost.offset, lost.status, lost.constant, lost.tick, lost.tai) == (1, 5, 6, 11, 20)
    assert values(list(build_timex_families(lost)))["node_timex_sync_status"] == 0
    with pytest.raises(struct.error):
        parse_timex(0, b"\0" * 32)


def test_timex_of_this_machine_ticks() -> None:
    found = values(list(Clockwork().read()))
    assert 0.009 <= found["node_timex_tick_seconds"] <= 0.011
    assert 0.999 < found["node_timex_frequency_adjustment_ratio"] < 1.001


def test_os_release_is_shell_but_never_run() -> None:
    release = parse_os_release('ID=\'a b\'\nNAME="x \\"y\\""\n#ID=no\nnothing\nVERSION_ID=$(reboot)\nVARIANT="open\n')
    assert release == {"id": "a b", "name": 'x "y"', "version_id": "$(reboot)", "variant": '"open'}
    assert values(list(build_os_families(parse_os_release("")))) == {"node_os_info": 1.0}


@pytest.mark.parametrize(
    ("text", "number"), [("12", 12.0), ("24.04.2", 24.04), ("3.", 3.0), ("rolling", 0.0), ("", 0.0)]
)
def test_versions_as_numbers(text: str, number: float) -> None:
    assert parse_version(text) == number


def test_own_process_with_a_name_of_brackets() -> None:
    fields = " ".join(["0"] * 10)
    stat = parse_own_stat(f"1 (a) b) S {fields} 100 100 0 0 0 0 0 0 300 {HUGE} 2 0".encode())
    assert (stat.cpu, stat.started, stat.virtual, stat.resident) == (2.0, 3.0, HUGE, 8192)
    with pytest.raises(ValueError, match="btime"):
        parse_boot_time(b"cpu 1 2\n")
