"""Two remediators on one PostgreSQL: the leader is killed, or sleeps for 30 s, amid acts; a hundred times each.

Ten fleets side by side, each with a real agent: a machine is asked for while the leader falls, and must have been
started exactly once in the end. ``--full`` plays ten kills and ten pauses in each, else three kills and one pause in
five of them. Played once, whatever ``--runs`` says.
"""

import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import requests

from tests.bench.figure import Figure, at_most
from tests.bench.story_samples import enough, percentile_at_most
from tests.e2e.one_process import BIN
from tests.e2e.two_remediators import Candidate, pair, until
from tests.postgres_lab import PostgresServer, programs, running_postgres
from tests.store_lab import free_port

# Fleets, kills in each, pauses in each.
FULL, SAMPLE = (10, 10, 10), (5, 3, 1)
# So many are put together at once: each start is a second of a core.
AT_ONCE = 2
SLEEP_SECONDS = 30.0
# The leader falls within this time after a machine is asked for.
MIDST_SECONDS = 0.4
PATIENCE_SECONDS = 60.0


@dataclass
class Fleet:
    """Two candidates and an agent; ``starts`` is where each machine writes its process id at each start."""

    candidates: tuple[Candidate, Candidate]
    agent: subprocess.Popen[bytes]
    starts: Path
    token: str
    asked: list[str] = field(default_factory=list)
    takeovers: list[float] = field(default_factory=list)

    def leader(self) -> tuple[Candidate, Candidate]:
        """Who leads, and the other."""
        found: list[Candidate] = []

        def led() -> bool:
            found[:] = [each for each in self.candidates if each.leads()]
            return len(found) == 1

        until(led, PATIENCE_SECONDS, "one leads")
        one, other = self.candidates
        return (one, other) if found[0] is one else (other, one)

    def create(self, name: str) -> None:
        """Ask whoever leads until the machine is there."""
        body = {"name": name, "region": "arn", "config": self._config(name)}
        for _ in range(200):
            for each in self.candidates:
                if self._created(each, name, body):
                    return
            time.sleep(0.1)
        raise AssertionError(f"{name} was never created")

    def _created(self, candidate: Candidate, name: str, body: dict[str, Any]) -> bool:
        headers, where = {"Authorization": f"Bearer {self.token}"}, f"{candidate.url}/v1/apps/app/machines"
        try:
            if requests.post(where, json=body, headers=headers, timeout=5).status_code == 200:
                return True
            known = requests.get(where, headers=headers, timeout=2)
            return known.status_code == 200 and any(each["name"] == name for each in known.json())
        except requests.RequestException:
            return False

    def _config(self, name: str) -> dict[str, Any]:
        said = f"echo $$ >> {self.starts}/{name}; exec sleep 100000"
        return {"init": {"exec": ["/bin/sh", "-c", said]}, "guest": {"cpus": 1, "memory_mb": 16}}

    def killed(self) -> None:
        leader, other = self.leader()
        self._fallen(other, leader.kill)
        leader.start()
        until(leader.lives, PATIENCE_SECONDS, "the one that was killed lives again")

    def slept(self) -> None:
        leader, other = self.leader()
        self._fallen(other, lambda: leader.send(signal.SIGSTOP))
        time.sleep(SLEEP_SECONDS)
        leader.send(signal.SIGCONT)
        until(lambda: leader.lives() and not leader.leads(), PATIENCE_SECONDS, "the one that slept waits")

    def _fallen(self, other: Candidate, fall: Callable[[], None]) -> None:
        name = f"m{len(self.asked)}"
        self.asked.append(name)
        creating = threading.Thread(target=self.create, args=(name,))
        creating.start()
        time.sleep(random.uniform(0, MIDST_SECONDS))  # noqa: S311 - no secret
        fall()
        self.takeovers.append(until(other.leads, PATIENCE_SECONDS, "the other leads"))
        creating.join(PATIENCE_SECONDS)

    def wrong(self) -> int:
        """Machines that were not started exactly once."""
        counts = [len(_lines(self.starts / name)) for name in self.asked]
        return sum(1 for count in counts if count != 1)

    def end(self) -> None:
        """What runs on its host; the rest ends by itself."""
        self.agent.kill()
        for name in self.asked:
            for pid in _lines(self.starts / name):
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)


def figures(runs: int, *, full: bool = False) -> list[Figure]:
    found = programs()
    if found is None:
        print("NOT MEASURED: no PostgreSQL here; install the Debian package postgresql")
        return [at_most("takeover_p99_s", None, "s", 5.0)]
    folder = Path(tempfile.mkdtemp(prefix="fleetmend-leaders-"))
    folder.chmod(0o755)
    many, *rounds = FULL if full else SAMPLE
    try:
        with running_postgres(found, "max_connections=400") as server, ExitStack() as stack:
            with ThreadPoolExecutor(AT_ONCE) as threads:
                made = [threads.submit(_fleet, folder / str(number), server, number, stack) for number in range(many)]
                fleets = [each.result() for each in made]
            return _measured(fleets, rounds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measured(fleets: list[Fleet], rounds: list[int]) -> list[Figure]:
    for fall, many in zip((Fleet.killed, Fleet.slept), rounds, strict=True):
        with ThreadPoolExecutor(len(fleets)) as threads:
            list(threads.map(partial(_rounds, fall=fall, many=many), fleets))
        print(f"{fall.__name__}: {len(fleets) * many} rounds", flush=True)
    takeovers = [each for fleet in fleets for each in fleet.takeovers]
    time.sleep(2)
    wrong = sum(fleet.wrong() for fleet in fleets)
    return [
        enough(takeovers, len(fleets) * sum(rounds)),
        percentile_at_most("takeover", takeovers, 50, 5.0),
        percentile_at_most("takeover", takeovers, 99, 5.0),
        at_most("not_exactly_once", wrong, "effects", 0),
    ]


def _rounds(fleet: Fleet, fall: Callable[[Fleet], None], many: int) -> None:
    for _ in range(many):
        fall(fleet)


def _fleet(folder: Path, server: PostgresServer, number: int, stack: ExitStack) -> Fleet:
    """Put together; whatever of it runs ends with the stack."""
    folder.mkdir()
    url = server.empty(f"fleet{number}").url
    one, other = pair(folder, (url, url))
    for each in (one, other):
        stack.callback(each.kill)
    one.start()
    until(one.leads, PATIENCE_SECONDS, "the first leads")
    token = (one.folder / "data" / "operator.token").read_text().strip()
    agent = _agent(folder, one, other, token)
    stack.callback(agent.wait, 10)
    stack.callback(agent.kill)
    other.start()
    until(lambda: _joined(one) or _joined(other), PATIENCE_SECONDS, "the agent is in touch")
    starts = folder / "starts"
    starts.mkdir()
    starts.chmod(0o777)
    found = Fleet((one, other), agent, starts, token)
    stack.callback(found.end)
    return found


def _agent(folder: Path, one: Candidate, other: Candidate, token: str) -> subprocess.Popen[bytes]:
    headers = {"Authorization": f"Bearer {token}"}
    asked = {"name": "h1", "kind": "agent"}
    join = requests.post(f"{one.url}/v1/join-tokens", json=asked, headers=headers, timeout=5).json()["token"]
    command = [str(BIN / "fleetmend-agent"), "--name", "h1", "--region", "arn", "--rack", "r1", "--join-token", join]
    command += [
        "--remediator",
        f"{one.fleet_url},{other.fleet_url}",
        "--capacity",
        "cpus=64,memory_mb=65536,disk_mb=999",
    ]
    command += ["--data", str(folder / "h1"), "--snapshots", str(folder / "snapshots"), "--loops", "off"]
    command += ["--listen", f"127.0.0.1:{free_port()}"]
    with (folder / "agent.txt").open("ab") as said:
        return subprocess.Popen(command, stderr=said)


def _joined(candidate: Candidate) -> bool:
    with suppress(requests.RequestException):
        hosts = requests.get(f"{candidate.url}/v1/status", timeout=5).json().get("hosts", [])
        return any(host["status"] == "ok" for host in hosts)
    return False


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []
