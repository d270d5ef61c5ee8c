"""Two remediators on one PostgreSQL: whatever becomes of the leader, the other takes over, and only one writes."""

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
import requests

from remediator.journal.postgres.place import PostgresPlace
from tests.e2e.two_remediators import Candidate, pair, until

pytestmark = pytest.mark.store
# Beside other tests, on two cores: the benchmark engine_leaders says how fast it is.
SOON = 30.0


class Way:
    """A unix socket that leads to PostgreSQL's until it is cut: then nothing comes through or is refused."""

    def __init__(self, folder: Path, target: str) -> None:
        self._target = target
        self._open = threading.Event()
        self._open.set()
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(folder / ".s.PGSQL.5432"))
        self._listening.listen(16)
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._open.clear()

    def heal(self) -> None:
        self._open.set()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                here, _ = self._listening.accept()
                there = socket.socket(socket.AF_UNIX)
                there.connect(self._target)
                for one, other in ((here, there), (there, here)):
                    threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError), closing(other):
            while data := one.recv(65536):
                self._open.wait()
                other.sendall(data)


@pytest.fixture
def way(postgres_place: PostgresPlace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Way, str]]:
    """A way of the first's own, and the address that takes it."""
    database, _, folder = postgres_place.url.rpartition("?host=")
    own = tmp_path_factory.mktemp("way")
    made = Way(own, f"{folder}/.s.PGSQL.5432")
    yield made, f"{database}?host={own}"
    made.heal()
    made.close()


@pytest.fixture
def both(
    tmp_path: Path, postgres_place: PostgresPlace, way: tuple[Way, str]
) -> Iterator[tuple[Candidate, Candidate]]:
    """The first leads, the second waits."""
    one, other = pair(tmp_path, (way[1], postgres_place.url))
    try:
        one.start()
        until(one.leads, SOON, "the first leads")
        other.start()
        until(other.lives, SOON, "the second lives")
        assert not other.leads()
        yield one, other
    finally:
        one.kill()
        other.kill()


def terms(place: PostgresPlace) -> list[int]:
    with place.connect("test") as db:
        rows = db.execute(
            "SELECT convert_from(body, 'UTF8')::json ->> 'term' FROM entries WHERE kind = 'term'"
        ).fetchall()
    return [int(str(term)) for (term,) in rows]


def test_who_waits_says_who_leads(both: tuple[Candidate, Candidate]) -> None:
    _, other = both
    until(lambda: "a-" in requests.get(f"{other.url}/readyz", timeout=2).text, SOON, "it knows who leads")
    answer = requests.get(f"{other.url}/v1/apps/x/machines", timeout=2)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert "follows" in answer.json()["error"]


def test_a_killed_leader_is_followed(both: tuple[Candidate, Candidate], postgres_place: PostgresPlace) -> None:
    one, other = both
    one.kill()
    until(other.leads, SOON, "the second leads")
    one.start()
    until(one.lives, SOON, "the first lives again")
    assert not one.leads()
    assert terms(postgres_place) == sorted(set(terms(postgres_place)))


def test_a_leader_that_is_ended_hands_over(both: tuple[Candidate, Candidate]) -> None:
    one, other = both
    assert one.end() == 0, one.said()
    until(other.leads, SOON, "the second leads")


def test_a_leader_that_slept_leads_no_more(both: tuple[Candidate, Candidate], postgres_place: PostgresPlace) -> None:
    one, other = both
    one.send(signal.SIGSTOP)
    until(other.leads, SOON, "the second leads")
    written = terms(postgres_place)
    one.send(signal.SIGCONT)
    until(lambda: "no longer leading" in one.said(), SOON, "the first knows that it was deposed")
    until(lambda: one.lives() and not one.leads(), SOON, "the first waits")
    until(other.leads, SOON, "the second leads still")
    assert terms(postgres_place) == written


def test_a_leader_cut_from_the_database_alone_stops(both: tuple[Candidate, Candidate], way: tuple[Way, str]) -> None:
    one, other = both
    token = (one.folder / "data" / "operator.token").read_text().strip()
    way[0].cut()
    # A commit that hangs does not keep it from stopping.
    with suppress(requests.RequestException):
        asked = {"name": "p-r1", "kind": "vantage"}
        headers = {"Authorization": f"Bearer {token}"}
        requests.post(f"{one.url}/v1/join-tokens", json=asked, headers=headers, timeout=1)
    until(other.leads, SOON, "the second leads")
    until(lambda: "no longer leading" in one.said(), SOON, "the first has stopped")
    way[0].heal()
    until(lambda: one.lives() and not one.leads(), SOON, "the first waits")


def test_other_keys_than_the_fleet_knows_are_refused(both: tuple[Candidate, Candidate]) -> None:
    one, other = both
    other.kill()
    (other.folder / "data" / "box.key").unlink()
    one.kill()
    other.start()
    assert other.process is not None
    assert other.process.wait(SOON) == 2
    assert "keys" in other.said().splitlines()[-1]
    assert "Traceback" not in other.said()


def test_a_request_is_kept_by_whoever_leads(both: tuple[Candidate, Candidate]) -> None:
    one, other = both
    token = (one.folder / "data" / "operator.token").read_text().strip()
    asked = {"name": "p-r1", "kind": "vantage"}
    headers = {"Authorization": f"Bearer {token}"}
    made = requests.post(f"{one.url}/v1/join-tokens", json=asked, headers=headers, timeout=5)
    assert made.status_code == 201
    one.kill()
    until(other.leads, SOON, "the second leads")
    body = asked | {"token": made.json()["token"], "region": "arn", "rack": "r1"}
    assert requests.post(f"{other.fleet_url}/internal/join", json=body, timeout=5).status_code == 200
    # Spent once, it is spent: nothing that the first had in memory alone comes back.
    assert requests.post(f"{other.fleet_url}/internal/join", json=body, timeout=5).status_code == 403
