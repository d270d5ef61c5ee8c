"""Sensors, links, memory and more of sysfs: drivers that refuse, values nobody set, hardware that comes and goes."""

import shutil
from pathlib import Path

import pytest

from exporter.collectors.bonding import read_bonding
from exporter.collectors.dmi import read_dmi
from exporter.collectors.edac import read_edac
from exporter.collectors.hwmon import Sensors, parse_element
from exporter.collectors.hwmon_names import meaning_of
from exporter.collectors.netclass import Links
from exporter.collectors.nvme import read_nvme
from exporter.collectors.powersupplyclass import read_power_supplies
from exporter.collectors.rapl import read_rapl
from exporter.collectors.sysfs import parse_number
from exporter.collectors.thermal_zone import read_thermal_zones
from exporter.collectors.watchdog import read_watchdogs
from exporter.errors import NoData
from tests.exporter.hardware import TREE, series, value, write_tree

NET = "head\nhead\n"
COUNTS = " ".join("0" * 16)


def test_fans_that_stopped_and_headers_that_never_had_one() -> None:
    families, chip = Sensors(TREE / "sys").read(), "platform_nct6775_656"
    for fan, rpm, least in (("fan1", 1210, 300), ("fan2", 0, 0), ("fan3", 0, 600)):
        assert value(families, "node_hwmon_fan_rpm", chip=chip, sensor=fan) == rpm
        assert value(families, "node_hwmon_fan_min_rpm", chip=chip, sensor=fan) == least
    assert value(families, "node_hwmon_fan_alarm", chip=chip, sensor="fan3") == 1
    # Bogus limits are told as they are.
    assert value(families, "node_hwmon_temp_crit_celsius", chip=chip, sensor="temp1") == 127
    assert value(families, "node_hwmon_temp_crit_celsius", chip=chip, sensor="temp2") == 0


def test_chips_are_named_by_device_then_driver_then_number() -> None:
    chips = {dict(labels)["chip"] for name, labels in series(Sensors(TREE / "sys").read()) if "temp_celsius" in name}
    assert chips == {"platform_coretemp_0", "platform_nct6775_656", "nvme_nvme0", "acpitz", "hwmon6"} | {
        "0000:00:08_1_0000:c4:00_0"
    }


def test_chip_that_comes_back_is_another_one(tmp_path: Path) -> None:
    folder = tmp_path / "class/hwmon/hwmon0"
    write_tree(folder, {"name": "a", "temp1_input": "1000"})
    sensors = Sensors(tmp_path)
    assert value(sensors.read(), "node_hwmon_temp_celsius", chip="a", sensor="temp1") == 1
    # Kept aside, so that the new folder cannot have the old one's inode.
    shutil.move(folder, tmp_path / "old")
    write_tree(folder, {"name": "b", "temp7_input": "2000"})
    families = sensors.read()
    assert value(families, "node_hwmon_temp_celsius", chip="b", sensor="temp7") == 2
    assert value(families, "node_hwmon_temp_celsius", chip="a", sensor="temp1") is None


def test_values_are_read_anew_and_unreadable_ones_are_left_out(tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "class/hwmon/hwmon0", {"temp1_input": "1000", "fan1_input": "", "in0_input": "x"})
    sensors = Sensors(tmp_path)
    assert len(series(sensors.read())) == 1
    (folder / "temp1_input").write_text("2500\n")
    (folder / "fan1_input").write_text("900\n")
    assert set(series(sensors.read()).values()) == {2.5, 900.0}


def test_folders_and_files_that_are_no_sensors() -> None:
    assert parse_element("", "uevent") is None
    assert parse_element("", "of_node") is None
    element = parse_element("", "temp12_crit_hyst")
    assert element is not None
    assert (element.sensor, element.element) == ("temp12", "crit_hyst")


@pytest.mark.parametrize(
    ("kind", "element", "bare", "name"),
    [
        ("temp", "input", False, "node_hwmon_temp_celsius"),
        ("temp", "input", True, "node_hwmon_temp_input_celsius"),
        ("temp", "", True, "node_hwmon_temp_celsius"),
        ("temp", "type", False, "node_hwmon_temp_type"),
        ("power", "average_interval_max", False, "node_hwmon_power_average_interval_max_seconds"),
        ("power", "accuracy", False, "node_hwmon_power_accuracy"),
        ("energy", "input", False, "node_hwmon_energy_joule_total"),
        ("fan", "pulses", False, "node_hwmon_fan_pulses"),
        ("in", "beep", False, "node_hwmon_in_beep_enabled"),
        ("pwm", "enable", False, "node_hwmon_pwm_enable"),
    ],
)
def test_metric_of_an_element(kind: str, element: str, bare: bool, name: str) -> None:
    assert meaning_of(kind, element, bare=bare).name == name


def test_link_without_a_cable_has_no_speed() -> None:
    families = Links(TREE / "proc", TREE / "sys", "^$").read()
    assert value(families, "node_network_speed_bytes", device="eth0") == 1.25e9
    assert value(families, "node_network_speed_bytes", device="eth2") is None
    assert value(families, "node_network_carrier", device="eth2") == 0
    assert value(families, "node_network_up", device="eth2") == 0


def test_links_of_another_network_namespace_are_not_ours(tmp_path: Path) -> None:
    """A sysfs that was mounted elsewhere has an eth0 too."""
    proc = write_tree(tmp_path / "proc", {"net/dev": f"{NET}  lo: {COUNTS}\neth0: {COUNTS}\n"})
    for device in ("lo", "eth0", "veth1"):
        write_tree(tmp_path / f"sys/class/net/{device}", {"operstate": "up", "ifindex": "1"})
    with pytest.raises(NoData, match="veth1"):
        Links(proc, tmp_path / "sys", "^$").read()
    shutil.rmtree(tmp_path / "sys/class/net/veth1")
    assert value(Links(proc, tmp_path / "sys", "^lo$").read(), "node_network_up", device="eth0") == 1
    assert value(Links(proc, tmp_path / "sys", "^lo$").read(), "node_network_up", device="lo") is None


def test_link_that_is_made_anew_is_read_anew(tmp_path: Path) -> None:
    proc = write_tree(tmp_path / "proc", {"net/dev": f"{NET}eth0: {COUNTS}\n"})
    folder = write_tree(tmp_path / "sys/class/net/eth0", {"operstate": "up", "ifindex": "7", "flags": "0x1003"})
    links = Links(proc, tmp_path / "sys", "^$")
    assert value(links.read(), "node_network_iface_id", device="eth0") == 7
    shutil.move(folder, tmp_path / "old")
    assert not series(links.read())
    write_tree(folder, {"operstate": "down", "ifindex": "9", "flags": "0x1002"})
    families = links.read()
    assert value(families, "node_network_iface_id", device="eth0") == 9
    (key,) = [labels for name, labels in series(families) if name == "node_network_info"]
    assert {("adminstate", "down"), ("operstate", "down")} <= key


def test_more_links_than_are_kept_open(tmp_path: Path) -> None:
    devices = [f"veth{number}" for number in range(20)]
    proc = write_tree(tmp_path / "proc", {"net/dev": NET + "".join(f"{one}: {COUNTS}\n" for one in devices)})
    for one in devices:
        write_tree(tmp_path / f"sys/class/net/{one}", {"operstate": "up"})
    links = Links(proc, tmp_path / "sys", "^$")
    for _ in range(2):
        assert sum(number for (name, _), number in series(links.read()).items() if name == "node_network_up") == 20


def test_bond_whose_member_lost_its_link() -> None:
    families = read_bonding(TREE / "sys")
    assert value(families, "node_bonding_slaves", master="bond0") == 2
    assert value(families, "node_bonding_active", master="bond0") == 1


def test_bond_of_an_older_kernel_and_one_without_members(tmp_path: Path) -> None:
    write_tree(
        tmp_path / "class/net",
        {"bonding_masters": "b0 b1\n", "b0/bonding/slaves": "e0\n", "b1/bonding/slaves": "\n"}
        | {"b0/slave_e0/bonding_slave/mii_status": "up\n"},
    )
    families = read_bonding(tmp_path)
    assert [value(families, "node_bonding_active", master=one) for one in ("b0", "b1")] == [1, 0]


def test_zone_that_does_not_answer_is_left_out(tmp_path: Path) -> None:
    write_tree(
        tmp_path / "class/thermal",
        {"thermal_zone0/type": "wifi", "thermal_zone1/type": "cpu", "thermal_zone1/temp": "-500\n"},
    )
    families = read_thermal_zones(tmp_path)
    assert value(families, "node_thermal_zone_temp", zone="1", type="cpu") == -0.5
    assert len(series(families)) == 1


def test_memory_errors_by_module() -> None:
    families = read_edac(TREE / "sys")
    counted = series(families)
    channel = {"controller": "0", "csrow": "0", "channel": "0", "dimm_label": "CPU_SrcID0_MC0_Chan0_DIMM0"}
    assert counted["node_edac_channel_correctable_errors_total", frozenset(channel.items())] == 3
    assert value(families, "node_edac_csrow_correctable_errors_total", controller="0", csrow="unknown") == 1
    assert value(families, "node_edac_uncorrectable_errors_total", controller="0") == 1


def test_channel_without_a_label(tmp_path: Path) -> None:
    row = {"ch1_ce_count": "2", "ch1_ue_count": "1", "ce_count": "2", "ue_count": "1"}
    write_tree(
        tmp_path / "devices/system/edac/mc/mc3", {"ce_count": "2"} | {f"csrow0/{k}": v for k, v in row.items()}
    )
    labels = {"controller": "3", "csrow": "0", "channel": "1", "dimm_label": "unknown"}
    assert value(read_edac(tmp_path), "node_edac_channel_uncorrectable_errors_total", **labels) == 1


def test_zones_of_equal_names_are_told_apart(tmp_path: Path) -> None:
    zones = {"intel-rapl:0": "psys", "intel-rapl:1": "psys", "intel-rapl:2": "package-7-die-1"}
    for zone, name in zones.items():
        write_tree(tmp_path / "class/powercap" / zone, {"name": name, "energy_uj": "1500000"})
    labels = {dict(labels)["index"] for name, labels in series(read_rapl(tmp_path)) if "psys" in name}
    assert labels == {"0", "1"}
    assert any(name == "node_rapl_package_7_die_joules_total" for name, _ in series(read_rapl(tmp_path)))


def test_watchdog_that_says_little() -> None:
    families = read_watchdogs(TREE / "sys")
    assert value(families, "node_watchdog_bootstatus", name="watchdog0") == 1
    assert value(families, "node_watchdog_bootstatus", name="watchdog1") is None
    assert value(families, "node_watchdog_info", name="watchdog1", identity="iTCO_wdt", state="inactive") == 1


def test_supply_is_told_in_base_units() -> None:
    families = read_power_supplies(TREE / "sys")
    assert value(families, "node_power_supply_online", power_supply="ADP1") == 1
    assert value(families, "node_power_supply_temp_celsius", power_supply="BAT0") == 30.1
    assert value(families, "node_power_supply_voltage_volt", power_supply="BAT0") == 12.229
    assert value(read_power_supplies(TREE / "sys", "^BAT"), "node_power_supply_present", power_supply="BAT0") is None


@pytest.mark.parametrize(
    "read",
    [
        read_bonding, read_dmi, read_edac, read_nvme, read_power_supplies, read_rapl, read_thermal_zones,
        read_watchdogs, lambda sysfs: Sensors(sysfs).read(),
    ],
)  # fmt: skip
def test_machine_without_such_hardware_has_no_data(read: object, tmp_path: Path) -> None:
    assert callable(read)
    with pytest.raises(NoData):
        read(tmp_path)


def test_numbers_of_sysfs() -> None:
    assert [parse_number(text) for text in ("0x1003", "-1", "4.5", "", None, "<unknown>", "0xz")] == [
        4099, -1, 4.5, None, None, None, None,
    ]  # fmt: skip
