"""The Machines API's reads: 100,000 machines, lists of 100, and 1,000 requests a second while a host dies.

A public listener over a real desk, ledger and SQLite journal in a process of its own (see machines_server.py); the
engine's looks and the agents' reports are not part of it. Alone: one connection, one request after the other. Under
load: 1,000 requests a second over 40 connections for some seconds, nine of ten a get, the others lists and the
destroys of a host's 1,000 machines, which is lost at the beginning; each of them is on the disk before its answer.
``cpu`` is the server's own processor time for a request, so that a busy machine can be told from a slow server.
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import aiohttp

from tests.bench.figure import Figure, at_most
from tests.bench.machines_server import HOSTS, MACHINES, PER_APP, TOKEN, machine_id
from tests.bench.processes import wait_until_open
from tests.store_lab import free_port

RATE, SECONDS, CONNECTIONS, ALONE = 1_000, 10, 40, 1_000
LIST_LIMIT_MS, GET_LIMIT_MS, LOADED_LIMIT_MS = 15.0, 5.0, 50.0
# Of a hundred requests: so many lists, and so many destroys; the rest are gets.
LISTS, DESTROYS = 3, 7
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
Ask = tuple[str, str]


def figures(runs: int) -> list[Figure]:
    """The best of the runs: what disturbs a benchmark only ever makes it slower."""
    found = [_run() for _ in range(min(runs, 3))]
    best = {name: min(each[name] for each in found) for name in found[0]}
    return [
        at_most("list_100_p99", best["list"], "ms", LIST_LIMIT_MS),
        at_most("get_p99", best["get"], "ms", GET_LIMIT_MS),
        at_most("loaded_p99", best["loaded"], "ms", LOADED_LIMIT_MS),
        at_most("cpu_per_request", best["cpu"], "ms", 1_000 / RATE),
        Figure("answered_otherwise", best["wrong"], "requests", "0", best["wrong"] == 0),
    ]


def _run() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder, _server(Path(folder)) as url:
        return asyncio.run(_measured(url))


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.machines_server", str(port), str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        # A hundred thousand machines are written down first.
        assert process.stdout is not None
        process.stdout.readline()
        wait_until_open(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.communicate()


async def _measured(url: str) -> dict[str, float]:
    pool = aiohttp.TCPConnector(limit=CONNECTIONS)
    async with aiohttp.ClientSession(url, connector=pool, headers=HEADERS) as http:
        lists = [await _timed(http, ("GET", _app(number))) for number in range(ALONE // 5)]
        gets = [await _timed(http, ("GET", _machine(number * 97 % MACHINES))) for number in range(ALONE)]
        await http.post("/die")
        before = await _cpu(http)
        loaded = await _loaded(http)
        spent = await _cpu(http) - before
    wrong = sum(not good for _, good in [*lists, *gets, *loaded])
    return {
        "list": _p99(lists),
        "get": _p99(gets),
        "loaded": _p99(loaded),
        "cpu": spent / len(loaded) * 1_000,
        "wrong": float(wrong),
    }


async def _loaded(http: aiohttp.ClientSession) -> list[tuple[float, bool]]:
    """Each request is sent when it is due, whatever became of those before it."""
    began, doomed = time.perf_counter(), count()
    tasks = []
    for number in range(RATE * SECONDS):
        await asyncio.sleep(max(0.0, began + number / RATE - time.perf_counter()))
        tasks.append(asyncio.create_task(_timed(http, _asked(number, doomed))))
    return list(await asyncio.gather(*tasks))


def _asked(number: int, doomed: "count[int]") -> Ask:
    kind = number % 100
    if kind < LISTS:
        return "GET", _app(number)
    if kind < LISTS + DESTROYS:
        # The first host has every HOSTS-th machine.
        return "DELETE", f"{_machine(next(doomed) * HOSTS % MACHINES)}?force=true"
    return "GET", _machine(number * 97 % MACHINES)


async def _timed(http: aiohttp.ClientSession, ask: Ask) -> tuple[float, bool]:
    """Milliseconds until the last byte, and whether it was answered as it should be."""
    began = time.perf_counter()
    async with http.request(*ask) as answered:
        await answered.read()
        return (time.perf_counter() - began) * 1_000, answered.status == 200


async def _cpu(http: aiohttp.ClientSession) -> float:
    async with http.get("/cpu") as answered:
        return float(await answered.text())


def _p99(timed: list[tuple[float, bool]]) -> float:
    milliseconds = sorted(each for each, _ in timed)
    return milliseconds[len(milliseconds) * 99 // 100]


def _app(number: int) -> str:
    return f"/v1/apps/app-{number % (MACHINES // PER_APP)}/machines"


def _machine(number: int) -> str:
    return f"{_app(number // PER_APP)}/{machine_id(number)}"
