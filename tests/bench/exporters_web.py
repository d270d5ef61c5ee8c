"""The web side alone: processor time and rate of requests that ask no collector, plain and behind TLS and a user.

Peer is node_exporter with the same web configuration file; its landing page, fixed too, stands against our /healthz.
``kept`` is over one connection, ``new`` opens one for each request. Processor time is the kernel's own count for the
process. A scrape by Prometheus is ``kept``.
"""

import base64
import contextlib
import http.client
import ssl
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import bcrypt

from tests.bench.exporters_scrape import HEADERS, cpu_nanoseconds
from tests.bench.figure import Figure, at_most
from tests.bench.processes import running
from tests.store_lab import free_port

KEPT, NEW, WARM_UP = 2000, 200, 200
PASSWORD = "swordfish"
# Microseconds; a page costs some five thousand.
LIMITS = {("plain", "kept"): 250, ("plain", "new"): 800, ("guarded", "kept"): 600, ("guarded", "new"): 3500}


@dataclass(frozen=True)
class Peer:
    """A program, the flag of its address, and a page of it that never changes."""

    command: tuple[str, ...]
    listen: str
    path: str


OURS = Peer(("fleetmend-exporter", "host"), "--listen=", "/healthz")
THEIRS = Peer(("prometheus-node-exporter",), "--web.listen-address=", "/")


@dataclass(frozen=True)
class Measured:
    """Microseconds of processor time for a request, and requests in a second, asked one after the other."""

    cpu_us: float
    rate: float


@dataclass(frozen=True)
class Client:
    """Asks one exporter."""

    port: int
    path: str
    tls: ssl.SSLContext | None
    headers: dict[str, str]

    def connect(self) -> http.client.HTTPConnection:
        if self.tls is None:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=10, context=self.tls)

    def ask(self, connection: http.client.HTTPConnection) -> None:
        connection.request("GET", self.path, headers=self.headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != http.client.OK:
            raise RuntimeError(f"a request was answered {answer.status}")

    def ask_kept(self, times: int) -> None:
        with contextlib.closing(self.connect()) as connection:
            for _ in range(times):
                self.ask(connection)

    def ask_new(self, times: int) -> None:
        for _ in range(times):
            with contextlib.closing(self.connect()) as connection:
                self.ask(connection)


def write_files(folder: Path) -> Path:
    """A certificate and its key, and a web configuration with one user."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-days", "2", "-subj", "/CN=here", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", folder / "here.key", "-out", folder / "here.pem"],
        check=True, capture_output=True, timeout=20,
    )  # fmt: skip
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(10)).decode()
    config = folder / "web.yml"
    config.write_text(
        "tls_server_config: {cert_file: here.pem, key_file: here.key}\n"
        f"basic_auth_users: {{prometheus: {hashed}}}\n"
    )  # fmt: skip
    return config


@contextlib.contextmanager
def asked(peer: Peer, config: Path | None) -> Iterator[tuple[int, Client]]:
    """An exporter, by its process id, and a client that it lets in."""
    port = free_port()
    arguments = [*peer.command, f"{peer.listen}127.0.0.1:{port}"]
    headers, tls = dict(HEADERS), None
    if config:
        arguments.append(f"--web.config.file={config}")
        credentials = base64.b64encode(f"prometheus:{PASSWORD}".encode()).decode()
        headers["Authorization"] = f"Basic {credentials}"
        tls = ssl.create_default_context(cafile=str(config.parent / "here.pem"))
    with running(arguments, port) as pid:
        yield pid, Client(port, peer.path, tls, headers)


def measure(peer: Peer, config: Path | None) -> dict[str, Measured]:
    with asked(peer, config) as (pid, client):
        client.ask_kept(WARM_UP)
        found = {}
        for name, ask, times in (("kept", client.ask_kept, KEPT), ("new", client.ask_new, NEW)):
            cpu, began = cpu_nanoseconds(pid), time.perf_counter()
            ask(times)
            seconds = time.perf_counter() - began
            found[name] = Measured((cpu_nanoseconds(pid) - cpu) / times / 1000, times / seconds)
        return found


def figures(runs: int) -> list[Figure]:
    """The medians of ``runs`` runs."""
    found: dict[tuple[str, str, str], list[Measured]] = {}
    with tempfile.TemporaryDirectory() as folder:
        config = write_files(Path(folder))
        for _ in range(runs):
            for who, peer in (("ours", OURS), ("theirs", THEIRS)):
                for door, file in (("plain", None), ("guarded", config)):
                    for how, measured in measure(peer, file).items():
                        found.setdefault((who, door, how), []).append(measured)
    return [
        figure for door in ("plain", "guarded") for how in ("kept", "new") for figure in compare(found, door, how)
    ]


def compare(found: dict[tuple[str, str, str], list[Measured]], door: str, how: str) -> list[Figure]:
    ours, theirs = found["ours", door, how], found["theirs", door, how]
    cpu, their_cpu = (statistics.median(one.cpu_us for one in each) for each in (ours, theirs))
    rate, their_rate = (statistics.median(one.rate for one in each) for each in (ours, theirs))
    return [
        at_most(f"web_{door}_{how}_cpu", cpu, "us", LIMITS[door, how], peer=f"{their_cpu:.0f}"),
        Figure(f"web_{door}_{how}_rate", rate, "requests/s", "", holds=True, peer=f"{their_rate:.0f}"),
    ]
