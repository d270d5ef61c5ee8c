"""What smartctl says of every disk, one disk after another; a disk that does not answer holds up no other."""

import json
from functools import partial

from exporter.clock import Clock
from exporter.reader.flight import Flight, Pace
from exporter.reader.outcome import MISSING, OK, Outcome
from exporter.reader.tools import Tools

RESCAN_SECONDS = 600.0
SCAN_PACE = Pace(RESCAN_SECONDS, 60)
DEVICE_SECONDS = 30.0
MOST_DEVICES = 256


class Smart:
    """Remembers the disks; each has a flight of its own, thus at most one command outstanding."""

    def __init__(self, tools: Tools, clock: Clock, seconds: float = DEVICE_SECONDS) -> None:
        self._tools = tools
        self._clock = clock
        self._seconds = seconds
        self._scan = Flight("smart scan", self._run_scan, SCAN_PACE, clock)
        self._scanned: str | None = None
        self._devices: dict[tuple[str, str], Flight] = {}

    def run(self) -> Outcome:
        """``{"devices": [{"device", "type", "state", "output", "at", …}]}``, an output being smartctl's own JSON."""
        scan = self._scan.ask(SCAN_PACE.timeout)
        if scan.state == MISSING:
            return Outcome(MISSING, error=scan.error)
        if scan.state == OK and scan.output != self._scanned:
            self._devices = {key: self._devices.get(key) or self._build(key) for key in parse_scan(scan.output)}
            self._scanned = scan.output
        if not self._devices and scan.state != OK:
            return Outcome(scan.state, error=scan.error)
        answers = [
            {"device": device, "type": kind, **flight.ask(self._seconds)._asdict()}
            for (device, kind), flight in self._devices.items()
        ]
        return Outcome(OK, json.dumps({"devices": answers}))

    def _run_scan(self) -> Outcome:
        return self._tools.run(("smartctl", "--scan-open", "--json"), SCAN_PACE.timeout, ())

    def _build(self, key: tuple[str, str]) -> Flight:
        device, kind = key
        argv = ("smartctl", "--json", "--all", "--device", kind, "--", device)
        # Its exit code is a set of flags, most of them about the disk: they are in the JSON too.
        run = partial(self._tools.run, argv, self._seconds, ())
        return Flight(f"smart {device}", run, Pace(0, self._seconds), self._clock)


def parse_scan(text: str) -> list[tuple[str, str]]:
    """Name and type of each device, as smartctl wants them said; two may share a name behind a RAID controller."""
    found = json.loads(text).get("devices", [])
    return [(one["name"], one.get("type", "auto")) for one in found][:MOST_DEVICES]
