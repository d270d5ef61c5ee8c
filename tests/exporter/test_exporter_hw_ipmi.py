"""What ipmitool printed of a BMC, and of BMCs that say less."""

from math import isnan

import pytest

from exporter.collectors.ipmi import build_log_families, build_power_families, parse_pairs, read_ipmi
from exporter.collectors.ipmi_sensors import build_sensor_families, judge, parse_sensors
from exporter.errors import NoData
from exporter.kit import Answer, ask_nobody
from tests.exporter.hardware import TREE, ask_bmc, series, value


def test_every_source_under_ipmi_exporters_names() -> None:
    families = read_ipmi(ask_bmc)
    up = {dict(labels)["collector"]: n for (name, labels), n in series(families).items() if name == "ipmi_up"}
    assert up == {"ipmi": 1, "chassis": 1, "dcmi": 1, "sel": 1, "bmc": 1}
    assert value(families, "ipmi_chassis_power_state") == 1
    # Upside down, as ipmi_exporter has it.
    assert value(families, "ipmi_chassis_drive_fault_state") == 0
    assert value(families, "ipmi_chassis_cooling_fault_state") == 1
    assert value(families, "ipmi_dcmi_power_consumption_current_watts") == 210
    assert value(families, "ipmi_sel_entries_count") == 12
    assert value(families, "ipmi_sel_free_space_bytes") == 15808
    maker = {"manufacturer_id": "MontaVista Software, Inc. (4753)", "system_firmware_version": "N/A"}
    assert value(families, "ipmi_bmc_info", firmware_revision="9.08", **maker) == 1
    assert value(families, "ipmi_scrape_duration_seconds") == 2.5


def test_sensors_with_their_states() -> None:
    families = build_sensor_families(parse_sensors((TREE / "ipmi/sensor.txt").read_text()))
    assert value(families, "ipmi_temperature_celsius", id="1", name="Inlet Temp") == 24
    assert value(families, "ipmi_temperature_state", id="2", name="CPU1 Temp") == 2
    assert value(families, "ipmi_fan_speed_rpm", id="4", name="Fan2A") == 0
    assert value(families, "ipmi_fan_speed_state", id="4", name="Fan2A") == 2
    assert value(families, "ipmi_fan_speed_ratio", id="58", name="Fan 1 DutyCycle") == pytest.approx(0.294)
    assert value(families, "ipmi_fan_speed_state", id="58", name="Fan 1 DutyCycle") == 0
    assert value(families, "ipmi_voltage_volts", id="5", name="12V") == 12
    assert value(families, "ipmi_current_amperes", id="6", name="Current 1") == 0.8
    assert value(families, "ipmi_power_state", id="7", name="Pwr Consumption") == 1
    states = {
        dict(labels)["name"]: number
        for (name, labels), number in series(families).items()
        if name == "ipmi_sensor_state"
    }
    assert isnan(states.pop("Fan3A"))
    assert states == {"PS1 Status": 0, "PS2 Status": 2, "Drive 0": 2, "Memory": 1}


def test_detailed_list_has_sensors_of_equal_names() -> None:
    families = build_sensor_families(parse_sensors((TREE / "ipmi/sensor-detailed.txt").read_text()))
    assert value(families, "ipmi_temperature_celsius", id="5", name="Temp") == 31
    assert value(families, "ipmi_temperature_state", id="5", name="Temp") == 1
    silent = value(families, "ipmi_sensor_state", id="4", name="Temp")
    assert silent is not None
    assert isnan(silent)


@pytest.mark.parametrize(
    ("reading", "state"),
    [
        ("Presence detected", 0),
        ("Presence detected, Failure detected", 2),
        ("Fully Redundant", 0),
        ("Redundancy Degraded", 1),
        ("Redundancy Lost", 2),
        ("Non-Redundant: Sufficient from Redundant", 2),
        ("Correctable ECC", 1),
        ("Uncorrectable ECC", 2),
        ("Transition to Non-critical from OK", 1),
        ("Transition to Critical from less severe", 2),
        ("Transition to OK", 0),
        ("Predictive Failure Deasserted", 0),
        ("Predictive Failure Asserted", 2),
        ("Limit Not Exceeded", 0),
        ("Rebuild In Progress", 1),
        ("S0/G0: working", 0),
    ],
)
def test_sensors_that_speak_in_words(reading: str, state: float) -> None:
    assert judge(reading, "ok") == state


def test_sensor_that_is_silent_is_neither_well_nor_ill() -> None:
    assert all(isnan(judge(reading, "ns")) for reading in ("No Reading", "Disabled", "", "Not Readable"))


def test_source_that_fails_is_down_and_the_others_are_told() -> None:
    def ask(source: str) -> Answer:
        if source == "ipmi_sensor":
            raise OSError("timed out")
        if source == "ipmi_dcmi":
            raise NoData(source)
        if source == "ipmi_sel":
            return Answer("Could not open device at /dev/ipmi0\n", 0, 1)
        return ask_bmc(source)

    families = read_ipmi(ask)
    up = {dict(labels)["collector"]: n for (name, labels), n in series(families).items() if name == "ipmi_up"}
    assert up == {"ipmi": 0, "chassis": 1, "sel": 0, "bmc": 1}


def test_host_without_a_bmc_has_no_data() -> None:
    with pytest.raises(NoData):
        read_ipmi(ask_nobody)


def test_measurement_that_is_switched_off_and_space_that_is_unknown() -> None:
    off = (TREE / "ipmi/dcmi.txt").read_text().replace("activated", "deactivated")
    assert build_power_families(off) == []
    assert len(build_log_families("Entries : 3\nFree Space : unknown\n")) == 1
    assert parse_pairs("a : b : c\n    0x00\n : x\n") == {"a": "b : c"}


def test_list_without_a_sensor_is_an_error() -> None:
    with pytest.raises(ValueError, match="no sensor"):
        parse_sensors("Get SDR 0000 command failed: Requested sensor, data, or record not found\n")
