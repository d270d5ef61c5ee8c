"""Two weeks of a fleet in a real VictoriaMetrics, for the benchmark of replay: said plainly, how much and what."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import requests

# Short names of what hosts export; each one series a host. Values wander over eight patterns.
GAUGES = ("load", "memory", "disk", "latency", "errors", "temperature", "tasks", "queue")
VANTAGES = ("p1", "p2", "p3")
PATTERNS = 8
DENSER = 4
_BATCH = 40


@dataclass(frozen=True, slots=True)
class Filling:
    """What is filled in: hosts, a sample each ``every``, and how many incidents befall whom."""

    hosts: int = 1000
    length: timedelta = timedelta(days=14)
    every: timedelta = timedelta(seconds=60)
    incidents: int = 40
    seed: int = 7

    @property
    def samples_a_series(self) -> int:
        return int(self.length / self.every)

    @property
    def series(self) -> int:
        return self.hosts * (len(GAUGES) + 1 + 2 * len(VANTAGES))

    @property
    def told(self) -> str:
        """For the printed note."""
        millions = self.series * self.samples_a_series / 1e6
        every = f"{self.every.total_seconds():g} s"
        return f"{self.series} series of {self.hosts} hosts, mostly one sample each {every}: {millions:.0f} million"


def fill(store: str, filling: Filling, end: datetime) -> None:
    """Import everything, newest sample at ``end``."""
    dice = random.Random(filling.seed)  # noqa: S311 - a fleet, not a secret
    count, every = filling.samples_a_series, filling.every.total_seconds()
    first = int(end.timestamp() - (count - 1) * every)
    times = ",".join(str((first + int(n * every)) * 1000) for n in range(count))
    # Whose probes fail is looked at closely: a vantage's words that are older than a slot do not count.
    dense = ",".join(str((first + int(n * every / DENSER)) * 1000) for n in range(count * DENSER))
    patterns = [_wandering(dice, count) for _ in range(PATTERNS)]
    falls = {dice.randrange(filling.hosts): _fall(dice, count) for _ in range(filling.incidents)}
    with requests.Session() as session:
        lines: list[str] = []
        for line in _series(filling.hosts, patterns, falls, count):
            lines.append(line.replace("TIMES", times).replace("DENSE", dense))
            if len(lines) == _BATCH:
                _send(session, store, lines)
        _send(session, store, lines)
    requests.get(f"{store}/internal/force_flush", timeout=60).raise_for_status()


def _send(session: requests.Session, store: str, lines: list[str]) -> None:
    if lines:
        session.post(f"{store}/api/v1/import", data="\n".join(lines).encode(), timeout=120).raise_for_status()
    lines.clear()


def _series(hosts: int, patterns: list[str], falls: dict[int, tuple[int, int]], count: int) -> Iterator[str]:
    ones, noughts = ",".join("1" * count), ",".join("0" * count)
    for number in range(hosts):
        place = f'"host":"h{number:04}","region":"r{number % 4}","rack":"k{number // 20}"'
        fell = number in falls
        silent = _silence(falls[number], count) if fell else noughts
        spoilt_values = silent.replace("0", "20").replace("1", "99") if fell else ""
        yield _line("host_inventory_info", place, ones)
        for index, name in enumerate(GAUGES):
            spoilt = fell and index == number % len(GAUGES)
            yield _line(name, place, spoilt_values if spoilt else patterns[(number + index) % len(patterns)])
        for vantage in VANTAGES:
            seen = f'{place},"vantage":"{vantage}"'
            for name, values in (("probe_assigned", ones), ("probe_silent", silent)):
                yield _line(name, seen, _denser(values), "DENSE") if fell else _line(name, seen, values)


def _line(name: str, labels: str, values: str, times: str = "TIMES") -> str:
    return f'{{"metric":{{"__name__":"{name}",{labels}}},"values":[{values}],"timestamps":[{times}]}}'


def _denser(values: str) -> str:
    return ",".join(value for value in values.split(",") for _ in range(DENSER))


def _wandering(dice: random.Random, count: int) -> str:
    """Between 2 and 80, a little more or less each time: no rule is true of it."""
    value, found = 20.0, []
    for _ in range(count):
        value = min(80.0, max(2.0, value + dice.uniform(-2, 2)))
        found.append(f"{value:.1f}")
    return ",".join(found)


def _fall(dice: random.Random, count: int) -> tuple[int, int]:
    first = dice.randrange(count // 50, count - 60)
    return first, first + dice.randrange(5, 40)


def _silence(fall: tuple[int, int], count: int) -> str:
    return ",".join("1" if fall[0] <= n <= fall[1] else "0" for n in range(count))


def rules_text(playbooks: bool) -> str:
    """Thirty rules at 15 s: HostDead's like, and thresholds, windows and joins over what hosts export."""
    rules = [_rule("HostDead", _DEAD, "1m", "host_dead" if playbooks else "")]
    for name in GAUGES:
        rules.append(_rule(f"High_{name}", f"max by (host, region, rack) ({name}) > 95", "2m"))
        rules.append(_rule(f"Flat_{name}", f"avg by (host, region) (avg_over_time({name}[5m])) < 0.5", "5m"))
        rules.append(_rule(f"Rising_{name}", f"{name} > 90 and on (host) host_inventory_info == 1", "1m"))
    loads = (f'sum by (region) (load{{region="r{region}"}}) > 90000' for region in range(4))
    rules += [_rule(f"Region_{number}", load, "1m") for number, load in enumerate(loads)]
    rules.append(_rule("Missing", "max by (host, region) (host_inventory_info) unless on (host) load >= 0", "2m"))
    return "groups:\n  - name: fleet\n    interval: 15s\n    rules:\n" + "".join(rules)


_DEAD = (
    "sum by (host, region, rack) (probe_silent) / on (host, region, rack)"
    " (sum by (host, region, rack) (probe_assigned) > 0) > 0.5"
)


def _rule(name: str, expr: str, hold: str, playbook: str = "") -> str:
    label = f", playbook: {playbook or 'none'}"
    head = f"      - alert: {name.replace('_', '').capitalize()}\n        expr: '{expr}'\n"
    return head + f"        for: {hold}\n        labels: {{severity: warning{label}}}\n"


def newest() -> datetime:
    """The last full hour: the newest sample."""
    now = datetime.now(UTC)  # noqa: TID251
    return now.replace(minute=0, second=0, microsecond=0)
