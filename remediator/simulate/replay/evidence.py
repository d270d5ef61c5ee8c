"""The past from the store alone, where there is no journal: the fleet from its inventory, evidence from probes."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from remediator.model.host import Host
from remediator.settings import InventoryHost
from remediator.simulate.replay.past import Befell, Past, Stretch, in_order
from remediator.simulate.replay.truth import Element, Grid, Truths

# More than half of the assigned vantages silent, none of them with words older than five seconds: as HostDead says.
EVIDENCE = (
    "sum by (host) (probe_silent{hosts} and (time() - timestamp(probe_silent{hosts}) < {age}))"
    " / on (host) (sum by (host) (probe_assigned{hosts}) > 0) > 0.5"
)
# Most hosts are never silent: who is, is asked first.
SILENT = "max by (host) (probe_silent) > 0"
GATE = "max(fleetmend_gate_open) == 0"
INVENTORY = "max by (host, region, rack) (host_inventory_info)"
PROBED = "max by (host, region, rack) (probe_assigned)"
_LOOKS = 200
_MOST_NAMED = 300


def past_of_store(
    truths: Truths, stretch: Stretch, step: timedelta, dead_after: timedelta, inventory: Iterable[InventoryHost]
) -> Past:
    """All that the store knows of that stretch.

    Raises:
        HistoryError: the store does not answer.
    """
    past = Past()
    past.sources["fleet"] = _fleet(past, truths, stretch, inventory)
    grid = Grid(stretch.start, step)
    # Where steps are long, words are as old as a step when the next one looks.
    age = max(5.0, step.total_seconds())
    silent = sorted({element.labels.get("host", "") for element in truths.elements(SILENT, grid, stretch.end)})
    dead = truths.elements(_evidence(silent, age), grid, stretch.end) if silent else []
    past.sources["evidence"] = "probe_silent and probe_assigned in the store: votes are taken to be a quorum's"
    if not dead and not truths.elements("count(probe_assigned)", _coarse(stretch), stretch.end):
        past.sources["evidence"] = "none: neither a journal nor probe_assigned in the store; no host is seen dead"
    shut = truths.elements(GATE, grid, stretch.end)
    past.sources["gate"] = "fleetmend_gate_open in the store"
    if not truths.elements("count(fleetmend_gate_open)", _coarse(stretch), stretch.end):
        past.sources["gate"] = "taken as open: the store does not tell"
    past.befell = in_order([*_lives(dead, grid, dead_after), *_gates(shut, grid)])
    past.notes.append("no journal: which machines ran where is not known, so none is recreated or moved")
    return past


def _evidence(silent: Sequence[str], age: float) -> str:
    named = "|".join(re.escape(host) for host in silent).replace("\\", "\\\\")
    hosts = f'{{host=~"{named}"}}' if len(silent) <= _MOST_NAMED else ""
    return EVIDENCE.format(age=f"{age:g}", hosts=hosts)


def _coarse(stretch: Stretch) -> Grid:
    return Grid(stretch.start, max(timedelta(seconds=1), stretch.length / _LOOKS))


def _fleet(past: Past, truths: Truths, stretch: Stretch, inventory: Iterable[InventoryHost]) -> str:
    for expr, told in ((INVENTORY, "host_inventory_info in the store"), (PROBED, "probe_assigned in the store")):
        elements = truths.elements(expr, _coarse(stretch), stretch.end)
        named = [element.labels for element in elements if element.labels.get("host")]
        if named:
            for labels in named:
                host = _host(labels["host"], labels.get("region", ""), labels.get("rack", ""), stretch.start)
                past.rows["Host"][host.name] = host
            return told
    for known in inventory:
        host = _host(known.name, known.region, known.rack, stretch.start)
        past.rows["Host"][known.name] = replace(host, labels=known.labels, role=known.role)
    return "hosts.yml"


def _host(name: str, region: str, rack: str, at: datetime) -> Host:
    return Host(name, region, rack, since=at, status_since=at, epoch=1, joined=True)


def _lives(dead: list[Element], grid: Grid, dead_after: timedelta) -> Iterable[Befell]:
    for element in dead:
        host = element.labels.get("host", "")
        for low, high in element.runs:
            began, ended = grid.at(low), grid.at(high + 1)
            yield Befell(began, "host", host, {"life": "suspect", "suspect_since": began})
            if began + dead_after < ended:
                yield Befell(began + dead_after, "host", host, {"life": "dead"})
            back = "returning" if began + dead_after < ended else "healthy"
            yield Befell(ended, "host", host, {"life": back})


def _gates(shut: list[Element], grid: Grid) -> Iterable[Befell]:
    for element in shut:
        for low, high in element.runs:
            yield Befell(grid.at(low), "gate", "store", (False, "closed then"))
            yield Befell(grid.at(high + 1), "gate", "store", (True, ""))
