"""A host that nobody hears runs on: an orchestrator cuts its link, its volume is restored, and it is let go again.

Run by test_fenced_by_orchestrator.py, in a network of its own.
"""

import asyncio
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from remediator.clock import SystemClock
from scripts.story.outer import raise_bridge
from tests.e2e.eyes import Eyes, open_eyes
from tests.e2e.one_agent import Agent, Place, joined_with
from tests.e2e.one_process import fresh_folder, run, running
from tests.e2e.test_machine_life import wait_for
from tests.remediator.drivers.cutting import TOKEN, Cutter, serving

CONTROL, THERE, PORT = "10.77.0.1", "10.77.0.11", 8000
ROOM = "cpus=4,memory_mb=4096,disk_mb=65536"
SERVER = {
    "init": {"exec": ["/usr/bin/python3", "-m", "http.server", str(PORT)]},
    "guest": {"cpus": 0.25, "memory_mb": 256},
    "metadata": {"recoverable": "true"},
}


@contextmanager
def a_namespace() -> Iterator[list[str]]:
    """A network with one link to the bridge, and the words that start a program in it."""
    holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
    within = ["nsenter", f"--net=/proc/{holder.pid}/ns/net"]
    try:
        ours, its = (Path(f"/proc/{which}/ns/net") for which in ("self", holder.pid))
        wait_for(lambda: its.readlink() != ours.readlink())
        ip(f"link add v-h1 type veth peer name eth0 netns {holder.pid}", "link set v-h1 master fm0 up")
        for line in ("link set lo up", f"address add {THERE}/24 dev eth0", "link set eth0 up"):
            subprocess.run([*within, "ip", *line.split()], check=True, timeout=10)
        yield within
    finally:
        holder.kill()
        holder.wait(10)


def ip(*lines: str) -> None:
    for line in lines:
        subprocess.run(["ip", *line.split()], check=True, timeout=10)


@contextmanager
def orchestrating() -> Iterator[Cutter]:
    """An orchestrator in a thread of its own; it cuts off by taking the host's link down."""

    async def cut(_host: str, on: bool) -> None:
        ip(f"link set v-h1 {'down' if on else 'up'}")

    cutter = Cutter(SystemClock().now, {name: f"chassis-{name}" for name in ("h1", "h2")}, cut)
    loop, ended, ready = asyncio.new_event_loop(), asyncio.Event(), threading.Event()

    async def serve() -> None:
        async with serving(cutter):
            ready.set()
            await ended.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    try:
        assert ready.wait(10)
        yield cutter
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(10)
        loop.close()


@dataclass
class Fleet:
    """Two hosts, one of them in a network of its own, and whom they are led by."""

    url: str
    folder: Path
    cutter: Cutter
    eyes: Eyes
    agents: dict[str, Agent]
    made: str = ""

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        token = (self.folder / "data" / "operator.token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}"}
        answer = requests.request(method, f"{self.url}/v1/apps/db/{path}", json=body, headers=headers, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def host(self, name: str) -> Any:
        hosts = requests.get(f"{self.url}/v1/status", timeout=10).json()["hosts"]
        return next(each for each in hosts if each["name"] == name)

    def told(self, *words: str) -> str:
        return run(*words, "--url", self.url, folder=self.folder)[1]


def written(folder: Path, orchestrator: str) -> str:
    """The settings that differ; where agents dial."""
    (folder / "fence.token").write_text(TOKEN)
    (folder / "fence.token").chmod(0o600)
    settings, limits = folder / "fleetmend.yml", folder / "rules" / "limits.yml"
    text = re.sub(r"^fleet_listen: 127.0.0.1", f"fleet_listen: {CONTROL}", settings.read_text(), flags=re.MULTILINE)
    fencing = f"fencing: {{orchestrator: {{url: '{orchestrator}', token_file: fence.token}}}}\n"
    settings.write_text(f"{text}patience: 2s\nprobation: 1s\n{fencing}")
    limits.write_text(re.sub(r"^patience: .*", "patience: 2s", limits.read_text(), flags=re.MULTILINE))
    found = re.search(rf"^fleet_listen: ({CONTROL}:\d+)$", text, re.MULTILINE)
    assert found
    return f"http://{found[1]}"


def answers(address: str) -> bool:
    with socket.socket() as tried:
        tried.settimeout(0.5)
        return tried.connect_ex((address, PORT)) == 0


def launched(fleet: Fleet) -> str:
    """A machine with a volume that has a snapshot, on the host in the other network: there is no other yet."""
    volume = fleet.ask("POST", "volumes", {"name": "data", "size_gb": 1, "region": "arn"})["id"]
    config = {**SERVER, "mounts": [{"volume": volume, "path": "/data"}]}
    made: str = fleet.ask("POST", "machines", {"config": config, "region": "arn"})["id"]
    fleet.ask("POST", f"volumes/{volume}/snapshots")
    wait_for(lambda: "created" in {each["status"] for each in fleet.ask("GET", f"volumes/{volume}/snapshots")})
    return made


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    raise_bridge(CONTROL)
    folder = fresh_folder(tmp_path)
    with ExitStack() as stack:
        cutter = stack.enter_context(orchestrating())
        dialled = written(folder, cutter.url)
        url = stack.enter_context(running(folder)).url
        fleet = Fleet(url, folder, cutter, stack.enter_context(open_eyes(folder)), {})
        within = {"h1": stack.enter_context(a_namespace()), "h2": []}
        tokens = {name: run("join-token", name, "--url", url, folder=folder)[1].split()[0] for name in within}
        for name, words in within.items():
            place = Place(name, "arn", f"r-{name}", dialled, ROOM)
            fleet.agents[name] = stack.enter_context(joined_with(tokens[name], place, tmp_path, words))
            wait_for(lambda name=name: fleet.eyes.targets(name) >= 2)
            fleet.made = fleet.made or launched(fleet)
        yield fleet


def test_a_link_is_cut_and_healed(fleet: Fleet) -> None:
    made = fleet.made
    wait_for(lambda: answers(THERE))
    fleet.eyes.dark.add("h1")
    fleet.agents["h1"].process.send_signal(signal.SIGSTOP)
    # The store of this fleet is gone, and one witness is not enough to act: a person says yes, to each question.
    said: set[str] = set()

    def fenced() -> bool:
        for question in re.findall(r"fleetmend approve (\w+)", fleet.told("explain", "h1")):
            if question not in said:
                said.add(question)
                fleet.told("approve", question)
        return bool(fleet.host("h1")["fence"] == "proved")

    wait_for(fenced)
    assert (fleet.host("h1")["fence_by"], answers(THERE)) == ("orchestrator", False)
    assert fleet.agents["h1"].processes(made)
    wait_for(lambda: answers(CONTROL))

    # Nobody greets through a link that is down: a person heals it, and the remediator has the fence lifted itself.
    requests.post(
        f"{fleet.cutter.url}/v1/hosts/h1/unfence", json={"epoch": 99},
        headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10,
    ).raise_for_status()  # fmt: skip
    fleet.eyes.dark.clear()
    fleet.agents["h1"].process.send_signal(signal.SIGCONT)
    wait_for(lambda: fleet.host("h1")["life"] == "healthy")
    assert "unfence:h1:2" in fleet.cutter.posted
    assert not fleet.agents["h1"].processes(made)
    told = {path.name for path in fleet.folder.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()}
    assert told == {"fence.token"}
