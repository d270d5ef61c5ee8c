"""Replay: two weeks of a 1,000-host fleet, 30 rules at 15 s, with the guards, beside `vmalert -replay`.

A real VictoriaMetrics is filled through its import API with 15,000 series of 1,000 hosts: eight gauges, the
inventory, and three vantages' assignments and results each. One sample a minute (four of those probes that fail),
not one a second: a rule is evaluated at every 15 s all the same, but a store with denser samples has more to read.
Forty hosts fall silent for some minutes and leave one gauge's bounds. Then the real `fleetmend replay` runs as a
process of its own, without a journal: fleet and evidence come from the store too. Its memory is its own peak; the
store's is not counted.

The peer is vmalert on the same rules and range: it evaluates and writes back, it has no playbooks, guards or fleet.
As it comes it asks for 1,000 points at a time and sleeps a second after each rule; beside that it is measured with
11,000 points and no sleep.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median

import requests

from tests.bench.figure import Figure, at_most
from tests.bench.replay_fleet import Filling, fill, newest, rules_text
from tests.store_lab import free_port

REPOSITORY = Path(__file__).parents[2]
LONGEST = 600.0
SECONDS, MEGABYTES, FASTER = 60.0, 1000.0, 2.0
_TUNED = ("-replay.rulesDelay=0s", "-replay.maxDatapointsPerQuery=11000")


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a program: seconds, and its peak in bytes."""

    seconds: float
    resident: int
    told: str = ""


def figures(runs: int) -> list[Figure]:
    """The median run for time, the worst for memory."""
    filling = Filling()
    with tempfile.TemporaryDirectory(prefix="fleetmend-bench-") as place, store(Path(place)) as url:
        end = newest()
        print(f"filling: {filling.told}", flush=True)
        fill(url, filling, end)
        folder = settings(Path(place), url)
        # The first run reads a store that was just filled: it warms the caches for all that follow, the peer too.
        ours = [replayed(folder, filling, end) for _ in range(runs + 1)][1:]
        rules = Path(place) / "rules.yml"
        rules.write_text(rules_text(playbooks=False))
        plain = vmalert(url, rules, filling, end)
        tuned = vmalert(url, rules, filling, end, _TUNED)
    print(ours[-1].told, flush=True)
    took = median(run.seconds for run in ours)
    peak = max(run.resident for run in ours) / 1e6
    ratio = plain.seconds / took
    return [
        at_most("replay_s", took, "s", SECONDS, f"{plain.seconds:.0f} as it comes, {tuned.seconds:.0f} tuned"),
        at_most("replay_peak_mb", peak, "MB", MEGABYTES, f"{plain.resident / 1e6:.0f}"),
        Figure("times_faster_than_vmalert", ratio, "", f">= {FASTER:g}", ratio >= FASTER, "vmalert as it comes"),
        Figure("times_faster_than_tuned", tuned.seconds / took, "", "printed", True, "no sleep, 11,000 points"),
    ]


@contextmanager
def store(place: Path) -> Iterator[str]:
    """A VictoriaMetrics as its package starts it, but for the retention."""
    url = f"127.0.0.1:{free_port()}"
    command = ["victoria-metrics", f"-storageDataPath={place / 'data'}", f"-httpListenAddr={url}"]
    with (place / "store.log").open("wb") as log:
        process = subprocess.Popen([*command, "-retentionPeriod=2"], stdout=log, stderr=log)
        try:
            _wait(f"http://{url}/health")
            yield f"http://{url}"
        finally:
            process.terminate()
            process.wait(60)


def _wait(url: str) -> None:
    for _ in range(100):
        try:
            requests.get(url, timeout=1).raise_for_status()
        except requests.RequestException:
            time.sleep(0.1)
        else:
            return


def settings(place: Path, url: str) -> Path:
    """A folder as `fleetmend init` leaves it, with the thirty rules, and no journal."""
    folder = place / "site"
    shutil.copytree(REPOSITORY / "rules" / "playbooks", folder / "rules" / "playbooks")
    shutil.copy(REPOSITORY / "rules" / "limits.yml", folder / "rules" / "limits.yml")
    for path in (folder / "rules" / "playbooks").iterdir():
        if path.stem != "host_dead":
            path.unlink()
    (folder / "rules" / "alerts").mkdir()
    (folder / "rules" / "alerts" / "fleet.yml").write_text(rules_text(playbooks=True))
    (folder / "fleetmend.yml").write_text(f"store_url: {url}\nevaluation_jitter: false\n")
    (folder / "hosts.yml").write_text("[]\n")
    return folder


def replayed(folder: Path, filling: Filling, end: datetime) -> Run:
    """One replay as a user starts it."""
    since = (end - filling.length).isoformat()
    command = [sys.executable, "-m", "remediator.cli", "replay", "--config", str(folder / "fleetmend.yml")]
    return _measured([*command, "--from", since, "--to", end.isoformat(), "--no-journal"], "Acted on")


def vmalert(url: str, rules: Path, filling: Filling, end: datetime, flags: Sequence[str] = ()) -> Run:
    """The same range in vmalert; what it writes goes to the same store, under its own names."""
    # What another run left in the store's cache of results is no merit of this one.
    requests.get(f"{url}/internal/resetRollupResultCache", timeout=30).raise_for_status()
    since, until = (f"{at:%Y-%m-%dT%H:%M:%SZ}" for at in (end - filling.length, end))
    command = ["vmalert", f"-rule={rules}", f"-datasource.url={url}", f"-remoteWrite.url={url}"]
    command += [f"-httpListenAddr=127.0.0.1:{free_port()}", f"-replay.timeFrom={since}", f"-replay.timeTo={until}"]
    return _measured([*command, *flags], "")


def _measured(command: Sequence[str], word: str) -> Run:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    # A child of a child alone, so that its peak is nobody else's.
    code = "import resource,subprocess,sys;r=subprocess.run(sys.argv[1:],check=False).returncode;" + (
        "print('PEAK',resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss*1024);sys.exit(r)"
    )
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, *command],
        capture_output=True, text=True, timeout=LONGEST, env=environment, check=False,
    )  # fmt: skip
    took = time.perf_counter() - began
    if done.returncode or word not in done.stdout:
        raise RuntimeError(f"{command[0]} failed: {done.stdout[-500:]} {done.stderr[-1500:]}")
    peak = next(line for line in done.stdout.splitlines() if line.startswith("PEAK"))
    heads = ("Acted", "Held", "  fleet", "  evidence")
    told = "\n".join(line for line in done.stdout.splitlines() if line.startswith(heads))
    return Run(took, int(peak.split()[1]), told)
