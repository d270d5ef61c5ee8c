"""What the host's own BMC says, through the privileged reader, under ipmi_exporter's names.

BMCs are slow: an answer is as old as the reader lets it become.
"""

from collections.abc import Callable

from prometheus_client.metrics_core import Metric

from exporter.collectors.ipmi_sensors import build_sensor_families, parse_sensors
from exporter.errors import NoData
from exporter.families import gauge, gauges
from exporter.kit import Ask

# Sources of the reader, by the names that ipmi_exporter has for them.
SOURCES = {
    "ipmi": "ipmi_sensor",
    "chassis": "ipmi_chassis",
    "dcmi": "ipmi_dcmi",
    "sel": "ipmi_sel",
    "bmc": "ipmi_bmc",
}


def parse_pairs(text: str) -> dict[str, str]:
    """Lines of ``Name : value``; lines that go on below have no name, and are left out."""
    pairs = (line.partition(":") for line in text.splitlines())
    return {name.strip(): value.strip() for name, colon, value in pairs if colon and name.strip()}


def build_chassis_families(text: str) -> list[Metric]:
    """Raises KeyError if the power state is not told. Faults are 0 if there is one, as ipmi_exporter has it."""
    status = parse_pairs(text)
    return [
        gauge(
            "ipmi_chassis_power_state",
            "Current power state (1=on, 0=off).",
            float(status["System Power"] == "on"),
        ),
        gauge(
            "ipmi_chassis_drive_fault_state",
            "Current drive fault state (1=false, 0=true).",
            float(status.get("Drive Fault") != "true"),
        ),
        gauge(
            "ipmi_chassis_cooling_fault_state",
            "Current Cooling/fan fault state (1=false, 0=true).",
            float(status.get("Cooling/Fan Fault") != "true"),
        ),
    ]


def build_power_families(text: str) -> list[Metric]:
    """Nothing where the measurement is switched off: it would read 0 watts."""
    power = parse_pairs(text)
    watts = power["Instantaneous power reading"].split()[0]
    if power.get("Power reading state is", "activated") != "activated":
        return []
    return [gauge("ipmi_dcmi_power_consumption_current_watts", "Current power consumption in Watts.", float(watts))]


def build_log_families(text: str) -> list[Metric]:
    """Free space is left out where the BMC does not know it."""
    log = parse_pairs(text)
    families = [gauge("ipmi_sel_entries_count", "Current number of entries in the SEL.", float(log["Entries"]))]
    free = log.get("Free Space", "").partition(" ")[0]
    if free.isdecimal():
        text = "Current free space remaining for new SEL entries."
        families.append(gauge("ipmi_sel_free_space_bytes", text, float(free)))
    return families


def build_bmc_families(text: str) -> list[Metric]:
    bmc = parse_pairs(text)
    maker = f"{bmc.get('Manufacturer Name', 'Unknown')} ({bmc['Manufacturer ID']})"
    return [
        gauges(
            "ipmi_bmc_info",
            "Constant metric with value '1' providing details about the BMC.",
            ("firmware_revision", "manufacturer_id", "system_firmware_version"),
            [((bmc["Firmware Revision"], maker, "N/A"), 1.0)],
        )
    ]


BUILD: dict[str, Callable[[str], list[Metric]]] = {
    "ipmi": lambda text: build_sensor_families(parse_sensors(text)),
    "chassis": build_chassis_families,
    "dcmi": build_power_families,
    "sel": build_log_families,
    "bmc": build_bmc_families,
}


def read_ipmi(ask: Ask) -> list[Metric]:
    """Raises NoData only if there is nothing to ask; a source that fails is down, and the others are told."""
    families: list[Metric] = []
    up: dict[str, bool] = {}
    seconds = 0.0
    for name, source in SOURCES.items():
        try:
            answer = ask(source)
            families += BUILD[name](answer.output)
        except NoData:
            continue
        except (OSError, ValueError, LookupError):
            up[name] = False
            continue
        up[name] = True
        seconds += answer.seconds
    if not up:
        raise NoData("no BMC to ask")
    return [*families, *build_up_families(up, seconds)]


def build_up_families(up: dict[str, bool], seconds: float) -> list[Metric]:
    return [
        gauges(
            "ipmi_up",
            "'1' if a scrape of the IPMI device was successful, '0' otherwise.",
            ["collector"],
            [((name,), float(worked)) for name, worked in up.items()],
        ),
        gauge("ipmi_scrape_duration_seconds", "Returns how long the scrape took to complete in seconds.", seconds),
    ]
