"""Units of systemd, asked of ``systemctl``: states, starts, restarts, and whether the system runs as it should.

The child may hang with its master: it is killed after a while, and if it does not die only this collector waits.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from prometheus_client.metrics_core import Metric

from exporter.clock import Clock
from exporter.errors import NoData
from exporter.families import Row, counters, gauge, gauges, one_hot
from exporter.reader.outcome import MISSING, OK
from exporter.reader.tools import Tools

BOOTED = Path("/run/systemd/system")  # is there only where systemd is the first process
CHILD_SECONDS = 5.0

LIST = ("systemctl", "--no-pager", "list-units", "--all", "--full", "--plain", "--no-legend")
MANAGER = ("systemctl", "--no-pager", "show", "--property=Version,SystemState,Virtualization")
PROPERTIES = "Id,Type,ActiveState,ActiveEnterTimestamp,NRestarts,NAccepted,NConnections,NRefused,LastTriggerUSec"
# Times are in UTC, whatever the host's zone is: all versions word them alike.
SHOW = ("env", "TZ=UTC", "systemctl", "--no-pager", "show", f"--property={PROPERTIES}")

STATES = ("active", "activating", "deactivating", "inactive", "failed")
VERSION = re.compile(r"[0-9]{3,}(\.[0-9]+)?")

# What a command printed. Raises NoData without systemctl, OSError if it failed.
Call = Callable[[Sequence[str]], str]


@dataclass(frozen=True, slots=True)
class Unit:
    """A line of the list; ``properties`` are those of ``systemctl show``, where it knows the unit."""

    name: str
    load: str
    active: str
    properties: dict[str, str] = field(default_factory=dict)


def parse_units(text: str) -> list[Unit]:
    """Lines of name, load state, active state, and more; names hold no spaces."""
    rows = (line.split(maxsplit=3) for line in text.splitlines())
    return [Unit(row[0], row[1], row[2]) for row in rows if len(row) >= 3]


def parse_properties(text: str) -> list[dict[str, str]]:
    """A block of ``NAME=value`` for each unit, with an empty line between two."""
    blocks = (block.splitlines() for block in text.strip().split("\n\n"))
    return [{name: value for name, _, value in (line.partition("=") for line in block)} for block in blocks]


def parse_time(text: str) -> float:
    """``Sun 2026-11-22 19:55:20 UTC`` in unix seconds; 0 for ``n/a`` and nothing, which is never."""
    words = text.split()
    if len(words) != 4:
        return 0.0
    return datetime.strptime(f"{words[1]} {words[2]}", "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp()


def build_manager_families(manager: dict[str, str], units: list[Unit]) -> list[Metric]:
    version = manager.get("Version", "")
    number = VERSION.search(version)
    counted = Counter(dict.fromkeys(STATES, 0)) | Counter(unit.active for unit in units)
    running = gauge(
        "node_systemd_system_running",
        "Whether the system is operational (see 'systemctl is-system-running')",
        float(manager.get("SystemState") == "running"),
    )
    summary: list[Row] = [((state,), float(counted[state])) for state in (*STATES, *sorted(set(counted) - {*STATES}))]
    return [
        running,
        gauges("node_systemd_units", "Summary of systemd unit states", ["state"], summary),
        gauges(
            "node_systemd_version",
            "Detected systemd version",
            ["version"],
            [((version,), float(number[0]))] if number else [],
        ),
        gauges(
            "node_systemd_virtualization_info",
            "Detected virtualization technology",
            ["virtualization_type"],
            [((manager.get("Virtualization") or "none",), 1.0)],
        ),
    ]


def build_unit_families(units: list[Unit]) -> list[Metric]:
    states = [((unit.name, unit.properties.get("Type", "")), unit.active) for unit in units]
    return [
        gauges("node_systemd_unit_state", "Systemd unit", ("name", "type", "state"), one_hot(states, STATES)),
        gauges(
            "node_systemd_unit_start_time_seconds",
            "Start time of the unit since unix epoch in seconds.",
            ["name"],
            [((unit.name,), _start_time(unit)) for unit in units],
        ),
        counters(
            "node_systemd_service_restart_total",
            "Service unit count of Restart triggers",
            ["name"],
            _numbers(units, ".service", "NRestarts"),
        ),
        *build_socket_families(units),
        gauges(
            "node_systemd_timer_last_trigger_seconds",
            "Seconds since epoch of last trigger.",
            ["name"],
            [
                ((unit.name,), parse_time(unit.properties.get("LastTriggerUSec", "")))
                for unit in units
                if unit.name.endswith(".timer")
            ],
        ),
    ]


def _start_time(unit: Unit) -> float:
    """In unix seconds; 0 if it does not run."""
    return parse_time(unit.properties.get("ActiveEnterTimestamp", "")) if unit.active == "active" else 0.0


def build_socket_families(units: list[Unit]) -> list[Metric]:
    return [
        counters(
            "node_systemd_socket_accepted_connections_total",
            "Total number of accepted socket connections",
            ["name"],
            _numbers(units, ".socket", "NAccepted"),
        ),
        gauges(
            "node_systemd_socket_current_connections",
            "Current number of socket connections",
            ["name"],
            _numbers(units, ".socket", "NConnections"),
        ),
        # A gauge there too.
        gauges(
            "node_systemd_socket_refused_connections_total",
            "Total number of refused socket connections",
            ["name"],
            _numbers(units, ".socket", "NRefused"),
        ),
    ]


def _numbers(units: list[Unit], ending: str, name: str) -> list[Row]:
    """Older versions do not count everything."""
    counts = ((unit.name, unit.properties.get(name, "")) for unit in units if unit.name.endswith(ending))
    return [((unit,), float(count)) for unit, count in counts if count.isdecimal()]


class Systemd:
    """``call`` runs a command; tests hand in texts instead.

    What is asked of each unit is what costs, here and in systemd: units that do not run are asked once, for nothing
    of theirs changes until they run.
    """

    def __init__(self, include: str, exclude: str, call: Call, booted: Path = BOOTED) -> None:
        self._include = re.compile(include)
        self._exclude = re.compile(exclude)
        self._call = call
        self._booted = booted
        self._known: dict[str, dict[str, str]] = {}

    def read(self) -> list[Metric]:
        if not self._booted.exists():
            raise NoData("systemd is not the first process")
        units = parse_units(self._call(LIST))
        kept = [unit for unit in units if self._is_kept(unit)]
        manager = parse_properties(self._call(MANAGER))[0]
        return [*build_manager_families(manager, units), *build_unit_families(self._with_properties(kept))]

    def _is_kept(self, unit: Unit) -> bool:
        included = self._include.fullmatch(unit.name) and not self._exclude.fullmatch(unit.name)
        return bool(included) and unit.load == "loaded"

    def _with_properties(self, units: list[Unit]) -> list[Unit]:
        """Asked by the kinds of unit that are kept: a host has hundreds of devices, and each would cost."""
        patterns = sorted({f"*.{unit.name.rpartition('.')[2]}" for unit in units})
        if not patterns:
            return units
        every = () if self._known.keys() >= {unit.name for unit in units} else ("--all",)
        fresh = {one.get("Id", ""): one for one in parse_properties(self._call((*SHOW, *every, "--", *patterns)))}
        known = self._known | fresh
        self._known = {unit.name: known.get(unit.name, {}) for unit in units}
        return [Unit(unit.name, unit.load, unit.active, self._known[unit.name]) for unit in units]


def build_call(clock: Clock) -> Call:
    """Runs real commands."""
    tools = Tools(clock)

    def call(argv: Sequence[str]) -> str:
        if not tools.find("systemctl"):
            raise NoData("systemctl is not installed")
        outcome = tools.run(argv, CHILD_SECONDS)
        if outcome.state == MISSING:
            raise NoData(outcome.error)
        if outcome.state != OK:
            raise OSError(f"systemctl: {outcome.state}: {outcome.error}")
        return outcome.output

    return call
