"""`kill -9` of the remediator amid a destroy: before its answer or after it, none is lost and none happens twice."""

import random
import sqlite3
import threading
import time
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import requests

from tests.bench.undead_fleet import NOTHING, ROOM
from tests.e2e.one_agent import joined
from tests.e2e.one_process import Running, fresh_folder, start
from tests.e2e.test_machine_life import Api, wait_for

pytestmark = pytest.mark.e2e
ROUNDS = 5
# A destroy of a lone machine is written, answered and carried out within about this time.
MIDST_SECONDS = 0.03


def killed_amid(remediator: Running, api: Api, machine: str, chance: random.Random) -> bool:
    """Ask for the destroy, and kill whoever is asked; whether it was answered."""
    answered: list[int] = []

    def ask() -> None:
        with suppress(requests.RequestException):
            answered.append(api.session.delete(f"{api.url}/{machine}?force=true", timeout=10).status_code)

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(chance.uniform(0, MIDST_SECONDS))
    ended(remediator)
    asking.join(15)
    return answered == [200]


def ended(remediator: Running) -> None:
    remediator.process.kill()
    remediator.process.wait(10)


def ends_of(folder: Path) -> Counter[str]:
    """How often history tells of each machine's end."""
    with sqlite3.connect(f"file:{folder / 'data' / 'journal.db'}?mode=ro", uri=True) as database:
        return Counter(row[0] for row in database.execute("SELECT subject FROM entries WHERE kind = 'destroyed'"))


def test_no_destroy_is_lost_and_none_happens_twice(tmp_path: Path) -> None:
    folder, chance = fresh_folder(tmp_path), random.Random(7)  # noqa: S311 - chance, no secret
    with ExitStack() as stack:
        remediator = start(folder)
        stack.callback(lambda: ended(remediator))
        agent = stack.enter_context(joined(folder, tmp_path, capacity=ROOM))
        api = Api(remediator, folder)
        regions = f"{remediator.url}/v1/platform/regions"
        wait_for(lambda: '"code":"arn"' in requests.get(regions, timeout=5).text)
        body = {"config": NOTHING, "region": "arn"}
        machines = [api.ask("POST", json=body)["id"] for _ in range(ROUNDS)]
        answered = []
        for machine in machines:
            answered.append(killed_amid(remediator, api, machine, chance))
            remediator = start(folder)
            if not answered[-1]:
                # What a client does that had no answer: asks again, until it has one.
                wait_for(lambda each=machine: api.session.delete(f"{api.url}/{each}?force=true", timeout=10).ok)
        wait_for(lambda: set(ends_of(folder)) == set(machines))
        assert ends_of(folder) == dict.fromkeys(machines, 1)
        assert [machine for machine in machines if agent.processes(machine)] == []
        print(f"answered before the kill: {sum(answered)} of {ROUNDS}")
