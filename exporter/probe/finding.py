"""What came of asking one of our own targets once."""

from collections.abc import Sequence
from dataclasses import dataclass

from exporter.probe.outcome import Outcome

# A metric, the value of the label that it alone has ("" without one), and its value.
Value = tuple[str, str, float]


@dataclass(frozen=True, slots=True)
class Finding:
    """How it ended, after how many seconds, when by the monotonic clock; what else was seen; words for people."""

    outcome: Outcome
    seconds: float
    at: float
    values: Sequence[Value] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Extra:
    """A metric that only some modules have; ``label`` is the one that it has beside its target's, or empty."""

    text: str
    label: str = ""


# Names, labels and words of blackbox_exporter and ipmi_exporter where they have the metric.
EXTRAS = {
    "probe_ip_protocol": Extra("Specifies whether probe ip protocol is IP4 or IP6"),
    "probe_dns_lookup_time_seconds": Extra("Returns the time taken for probe dns lookup in seconds"),
    "probe_http_status_code": Extra("Response HTTP status code"),
    "probe_http_ssl": Extra("Indicates if SSL was used for the final redirect"),
    "probe_http_duration_seconds": Extra("Duration of http request by phase, summed over all redirects", "phase"),
    "probe_failed_due_to_regex": Extra("Indicates if probe failed due to regex"),
    "probe_ssl_earliest_cert_expiry": Extra("Returns earliest SSL cert expiry in unixtime"),
    "probe_icmp_duration_seconds": Extra("Duration of icmp request by phase", "phase"),
    "ipmi_up": Extra("'1' if a scrape of the IPMI device was successful, '0' otherwise.", "collector"),
    "ipmi_chassis_power_state": Extra("Current power state (1=on, 0=off)."),
    "redfish_up": Extra("Whether the BMC answered over Redfish."),
    "redfish_system_power_on": Extra("Whether the BMC says over Redfish that the system's power is on."),
}
