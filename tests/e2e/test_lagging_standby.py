"""A standby that lagged is promoted: whoever leads on it knows that something is missing, and changes nothing."""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from tests.e2e.one_agent import Agent, Place, joined_with
from tests.e2e.two_remediators import Candidate, pair, said_to, until
from tests.postgres_lab import PostgresServer, programs, running_postgres

pytestmark = pytest.mark.store
SOON = 30.0
SLEEPS = {"init": {"exec": ["/bin/sh", "-c", "exec sleep 600"]}, "guest": {"cpus": 1, "memory_mb": 16}}


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that machines may walk through: pytest's own is closed to other users."""
    with tempfile.TemporaryDirectory(prefix="fleetmend-lag-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def primary() -> Iterator[PostgresServer]:
    found = programs()
    if found is None:
        pytest.skip("NOT TESTED: no PostgreSQL here; install the Debian package postgresql")
    with running_postgres(found) as server:
        yield server


class Fleet:
    """Two remediators that know both servers, and one host."""

    def __init__(self, candidates: tuple[Candidate, Candidate], agent: Agent, headers: dict[str, str]) -> None:
        self.candidates = candidates
        self.agent = agent
        self.headers = headers

    def leader(self) -> Candidate | None:
        return next((each for each in self.candidates if each.leads()), None)

    def create(self, name: str) -> str:
        leader = self.leader()
        assert leader is not None
        body = {"name": name, "region": "arn", "config": SLEEPS}
        made = str(said_to(f"{leader.url}/v1/apps/web/machines", body, self.headers)["id"])
        until(lambda: bool(self.agent.processes(made)), SOON, f"{name} runs")
        return made

    def degraded(self) -> str:
        leader = self.leader()
        return requests.get(f"{leader.url}/readyz", timeout=5).text if leader else ""

    def destroy(self, machine: str) -> int:
        leader = self.leader()
        where = f"{leader.url if leader else ''}/v1/apps/web/machines/{machine}?force=true"
        return requests.delete(where, headers=self.headers, timeout=5).status_code


def test_who_leads_on_a_copy_that_lagged_changes_nothing(primary: PostgresServer, open_folder: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("NOT ROOT: MACHINES OF THE AGENT ARE NOT STARTED")
    with ExitStack() as stack:
        standby = stack.enter_context(primary.standby("lags"))
        url = (
            f"postgresql://fleetmend@/postgres?host={primary.folder},{standby.folder}&target_session_attrs=read-write"
        )
        candidates = pair(open_folder, (url, url))
        fleet = _started(stack, candidates, open_folder)
        kept = fleet.create("kept")
        time.sleep(1)
        # From here on nothing comes through to the standby.
        standby.set("primary_conninfo", "")
        made = fleet.create("made")
        time.sleep(2)
        primary.kill()
        standby.promote()
        until(lambda: "rewound" in fleet.degraded(), SOON, "it is known that the copy is older")
        assert fleet.destroy(kept) == 200
        time.sleep(2)
        # What was asked for is kept, and sent to nobody; what the copy does not know runs on.
        assert fleet.agent.processes(kept)
        assert fleet.agent.processes(made)


def _started(stack: ExitStack, candidates: tuple[Candidate, Candidate], folder: Path) -> Fleet:
    one, other = candidates
    for each in candidates:
        stack.callback(each.kill)
        each.start()
    until(lambda: one.leads() or other.leads(), SOON, "one leads")
    headers = {"Authorization": f"Bearer {(one.folder / 'data' / 'operator.token').read_text().strip()}"}
    leader = one if one.leads() else other
    token = said_to(f"{leader.url}/v1/join-tokens", {"name": "h1", "kind": "agent"}, headers)["token"]
    place = Place("h1", "arn", "r1", f"{one.fleet_url},{other.fleet_url}")
    agent = stack.enter_context(joined_with(token, place, folder))

    def well() -> bool:
        hosts = requests.get(f"{leader.url}/v1/status", timeout=5, headers=headers).json()["hosts"]
        return any(host["status"] == "ok" for host in hosts)

    until(well, SOON, "the host is well")
    return Fleet(candidates, agent, headers)
