"""What of smartctl's JSON becomes a metric, by the names of smartctl_exporter."""

from typing import NamedTuple


class Number(NamedTuple):
    """A metric of one number for each disk: its name, the number's path in the report, how much it is a unit of."""

    metric: str
    path: str
    text: str
    unit: float = 1.0


NVME = "nvme_smart_health_information_log"
ERRORS = "scsi_error_counter_log"
DATA_UNIT_BYTES = 512_000  # of NVMe, whatever the disk's own blocks
HOUR, MINUTE = 3600.0, 60.0

NUMBERS = (
    Number("smartctl_device_smartctl_exit_status", "smartctl.exit_status", "Exit status of smartctl on device"),
    Number("smartctl_device_smart_status", "smart_status.passed", "General smart status"),
    Number("smartctl_device_status", "smart_status.passed", "Device status"),
    Number("smartctl_device_capacity_blocks", "user_capacity.blocks", "Device capacity in blocks"),
    Number("smartctl_device_capacity_bytes", "user_capacity.bytes", "Device capacity in bytes"),
    Number("smartctl_device_rotation_rate", "rotation_rate", "Device rotation rate"),
    Number("smartctl_device_power_cycle_count", "power_cycle_count", "Device power cycle count"),
    Number("smartctl_device_state", "ata_sct_status.device_state.value",
           "Device state (0=active, 1=standby, 2=sleep, 3=dst, 4=offline, 5=sct)"),
    Number("smartctl_device_percentage_used", f"{NVME}.percentage_used", "Device write percentage used"),
    Number("smartctl_device_available_spare", f"{NVME}.available_spare",
           "Normalized percentage (0 to 100%) of the remaining spare capacity available"),
    Number("smartctl_device_available_spare_threshold", f"{NVME}.available_spare_threshold",
           "When the Available Spare falls below the threshold indicated in this field, an asynchronous event "
           "completion may occur. The value is indicated as a normalized percentage (0 to 100%)"),
    Number("smartctl_device_critical_warning", f"{NVME}.critical_warning",
           "This field indicates critical warnings for the state of the controller"),
    Number("smartctl_device_media_errors", f"{NVME}.media_errors",
           "Contains the number of occurrences where the controller detected an unrecovered data integrity error. "
           "Errors such as uncorrectable ECC, CRC checksum failure, or LBA tag mismatch are included in this field"),
    Number("smartctl_device_num_err_log_entries", f"{NVME}.num_err_log_entries",
           "Contains the number of Error Information log entries over the life of the controller"),
    Number("smartctl_device_bytes_read", f"{NVME}.data_units_read", "Bytes read by the host", DATA_UNIT_BYTES),
    Number("smartctl_device_bytes_written", f"{NVME}.data_units_written", "Bytes written by the host",
           DATA_UNIT_BYTES),
)  # fmt: skip

# As NUMBERS, with the labels that smartctl_exporter gives those of SCSI.
SCSI_NUMBERS = (
    Number("smartctl_scsi_grown_defect_list", "scsi_grown_defect_list", "Device SCSI grown defect list counter"),
    Number("smartctl_read_errors_corrected_by_rereads_rewrites",
           f"{ERRORS}.read.errors_corrected_by_rereads_rewrites", "Read Errors Corrected by ReReads/ReWrites"),
    Number("smartctl_read_total_uncorrected_errors", f"{ERRORS}.read.total_uncorrected_errors",
           "Read Total Uncorrected Errors"),
    Number("smartctl_write_errors_corrected_by_rereads_rewrites",
           f"{ERRORS}.write.errors_corrected_by_rereads_rewrites", "Write Errors Corrected by ReReads/ReWrites"),
    Number("smartctl_write_total_uncorrected_errors", f"{ERRORS}.write.total_uncorrected_errors",
           "Write Total Uncorrected Errors"),
)  # fmt: skip


class Logs(NamedTuple):
    """A metric of one number for each log of a kind: its name, the path of the logs, their label, the number."""

    metric: str
    path: str
    label: str
    number: str
    text: str


LOGS = (
    Logs("smartctl_device_error_log_count", "ata_smart_error_log", "error_log_type", "count",
         "Device SMART error log count"),
    Logs("smartctl_device_self_test_log_count", "ata_smart_self_test_log", "self_test_log_type", "count",
         "Device SMART self test log count"),
    Logs("smartctl_device_self_test_log_error_count", "ata_smart_self_test_log", "self_test_log_type",
         "error_count_total", "Device SMART self test log error count"),
)  # fmt: skip

# Label of smartctl_device, path in the report.
IDENTITY = (
    ("interface", "device.type"),
    ("protocol", "device.protocol"),
    ("model_family", "model_family"),
    ("model_name", "model_name"),
    ("serial_number", "serial_number"),
    ("ata_additional_product_id", "ata_additional_product_id"),
    ("firmware_version", "firmware_version"),
    ("ata_version", "ata_version.string"),
    ("sata_version", "sata_version.string"),
    ("form_factor", "form_factor.name"),
)
SCSI_LABELS = (("model_family", "model_family"), ("model_name", "model_name"), ("serial_number", "serial_number"))

ATTRIBUTE_LABELS = (
    "device", "attribute_name", "attribute_flags_short", "attribute_flags_long", "attribute_value_type",
    "attribute_id",
)  # fmt: skip
ATTRIBUTE_FLAGS = ("prefailure", "updated_online", "performance", "error_rate", "event_count", "auto_keep")
ATTRIBUTE_VALUES = (("value", "value"), ("worst", "worst"), ("thresh", "thresh"), ("raw", "raw.value"))
