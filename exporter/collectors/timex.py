"""How the kernel steers its clock, by adjtimex(2)."""

import ctypes
import errno
import os
import struct
from dataclasses import dataclass

from prometheus_client.metrics_core import Metric

from exporter.errors import NoData
from exporter.families import counter, gauge

# struct timex: modes, offset, freq, maxerror, esterror, status, constant, precision, tolerance, time (two), tick,
# ppsfreq, jitter, shift, stabil, jitcnt, calcnt, errcnt, stbcnt, tai; the rest is room for later.
LAYOUT = struct.Struct("@I4li3l2l3li5li")
TIMEX_BYTES = 256  # more than any kernel writes
TIME_ERROR = 5  # the state of a clock that nothing keeps right
STATUS_NANO = 0x2000
MICROSECOND, NANOSECOND = 1e6, 1e9
SCALED_PPM = 1e6 * 65536  # frequencies are parts per million with 16 bits after the point


@dataclass(frozen=True, slots=True)
class Timex:
    """Values as the kernel gives them; ``state`` is what adjtimex returned."""

    state: int
    offset: int
    freq: int
    maxerror: int
    esterror: int
    status: int
    constant: int
    tick: int
    ppsfreq: int
    jitter: int
    shift: int
    stabil: int
    jitcnt: int
    calcnt: int
    errcnt: int
    stbcnt: int
    tai: int


def parse_timex(state: int, content: bytes) -> Timex:
    """struct.error for fewer bytes than the structure has."""
    fields = LAYOUT.unpack_from(content)
    return Timex(state, *fields[1:7], *fields[11:])


def build_timex_families(now: Timex) -> list[Metric]:
    return [
        *(gauge(f"node_timex_{name}", text, value) for name, text, value in list_gauges(now)),
        *(counter(f"node_timex_{name}", text, value) for name, text, value in list_counts(now)),
    ]


def list_gauges(now: Timex) -> tuple[tuple[str, str, float], ...]:
    """Name, help and value of each."""
    unit = NANOSECOND if now.status & STATUS_NANO else MICROSECOND
    return (
        ("offset_seconds", "Time offset in between local system and reference clock.", now.offset / unit),
        ("frequency_adjustment_ratio", "Local clock frequency adjustment.", 1 + now.freq / SCALED_PPM),
        ("maxerror_seconds", "Maximum error in seconds.", now.maxerror / MICROSECOND),
        ("estimated_error_seconds", "Estimated error in seconds.", now.esterror / MICROSECOND),
        ("status", "Value of the status array bits.", now.status),
        ("loop_time_constant", "Phase-locked loop time constant.", now.constant),
        ("tick_seconds", "Seconds between clock ticks.", now.tick / MICROSECOND),
        ("pps_frequency_hertz", "Pulse per second frequency.", now.ppsfreq / SCALED_PPM),
        ("pps_jitter_seconds", "Pulse per second jitter.", now.jitter / unit),
        ("pps_shift_seconds", "Pulse per second interval duration.", now.shift),
        (
            "pps_stability_hertz",
            "Pulse per second stability, average of recent frequency changes.",
            now.stabil / SCALED_PPM,
        ),
        ("tai_offset_seconds", "International Atomic Time (TAI) offset.", now.tai),
        (
            "sync_status",
            "Is clock synchronized to a reliable server (1 = yes, 0 = no).",
            float(now.state != TIME_ERROR),
        ),
    )


def list_counts(now: Timex) -> tuple[tuple[str, str, float], ...]:
    """As ``list_gauges``."""
    return (
        ("pps_jitter_total", "Pulse per second count of jitter limit exceeded events.", now.jitcnt),
        ("pps_calibration_total", "Pulse per second count of calibration intervals.", now.calcnt),
        ("pps_error_total", "Pulse per second count of calibration errors.", now.errcnt),
        ("pps_stability_exceeded_total", "Pulse per second count of stability limit exceeded events.", now.stbcnt),
    )


class Clockwork:
    """Calls the C library's adjtimex, which changes nothing when asked for nothing."""

    def __init__(self) -> None:
        self._adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex

    def read(self) -> list[Metric]:
        """NoData where the call is forbidden, as in some containers."""
        buffer = ctypes.create_string_buffer(TIMEX_BYTES)
        state = self._adjtimex(buffer)
        if state >= 0:
            return build_timex_families(parse_timex(state, buffer.raw))
        code = ctypes.get_errno()
        if code in {errno.EPERM, errno.EACCES, errno.ENOSYS}:
            raise NoData(f"adjtimex: {os.strerror(code)}")
        raise OSError(code, f"adjtimex: {os.strerror(code)}")
