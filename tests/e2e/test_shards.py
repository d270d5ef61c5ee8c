"""Two regions and two remediators: each leads one, either can lead both, and all of them keep to one budget."""

import re
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

from remediator.journal.postgres.place import PostgresPlace
from tests.e2e.one_agent import Agent, Place, joined_with
from tests.e2e.power_board import PowerBoard, power_board
from tests.e2e.two_remediators import Candidate, pair, said_to, until
from tests.e2e.vantages import Vantages, reporting

pytestmark = pytest.mark.store
SOON = 30.0
HOSTS = {"arn": ("a1", "a2"), "fra": ("f1", "f2")}
SHARDS = "shards: {north: [arn], south: [fra]}\n"
# One host of the whole fleet at a time, and none is kept from it by how many fell.
BUDGET = """budget:
  - scope: fleet
    max_in_flight: {share: 1%, at_least: 1}
    newly_unhealthy: {share: 10%, at_least: 4}
    within: 1h
"""


@dataclass
class Ground:
    """Everything that runs."""

    one: Candidate
    other: Candidate
    agents: dict[str, Agent]
    vantages: Vantages
    power: PowerBoard
    headers: dict[str, str]
    starts: Path

    def ask(self, candidate: Candidate, path: str) -> Any:
        answer = requests.get(f"{candidate.url}{path}", headers=self.headers, timeout=5)
        return answer.json() if answer.status_code == 200 else []

    def well(self) -> int:
        told = [self.ask(each, "/v1/status") for each in (self.one, self.other)]
        return min(sum(host["status"] == "ok" for host in each["hosts"]) if each else 0 for each in told)

    def create(self, name: str, region: str) -> str:
        """The host that the machine was given; each of its instances leaves a file as it starts."""
        said = f"touch {self.starts}/{name}.$$; exec sleep 100000"
        config = {
            "init": {"exec": ["/bin/sh", "-c", said]}, "guest": {"cpus": 1, "memory_mb": 16},
            "metadata": {"recoverable": "true"},
        }  # fmt: skip
        body = {"name": name, "region": region, "config": config}
        # At the one that does not lead that region: it passes the request on.
        at = self.other if region == "arn" else self.one
        made = said_to(f"{at.url}/v1/apps/{name}/machines", body, self.headers)
        where = f"/v1/apps/{name}/machines/{made['id']}"
        until(lambda: (self.ask(at, where) or {}).get("state") == "started", SOON, f"{name} runs")
        return next(host for host in HOSTS[region] if self.agents[host].processes(made["id"]))

    def fall(self, host: str) -> None:
        """Its power goes."""
        self.agents[host].end()
        self.power.off.add(host)
        self.vantages.silent.add(host)

    def instances(self, name: str) -> int:
        return len(list(self.starts.glob(f"{name}.*")))


@pytest.fixture
def ground(postgres_place: PostgresPlace, open_folder: Path) -> Iterator[Ground]:
    """Each remediator leads the region that it prefers; each region has two hosts and three vantages."""
    one, other = pair(open_folder, (postgres_place.url, postgres_place.url), SHARDS)
    with ExitStack() as stack:
        power = stack.enter_context(power_board(open_folder))
        for each, shard in ((one, "north"), (other, "south")):
            _settle_in(each, shard, power)
            stack.callback(_end, each)
            each.start()
        for each, shard in ((one, "north"), (other, "south")):
            until(partial(leads, each, shard), SOON, f"{each.name} leads {shard}")
        headers = {"Authorization": f"Bearer {(one.folder / 'data' / 'operator.token').read_text().strip()}"}
        agents = {
            name: stack.enter_context(_joined(name, region, (one, other), headers))
            for region, names in HOSTS.items()
            for name in names
        }
        vantages = Vantages((one, other), headers)
        for at, (region, names) in zip((one, other), HOSTS.items(), strict=True):
            vantages.enrol(at, region, names)
        stack.enter_context(reporting(vantages))
        starts = open_folder / "starts"
        starts.mkdir()
        starts.chmod(0o777)
        yield Ground(one, other, agents, vantages, power, headers, starts)


def _end(candidate: Candidate) -> None:
    candidate.kill()
    # Shown where the test fails.
    print(f"{candidate.name}:\n{candidate.said()}")


def _joined(
    name: str, region: str, candidates: tuple[Candidate, Candidate], headers: dict[str, str]
) -> AbstractContextManager[Agent]:
    """An agent that dials both; its token is asked of the one that may have to pass the question on."""
    body = {"name": name, "kind": "agent", "region": region}
    made = said_to(f"{candidates[0].url}/v1/join-tokens", body, headers)
    place = Place(name, region, f"r{name}", ",".join(each.fleet_url for each in candidates))
    return joined_with(made["token"], place, candidates[0].folder.parents[1])


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that machines may walk through: pytest's own is closed to other users."""
    with tempfile.TemporaryDirectory(prefix="fleetmend-shards-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


def _settle_in(candidate: Candidate, shard: str, power: PowerBoard) -> None:
    file = candidate.folder / "fleetmend.yml"
    file.write_text(f"{file.read_text()}prefer: [{shard}]\n")
    hosts = [power.entry(name, region, f"r{name}") for region, names in HOSTS.items() for name in names]
    (candidate.folder / "hosts.yml").write_text("".join(hosts))
    playbook = candidate.folder / "rules" / "playbooks" / "host_dead.yml"
    text = playbook.read_text()
    start, end = text.index("budget:\n"), text.index("# Three suspects")
    playbook.write_text(text[:start] + BUDGET + text[end:])
    limits = candidate.folder / "rules" / "limits.yml"
    limits.write_text(re.sub(r"(newly_unhealthy:.*at_least: )\d+", r"\g<1>4", limits.read_text()))


def leads(candidate: Candidate, *shards: str) -> bool:
    with suppress(requests.RequestException):
        told = requests.get(f"{candidate.url}/v1/shards", timeout=2).json()
        return {each["shard"] for each in told if each["here"]} >= set(shards)
    return False


@dataclass
class Watcher:
    """Looks at the database again and again: how much of the budget is given out, how much of it is in use."""

    place: PostgresPlace
    held: list[int] = field(default_factory=list)
    flying: list[int] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        with self.place.connect("test") as db:
            while not self.ended.wait(0.05):
                self.held.append(_number(db, _HELD))
                self.flying.append(_number(db, _FLYING))


_HELD = "SELECT coalesce(sum(held), 0) FROM shares WHERE budget LIKE 'host_dead InFlight%'"
# A dead host's slot: its remediation has begun, and a machine of it has neither been given a place nor been held.
_FLYING = """
WITH read AS (SELECT kind, convert_from(body, 'UTF8')::json AS row FROM rows WHERE kind IN ('Remediation', 'Machine'))
SELECT count(DISTINCT r.row ->> 'target') FROM read r JOIN read m ON m.row ->> 'host' = r.row ->> 'target'
WHERE r.kind = 'Remediation' AND r.row ->> 'playbook' = 'host_dead' AND r.row ->> 'closed_at' IS NULL
  AND r.row -> 'steps' ->> 'mark_host_dead' IS NOT NULL
  AND m.kind = 'Machine' AND m.row ->> 'state' = 'started' AND m.row ->> 'recovery' IN ('none', 'placed')
"""


def _number(db: "psycopg.Connection[Any]", text: str) -> int:
    found = db.execute(text.encode()).fetchone()
    return int(found[0]) if found else 0


def test_two_regions_one_budget_and_one_falls(ground: Ground, postgres_place: PostgresPlace) -> None:
    until(lambda: ground.well() == 4, SOON, "all hosts are well, as either sees it")
    fallen = {name: ground.create(name, region) for name, region in (("web", "arn"), ("db", "fra"))}
    watcher = Watcher(postgres_place)
    watching = threading.Thread(target=watcher.run)
    watching.start()
    try:
        for host in fallen.values():
            ground.fall(host)
        until(lambda: max(watcher.flying, default=0) > 0, SOON, "one is remedied")
        ground.one.kill()
        until(lambda: leads(ground.other, "north", "south"), SOON, "the other leads both")
        until(lambda: all(ground.instances(name) == 2 for name in fallen), SOON, "both run elsewhere")
        time.sleep(1)
    finally:
        watcher.ended.set()
        watching.join()
    assert [ground.instances(name) for name in fallen] == [2, 2]
    assert max(watcher.held) == 1
    assert max(watcher.flying) == 1
