"""A host dies, and a second later so does the leader: until the next one acts, with and without what it heard before.

Without: the vantages speak to the next one only once it leads, as if followers kept no evidence.
"""

import shutil
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import requests

from tests.bench.figure import Figure, at_most
from tests.e2e.one_agent import Place, joined_with
from tests.e2e.power_board import PowerBoard, power_board
from tests.e2e.two_remediators import Candidate, pair, said_to, until
from tests.e2e.vantages import Vantages, reporting
from tests.postgres_lab import PostgresServer, programs, running_postgres

SOON = 60.0
HOSTS = ("h1", "h2")


def figures(runs: int) -> list[Figure]:
    found = programs()
    if found is None:
        print("NOT MEASURED: no PostgreSQL here; install the Debian package postgresql")
        return [at_most("first_act_with_evidence_p50_s", None, "s", 6.0)]
    seconds: dict[bool, list[float]] = {True: [], False: []}
    with running_postgres(found) as server:
        for number in range(runs):
            for listening in (True, False):
                seconds[listening].append(
                    _played(server, f"takeover{number}{listening}".lower(), listening=listening)
                )
                print(f"listening {listening}: {seconds[listening][-1]:.2f} s", flush=True)
    with_it, without = (statistics.median(seconds[each]) for each in (True, False))
    return [
        at_most("first_act_with_evidence_p50_s", with_it, "s", 6.0),
        at_most("first_act_without_evidence_p50_s", without, "s", 15.0),
        Figure("samples", runs, "", "each", holds=True),
    ]


def _played(server: PostgresServer, database: str, *, listening: bool) -> float:
    """Seconds from the leader's end to the next one's first act."""
    folder = Path(tempfile.mkdtemp(prefix="fleetmend-takeover-"))
    folder.chmod(0o755)
    url = server.empty(database).url
    try:
        with ExitStack() as stack:
            power = stack.enter_context(power_board(folder))
            one, other = pair(folder, (url, url))
            for each in (one, other):
                hosts = "".join(power.entry(name, "arn", f"r{name}") for name in HOSTS)
                (each.folder / "hosts.yml").write_text(hosts)
                stack.callback(each.kill)
            return _fallen(stack, (one, other), power, listening=listening)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fallen(stack: ExitStack, both: tuple[Candidate, Candidate], power: PowerBoard, *, listening: bool) -> float:
    one, other = both
    one.start()
    until(one.leads, SOON, "the first leads")
    other.start()
    until(other.lives, SOON, "the second waits")
    headers = {"Authorization": f"Bearer {(one.folder / 'data' / 'operator.token').read_text().strip()}"}
    agents = {}
    for name in HOSTS:
        token = said_to(f"{one.url}/v1/join-tokens", {"name": name, "kind": "agent"}, headers)["token"]
        place = Place(name, "arn", f"r{name}", f"{one.fleet_url},{other.fleet_url}")
        agents[name] = stack.enter_context(joined_with(token, place, one.folder.parents[1]))
    vantages = Vantages(both, headers)
    vantages.deaf |= set() if listening else {other.name}
    vantages.enrol(one, "arn", HOSTS)
    stack.enter_context(reporting(vantages))
    until(lambda: _well(one, headers) == len(HOSTS), SOON, "all hosts are well")
    time.sleep(3)
    agents["h1"].end()
    power.off.add("h1")
    vantages.silent.add("h1")
    time.sleep(1)
    one.kill()
    began = time.perf_counter()
    until(other.leads, SOON, "the second leads")
    vantages.deaf.clear()
    until(lambda: "mark_host_dead Acting" in other.said(), SOON, "the second acts")
    return time.perf_counter() - began


def _well(candidate: Candidate, headers: dict[str, str]) -> int:
    hosts = requests.get(f"{candidate.url}/v1/status", headers=headers, timeout=5).json()["hosts"]
    return sum(host["status"] == "ok" for host in hosts)
