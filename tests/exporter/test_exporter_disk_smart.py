"""SMART of disks of every kind: what smartctl said, all of it as it said it, and nothing that it did not."""

import json
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.metrics_core import Metric

from exporter.clock import FakeClock
from exporter.collectors.smart import SmartDisks, build_name
from exporter.errors import NoData
from exporter.kit import Answer
from exporter.reader.fake import FakeReader

FIXTURES = Path(__file__).parent / "fixtures" / "reader"
SATA, SAS, NVME, GONE, DEAF = "sda", "bus_0_megaraid_4", "nvme0", "sdb", "sdc"

Series = dict[tuple[str, ...], float]


def series(families: list[Metric]) -> dict[str, Series]:
    return {
        family.name: {tuple(sample.labels.values()): sample.value for sample in family.samples} for family in families
    }


@pytest.fixture(scope="module")
def page() -> dict[str, Series]:
    return series(SmartDisks(FakeReader(FIXTURES).ask, FakeClock()).read())


def of_device(page: dict[str, Series], name: str) -> dict[str, float]:
    return {labels[0]: value for labels, value in page[f"smartctl_{name}"].items()}


def test_health_of_every_disk(page: dict[str, Series]) -> None:
    assert of_device(page, "device_smart_status") == {SATA: 1, SAS: 0, NVME: 0}
    assert of_device(page, "device_smartctl_exit_status") == {SATA: 64, SAS: 4, NVME: 8, GONE: 2}
    assert page["fleetmend_smart_up"] == {(SATA,): 1, (SAS,): 1, (NVME,): 1, (GONE,): 1, (DEAF,): 0}
    assert page["fleetmend_smart_age_seconds"] == {(SATA,): 30, (SAS,): 29.5, (NVME,): 29, (GONE,): 28.5}


def test_only_what_was_said_is_told(page: dict[str, Series]) -> None:
    for name, value in (
        ("critical_warning", 4), ("media_errors", 11), ("available_spare", 3), ("available_spare_threshold", 10),
        ("percentage_used", 104), ("num_err_log_entries", 230), ("bytes_read", 2_000_000 * 512_000),
        ("bytes_written", 9_000_000 * 512_000),
    ):  # fmt: skip
        assert of_device(page, f"device_{name}") == {NVME: value}, name
    assert of_device(page, "device_rotation_rate") == {SATA: 7200, SAS: 10500}
    assert of_device(page, "device_state") == {SATA: 0}
    assert of_device(page, "device_power_on_seconds") == {
        SATA: 25437 * 3600 + 1800, SAS: 30231 * 3600 + 540, NVME: 21000 * 3600,
    }  # fmt: skip
    assert of_device(page, "device_power_cycle_count") == {SATA: 41, NVME: 17}
    assert page["smartctl_device_block_size"] == {
        (SATA, "logical"): 512, (SATA, "physical"): 4096, (SAS, "logical"): 512, (SAS, "physical"): 4096,
        (NVME, "logical"): 512,
    }  # fmt: skip
    assert page["smartctl_device_temperature"] == {
        (SATA, "current"): 33, (SATA, "power_cycle_min"): 25, (SAS, "current"): 29, (SAS, "drive_trip"): 65,
        (NVME, "current"): 41,
    }  # fmt: skip


def test_attributes_and_logs_of_a_sata_disk(page: dict[str, Series]) -> None:
    flags = ("PO--CK", "prefailure,updated_online,event_count,auto_keep")
    attributes = page["smartctl_device_attribute"]
    assert attributes[(SATA, "Reallocated_Sector_Ct", *flags, "raw", "5")] == 1288
    assert attributes[(SATA, "Reallocated_Sector_Ct", *flags, "thresh", "5")] == 10
    assert len(attributes) == 3 * 4
    assert page["smartctl_device_error_log_count"] == {(SATA, "extended"): 7}
    assert page["smartctl_device_self_test_log_error_count"] == {(SATA, "standard"): 2}
    assert page["smartctl_device_self_test_log_count"] == {(SATA, "standard"): 21}


def test_errors_of_a_sas_disk(page: dict[str, Series]) -> None:
    labels = (SAS, "", "TOSHIBA AL15SEB24EQY", "60B0A00LFJAA")
    for name, value in (
        ("scsi_grown_defect_list", 96), ("read_total_uncorrected_errors", 5), ("write_total_uncorrected_errors", 1),
        ("read_errors_corrected_by_rereads_rewrites", 12), ("write_errors_corrected_by_rereads_rewrites", 0),
    ):  # fmt: skip
        assert page[f"smartctl_{name}"] == {labels: value}, name


def test_identity_of_disks(page: dict[str, Series]) -> None:
    assert (SATA, "sat", "ATA", "Seagate Exos X16", "ST16000NM001G-2KK103", "ZL2AAAAA", "", "SN03",
            "ACS-4 (minor revision not indicated)", "SATA 3.3", "3.5 inches") in page["smartctl_device"]  # fmt: skip
    assert set(of_device(page, "device")) == {SATA, SAS, NVME, GONE}


@pytest.mark.parametrize(
    ("device", "kind", "name"),
    [
        ("/dev/sda", "sat", "sda"),
        ("/dev/bus/0", "megaraid,1", "bus_0_megaraid_1"),
        ("/dev/disk/by-id/ata-CT500MX500SSD1_ABC", "auto", "ata-CT500MX500SSD1_ABC"),
        ("/dev/sdb", "aacraid,1,0,4", "sdb_aacraid_1_0_4"),
        ("/dev/cciss/c0d0", "cciss,0", "cciss_c0d0_cciss_0"),
    ],
)
def test_disks_are_named_as_smartctl_exporter_names_them(device: str, kind: str, name: str) -> None:
    assert build_name(device, kind) == name


class Says:
    """A reader with one answer, that can be given another."""

    def __init__(self, *devices: dict[str, Any]) -> None:
        self.answer = Answer(json.dumps({"devices": devices}), 10.0, 1.0)

    def ask(self, _source: str) -> Answer:
        return self.answer


def build_disk(name: str, output: str) -> dict[str, Any]:
    return {"device": f"/dev/{name}", "type": "auto", "state": "ok", "at": 9.0, "output": output}


def test_garbage_of_one_disk_breaks_that_disk_alone() -> None:
    says = Says(build_disk("sda", "Segmentation fault"), build_disk("sdb", '{"smart_status": {"passed": true}}'))
    page = series(SmartDisks(says.ask, FakeClock()).read())
    assert page["fleetmend_smart_up"] == {("sda",): 0, ("sdb",): 1}
    assert page["smartctl_device_smart_status"] == {("sdb",): 1}


@pytest.mark.parametrize("report", ["[]", '{"smart_status": 3, "temperature": {"current": "hot"}}', "7"])
def test_reports_of_another_form_have_no_numbers(report: str) -> None:
    page = series(SmartDisks(Says(build_disk("sda", report)).ask, FakeClock()).read())
    assert page["smartctl_device_smart_status"] == page["smartctl_device_temperature"] == {}


def test_a_report_is_read_once_and_its_age_goes_on() -> None:
    says, clock = Says(build_disk("sda", '{"power_cycle_count": 1}')), FakeClock(20.0)
    smart = SmartDisks(says.ask, clock)
    ages = []
    for _ in range(2):
        ages.append(series(smart.read())["fleetmend_smart_age_seconds"])
        clock.move(5)
    assert ages == [{("sda",): 11}, {("sda",): 16}]
    says.answer = Answer('{"devices": []}', 30.0, 1.0)
    with pytest.raises(NoData):
        smart.read()


@pytest.mark.parametrize("output", ["", "[]", "{}", '{"devices": 7}', '{"devices": [{}]}'])
def test_what_is_no_list_of_disks_is_an_error(output: str) -> None:
    with pytest.raises(ValueError, match=r"no list of disks|Expecting value"):
        SmartDisks(lambda _: Answer(output, 1, 1), FakeClock()).read()
