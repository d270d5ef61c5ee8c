"""Vantages of a test: they report to every remediator what the test says, several times a second."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import requests

from tests.e2e.two_remediators import Candidate, said_to

_EVERY = 0.4


class Vantages:
    """Each sees every host of its region, in a rack of its own; ``silent`` are the hosts that nobody hears."""

    def __init__(self, candidates: Sequence[Candidate], headers: dict[str, str]) -> None:
        self._candidates = candidates
        self._headers = headers
        self._tokens: dict[str, tuple[str, str]] = {}
        self._hosts: dict[str, list[str]] = {}
        self._ended = threading.Event()
        self.silent: set[str] = set()
        # Remediators, by name, that are told nothing.
        self.deaf: set[str] = set()

    def enrol(self, at: Candidate, region: str, hosts: Sequence[str], many: int = 3) -> None:
        """At whoever leads that region."""
        self._hosts[region] = list(hosts)
        for number in range(many):
            name, rack = f"p-{region}-{number}", f"probers-{number}"
            asked = {"name": name, "kind": "vantage", "region": region}
            made = said_to(f"{at.url}/v1/join-tokens", asked, self._headers)
            joined = said_to(f"{at.fleet_url}/internal/join", asked | {"token": made["token"], "rack": rack}, {})
            self._tokens[name] = region, joined["token"]

    def report(self) -> None:
        """Until ended; each remediator by a thread of its own, for one that is away must not delay the others."""
        threads = [threading.Thread(target=self._keep_telling, args=(each,)) for each in self._candidates]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def end(self) -> None:
        self._ended.set()

    def _keep_telling(self, candidate: Candidate) -> None:
        with requests.Session() as session:
            while not self._ended.wait(_EVERY):
                told = {} if candidate.name in self.deaf else self._tokens
                for name, (region, token) in list(told.items()):
                    with suppress(requests.RequestException):
                        self._tell(session, candidate, name, region, token)

    def _tell(self, session: requests.Session, to: Candidate, name: str, region: str, token: str) -> None:
        results = [
            {"host": host, "outcome": "silent" if host in self.silent else "ok"} for host in self._hosts[region]
        ]
        body = {"vantage": name, "region": region, "rack": name, "address": "127.0.0.1:1", "results": results}
        headers = {"Authorization": f"Bearer {token}"}
        session.post(f"{to.fleet_url}/internal/probes", json=body, headers=headers, timeout=1)


@contextmanager
def reporting(vantages: Vantages) -> Iterator[Vantages]:
    """Tells until the block ends."""
    thread = threading.Thread(target=vantages.report)
    thread.start()
    try:
        yield vantages
    finally:
        vantages.end()
        thread.join(10)
