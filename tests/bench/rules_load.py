"""10,000 rules: read and checked from nothing, and read again when one file of them has changed.

``many`` is two hundred files of fifty rules each, ``one`` a single file of all of them. Cold is the first read of a
process, with all checks; the reload is the slowest of ``RELOADS`` edits of one rule, each in another file. Memory is
what the process gained by holding the policy and what the next reload needs.
"""

import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from remediator.actions import ACTIONS
from remediator.policy.load import PolicyReader
from tests.bench.figure import Figure, at_most

RULES, GROUP, RELOADS = 10_000, 50, 10
COLD_SECONDS, RELOAD_MS = 3, 200
PLAYBOOKS = 20
LIMITS = """\
patience: 120s
max_in_flight: {share: 5%, at_least: 2}
newly_unhealthy: {share: 10%, at_least: 1}
settle: 2s
continuous: 2s
outside_rack: 2
correlated_at_least: 3
"""
PLAYBOOK = "playbook: {name}\ntarget: host\nrequires: {{evidence: {{verdict: none}}}}\nsteps:\n  - cordon\n"
GROUP_HEAD = "  - name: group_{number}\n    interval: 15s\n    rules:\n"
RULE = """\
      - alert: Alert{number}
        expr: |
          max by (host, region, rack) (rate(node_disk_io_time_seconds_total{{device="sd{number}"}}[5m]))
            / on (host, region, rack) (sum by (host, region, rack) (probe_assigned) > 0) > 0.{number}
        for: 2m
        labels: {{severity: warning, playbook: {playbook}}}
        annotations:
          summary: "{{{{ $labels.host }}}} in {{{{ $labels.region }}}}: {{{{ $value | humanizePercentage }}}} busy"
          runbook_url: docs/runbooks/alert_{number}.md
"""


@dataclass(frozen=True)
class Measured:
    """Seconds of the first read, milliseconds of the slowest reload and of a playbook's, megabytes gained."""

    cold: float
    reload: float
    playbook: float
    memory: float


def playbook_name(number: int) -> str:
    return "host_busy_" + "abcdefghijklmnopqrst"[number % PLAYBOOKS]


def write_rules(folder: Path, files: int) -> list[Path]:
    """A rules folder of ``RULES`` rules in so many files, each rule with a playbook."""
    for part in ("alerts", "playbooks"):
        (folder / part).mkdir(parents=True)
    (folder / "limits.yml").write_text(LIMITS)
    for number in range(PLAYBOOKS):
        name = playbook_name(number)
        (folder / "playbooks" / f"{name}.yml").write_text(PLAYBOOK.format(name=name))
    each = RULES // files
    return [write_alerts(folder / "alerts" / f"file_{n}.yml", range(n * each, (n + 1) * each)) for n in range(files)]


def write_alerts(path: Path, numbers: range) -> Path:
    with path.open("w") as file:
        file.write("groups:\n")
        for number in numbers:
            if number % GROUP == 0:
                file.write(GROUP_HEAD.format(number=number))
            file.write(RULE.format(number=number, playbook=playbook_name(number)))
    return path


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def timed(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


def measure(files: int) -> Measured:
    """In a process of its own, so that nothing is warm."""
    with tempfile.TemporaryDirectory() as folder:
        paths = write_rules(Path(folder) / "rules", files)
        before = resident_mb()
        reader = PolicyReader(Path(folder) / "rules", ACTIONS, playbook_name(0))
        cold = timed(reader.read)
        held = resident_mb() - before
        playbook = Path(folder) / "rules" / "playbooks" / f"{playbook_name(1)}.yml"
        playbook.write_text(playbook.read_text() + "cooldown: 5m\n")
        asked_by_all = timed(reader.read)
        slowest = 0.0
        for turn in range(RELOADS):
            path = paths[turn % len(paths)]
            path.write_text(path.read_text().replace("for: 2m", f"for: {turn + 3}m", 1))
            slowest = max(slowest, timed(reader.read))
        reading = reader.read()
        if reading.errors or sum(len(group.rules) for group in reading.policy.groups) != RULES:
            raise RuntimeError(f"the rules were not read: {reading.errors[:1]}")
        return Measured(cold, slowest * 1000, asked_by_all * 1000, held)


def figures(runs: int) -> list[Figure]:
    """The medians of ``runs`` runs."""
    context = multiprocessing.get_context("spawn")
    found: dict[int, list[Measured]] = {200: [], 1: []}
    for _ in range(runs):
        for files, measured in found.items():
            with context.Pool(1) as pool:
                measured.append(pool.apply(measure, (files,)))
    many, one = found[200], found[1]
    return [
        at_most("rules_load_many_cold", statistics.median(each.cold for each in many), "s", COLD_SECONDS),
        at_most("rules_load_one_cold", statistics.median(each.cold for each in one), "s", COLD_SECONDS),
        at_most("rules_load_many_reload", statistics.median(each.reload for each in many), "ms", RELOAD_MS),
        at_most("rules_load_playbook_reload", statistics.median(each.playbook for each in many), "ms", RELOAD_MS),
        Figure("rules_load_one_reload", statistics.median(each.reload for each in one), "ms", "", holds=True),
        Figure("rules_load_many_memory", statistics.median(each.memory for each in many), "MB", "", holds=True),
        Figure("rules_load_one_memory", statistics.median(each.memory for each in one), "MB", "", holds=True),
    ]
