"""A fleet whose remediators, database and store are all killed and stay away, while every machine is watched."""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from tests.conftest import started, victoria_arguments
from tests.e2e.one_agent import Agent, Place, joined_with
from tests.e2e.two_remediators import Candidate, pair, until
from tests.postgres_lab import PostgresServer
from tests.store_lab import free_port

# Each machine answers on its port for as long as it lives, with the process id that it began with.
SERVES = """
import os, socket
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((os.environ.get("HOST_ADDRESS", "127.0.0.1"), int(os.environ["PORT"]))); s.listen(64)
while True:
    c, _ = s.accept()
    try:
        c.recv(4096); body = str(os.getpid()).encode()
        c.sendall(b"HTTP/1.0 200 OK\\r\\nContent-Length: %d\\r\\nConnection: close\\r\\n\\r\\n" % len(body) + body)
    except OSError:
        pass
    finally:
        c.close()
"""
CONFIG = {
    "init": {"exec": ["/usr/bin/env", "python3", "-S", "-c", SERVES]},
    "guest": {"cpus": 1, "memory_mb": 64},
    "services": [{"protocol": "tcp", "internal_port": 8080}],
    "restart": {"policy": "always"},
    "metadata": {"recoverable": "true"},
}
SOON = 60.0
NOBODY_LEADS = 503
LOOK_EVERY = 0.1
# Shorter than the shortest outage that a test plays.
SETTINGS = "leader_lease: 5s\nlease: 10s\ndestroy_refusal: 1s\nprobation: 2s\npatience: 120s\n"


@dataclass
class Watcher:
    """Looks at every machine ten times a second: it answers, and by the process that it began with."""

    urls: dict[str, str]
    looks: int = 0
    wrong: list[str] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    first: dict[str, str] = field(default_factory=dict)

    def begin(self) -> None:
        self.first = {name: _said(url) for name, url in self.urls.items()}
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        if self._thread:
            self._thread.join(SOON)

    def _look(self) -> None:
        while not self._ended.wait(LOOK_EVERY):
            self.looks += 1
            for name, url in self.urls.items():
                said = _said(url)
                if said != self.first[name]:
                    self.wrong.append(f"{name} said {said!r}, not {self.first[name]!r}, at look {self.looks}")


def _said(url: str) -> str:
    try:
        return requests.get(url, timeout=2).text
    except requests.RequestException as error:
        return type(error).__name__


@dataclass
class Fleet:
    """Two remediators, PostgreSQL, a store, two hosts with machines."""

    candidates: tuple[Candidate, Candidate]
    server: PostgresServer
    store: tuple[list[str], str, Path]
    agents: dict[str, Agent]
    running: ExitStack = field(default_factory=ExitStack)

    def leader(self) -> Candidate:
        until(lambda: any(each.leads() for each in self.candidates), SOON, "one leads")
        return next(each for each in self.candidates if each.leads())

    def ask(self, method: str, path: str, body: Any = None) -> requests.Response:
        """At whoever leads, again while nobody does."""
        folder = self.candidates[0].folder
        headers = {"Authorization": f"Bearer {(folder / 'data' / 'operator.token').read_text().strip()}"}
        found: list[requests.Response] = []

        def answered() -> bool:
            with suppress(requests.RequestException):
                url = self.leader().url + path
                found[:] = [requests.request(method, url, json=body, headers=headers, timeout=20)]
            return bool(found) and found[0].status_code != NOBODY_LEADS

        until(answered, SOON, f"{method} {path} is answered")
        return found[0]

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("GET", "/v1/status").json()
        return found

    def create(self, name: str) -> str:
        """The machine's id, once it answers."""
        body = {"name": name, "region": "arn", "config": CONFIG}
        made = self.ask("POST", "/v1/apps/web/machines", body)
        assert made.status_code == 200, made.text
        until(lambda: name in self.routes(), SOON, f"{name} is routed")
        until(lambda: _said(self.routes()[name]).isdigit(), SOON, f"{name} answers")
        return str(made.json()["id"])

    def routes(self) -> dict[str, str]:
        return {each["name"]: each["url"] for each in self.ask("GET", "/v1/apps/web/routes").json()}

    def well(self) -> bool:
        status = self.status()
        return all(host["status"] == "ok" for host in status["hosts"]) and status["gate"]["open"]

    def kill_all(self) -> None:
        """SIGKILL to both remediators and the store; the database as by a crash."""
        for each in self.candidates:
            each.kill()
        self.running.close()
        self.server.kill()

    def restart_all(self) -> None:
        self.server.start()
        self.start_store()
        for each in self.candidates:
            each.start()

    def start_store(self) -> None:
        command, health, log = self.store
        self.running = ExitStack()
        self.running.enter_context(started(command, health, log))

    def told(self, kind: str) -> list[tuple[str, str]]:
        """Subjects and bodies of the journal's entries of a kind."""
        with self.server.place().connect("test") as db:
            asked = "SELECT subject, convert_from(body, 'UTF8') FROM entries WHERE kind = %s ORDER BY seq"
            return [(str(subject), str(body)) for subject, body in db.execute(asked, (kind,)).fetchall()]


@contextmanager
def fleet(server: PostgresServer, below: Path) -> Iterator[Fleet]:
    """All of it in touch, with an open gate; nothing of it is left behind."""
    with ExitStack() as stack:
        machines = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fleetmend-down-")))
        machines.chmod(0o711)
        made = _put_together(server, below)
        for each in made.candidates:
            stack.callback(each.kill)
        made.start_store()
        stack.callback(lambda: made.running.close())
        for each in made.candidates:
            each.start()
        for number, name in enumerate(("h1", "h2")):
            token = made.ask("POST", "/v1/join-tokens", {"name": name}).json()["token"]
            urls = ",".join(each.fleet_url for each in made.candidates)
            place = Place(name, "arn", f"r{number}", urls)
            made.agents[name] = stack.enter_context(joined_with(token.split()[0], place, machines))
        until(made.well, SOON, "both hosts are in touch, and the gate is open")
        yield made


def _put_together(server: PostgresServer, below: Path) -> Fleet:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    gate = "gate: {open_after: 1s, open_after_max: 2s, freshness: 8s}\n"
    found = pair(below, (server.place().url,) * 2, SETTINGS + gate)
    for each in found:
        settings = each.folder / "fleetmend.yml"
        settings.write_text(settings.read_text().replace("store_url: http://127.0.0.1:1\n", f"store_url: {url}\n"))
    scraped = below / "scrape.yml"
    targets = ", ".join(f"'{each.url.removeprefix('http://')}'" for each in found)
    job = f"{{job_name: remediator, scrape_interval: 1s, static_configs: [{{targets: [{targets}]}}]}}"
    scraped.write_text(f"scrape_configs: [{job}]\n")
    command = victoria_arguments(port, below / "store", f"-promscrape.config={scraped}")
    return Fleet(found, server, (command, f"{url}/health", below / "store.log"), {})


def destroy_asked_for_a_lost_host(down: Fleet, machine: str, host: str) -> None:
    """Accepted durably while its agent is away, so that it is open when all goes down."""
    down.agents[host].process.kill()
    down.agents[host].process.wait(10)
    path = f"/v1/apps/web/machines/{machine}?force=true"
    until(lambda: down.ask("DELETE", path).status_code == 200, SOON, "the destroy is accepted")
    assert down.agents[host].processes(machine)


def played(server: PostgresServer, below: Path, seconds: float, say: Callable[[str], None]) -> dict[str, Any]:
    """The whole outage; what was seen of it."""
    with fleet(server, below) as down:
        machines = {name: down.create(name) for name in ("m1", "m2", "m3", "m4")}
        routes, places = down.routes(), {each["id"]: each["host"] for each in down.status()["machines"]}
        away = places[machines["m1"]]
        destroy_asked_for_a_lost_host(down, machines["m1"], away)
        watcher = Watcher(routes)
        _outage(down, away, watcher, seconds, say)
        down.restart_all()
        back = until(down.well, SOON, "both hosts are in touch again, and the gate is open")
        say(f"all is back after {back:.1f} s")
        until(lambda: not down.agents[away].processes(machines["m1"]), SOON, "the destroy is carried out")
        _seen_absent(down, machines["m1"])
        return {
            "looks": watcher.looks, "wrong": watcher.wrong, "first": watcher.first, "back": back,
            "left": {name: _said(url) for name, url in watcher.urls.items() if name != "m1"},
            "adopted": [each["id"] for each in down.status()["machines"] if each["adopted"]],
            "condemned": [subject for subject, _ in down.told("condemned")], "asked": machines["m1"],
        }  # fmt: skip


def _outage(down: Fleet, away: str, watcher: Watcher, seconds: float, say: Callable[[str], None]) -> None:
    """All of it is killed; the agent that was away begins, the other one crashes, with nobody to greet."""
    watcher.begin()
    try:
        down.kill_all()
        down.agents[away].begin()
        say(f"all is down, {len(watcher.urls)} machines are watched for {seconds:.0f} s")
        time.sleep(seconds / 2)
        _agent_crashes(next(agent for name, agent in down.agents.items() if name != away))
        time.sleep(seconds / 2)
    finally:
        watcher.end()


def _agent_crashes(agent: Agent) -> None:
    """It begins anew with nobody to greet, and takes over what runs."""
    agent.process.kill()
    agent.process.wait(10)
    agent.begin()


def _seen_absent(down: Fleet, machine: str) -> None:
    def gone() -> bool:
        with suppress(requests.RequestException):
            return machine not in {each["id"] for each in down.status()["machines"]}
        return False

    until(gone, SOON, "its absence is observed")
