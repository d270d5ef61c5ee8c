"""Machines as clients see them: the shapes of the Machines API, healthy and lost."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from remediator.api.fakes.control import FakeControl
from remediator.engine.machines.refusals import no_room
from remediator.model.decision import Decision, DecisionOutcome
from remediator.model.errors import PermanentError, TransientError
from remediator.model.host import HostStatus
from remediator.model.machine import LOST_EVENT, Event, Machine, MachineState, Recovery
from remediator.model.request import Origin

Client = TestClient[web.Request, web.Application]
KEYS = {
    "id", "name", "state", "region", "image_ref", "instance_id", "version", "private_ip", "created_at", "updated_at",
    "config", "incomplete_config", "events", "checks", "host_status", "cordoned",
}  # fmt: skip
OPERATOR = {"Authorization": "Bearer operator-token-for-tests"}
STATES = {state.value for state in MachineState}


def on(control: FakeControl, host: str) -> Machine:
    return next(machine for machine in control.world.machines.values() if machine.host == host)


class Forgetful(dict[str, dict[str, Any]]):
    """A cache that keeps nothing."""

    def __setitem__(self, key: str, value: dict[str, Any]) -> None:
        pass


async def get(client: Client, path: str, status: int = 200) -> Any:
    async with client.get(path, headers=OPERATOR) as response:
        assert response.status == status, await response.text()
        assert response.content_type == "application/json"
        return await response.json()


async def test_a_healthy_machine_shows_its_full_config(client: Client, control: FakeControl) -> None:
    machine = on(control, "h1")
    doc = await get(client, f"/v1/apps/{machine.app}/machines/{machine.id}")
    assert set(doc) == KEYS
    assert doc["host_status"] == "ok"
    assert doc["config"]["env"] == {"TOKEN": "swordfish"}
    assert doc["incomplete_config"] is None
    assert doc["image_ref"] == {"registry": "registry.example", "repository": "web", "tag": "1.4"}
    assert doc["private_ip"] == "10.77.0.11"


async def test_a_lost_machine_shows_only_its_scrubbed_config(client: Client, control: FakeControl) -> None:
    machine = on(control, "h2")
    control.configs[machine.id] = {"env": {"TOKEN": "swordfish"}}
    doc = await get(client, f"/v1/apps/{machine.app}/machines/{machine.id}")
    assert set(doc) == KEYS
    assert doc["host_status"] == "unreachable"
    assert doc["config"] is None
    assert doc["incomplete_config"]["guest"]["cpu_kind"] == "shared"
    assert doc["incomplete_config"]["mounts"] == []
    assert "env" not in doc["incomplete_config"]
    assert doc["image_ref"] == {}


@pytest.mark.parametrize(
    ("outcome", "told"), [(DecisionOutcome.HOLD, "is held"), (DecisionOutcome.ASK, "waits for a person's answer")]
)
async def test_the_hold_of_a_lost_host_is_an_event_on_its_machines_while_it_stands(
    client: Client, control: FakeControl, outcome: DecisionOutcome, told: str
) -> None:
    known = on(control, "h2")
    machine = replace(known, state=MachineState.STARTED, recovery=Recovery.NONE, adopted=False)
    control.world = replace(control.world, machines={machine.id: machine})
    at, text = control.now(), "secret-app of another organisation takes the room"
    hold = Decision("d1", at, "host_dead", "h2", "recreate", outcome, "BudgetSpent", text)
    control.held = [replace(hold, id="d0", action="condemn", reason="PatienceRuns"), hold]
    path = f"/v1/apps/{machine.app}/machines"
    one, (listed,) = await get(client, f"{path}/{machine.id}"), await get(client, path)
    first, *older = await get(client, f"{path}/{machine.id}/events")
    assert first["text"] == f"nothing replaces it yet: host_dead {told} (BudgetSpent)"
    assert (first["type"], first["status"]) == ("recovery", "held")
    assert first["timestamp"] == int(at.timestamp() * 1000)
    assert one["events"] == listed["events"] == [first, *older]
    assert len(older) == len(machine.events)
    control.held = [hold]
    placed = replace(machine, recovery=Recovery.PLACED)
    control.world = replace(control.world, machines={machine.id: placed})
    assert await get(client, f"{path}/{machine.id}/events") == older


async def test_an_incomplete_config_has_what_clients_read_unchecked(client: Client, control: FakeControl) -> None:
    machine = replace(on(control, "h2"), config={"metadata": None})
    control.world = replace(control.world, machines={machine.id: machine})
    doc = await get(client, f"/v1/apps/{machine.app}/machines/{machine.id}")
    assert doc["incomplete_config"] == {
        "guest": {"cpu_kind": "shared", "cpus": 1.0, "memory_mb": 256},
        "metadata": {},
        "mounts": [],
    }


async def test_config_is_null_exactly_when_the_host_is_not_ok(client: Client, control: FakeControl) -> None:
    for app in ("web", "worker", "db"):
        for doc in await get(client, f"/v1/apps/{app}/machines"):
            is_ok = doc["host_status"] == "ok"
            assert (doc["config"] is None) is not is_ok
            assert (doc["incomplete_config"] is None) is is_ok
            assert doc["state"] in STATES


async def test_a_config_that_is_not_here_yet_is_no_null_config(client: Client, control: FakeControl) -> None:
    machine = on(control, "h1")
    control.configs.clear()
    for path in (f"/v1/apps/{machine.app}/machines/{machine.id}", f"/v1/apps/{machine.app}/machines"):
        async with client.get(path, headers=OPERATOR) as response:
            assert response.status == 503
            assert response.headers["Retry-After"] == "1"
            assert (await response.json())["status"] == "unavailable"


async def test_one_that_is_being_made_in_a_lost_one_s_place_keeps_no_list_back(
    client: Client, control: FakeControl
) -> None:
    """For as long as its create waits, for the unsealing or for a freeze to end, nobody has its full config."""
    machine = replace(on(control, "h1"), replaces="lost", state=MachineState.CREATED)
    control.world = replace(control.world, machines={machine.id: machine})
    control.configs.clear()
    doc = await get(client, f"/v1/apps/{machine.app}/machines/{machine.id}")
    assert (doc["host_status"], doc["config"], doc["state"]) == ("unknown", None, "created")
    assert doc["incomplete_config"]["guest"]
    assert [each["id"] for each in await get(client, f"/v1/apps/{machine.app}/machines")] == [machine.id]
    (short,) = await get(client, f"/v1/apps/{machine.app}/machines?summary=true")
    assert short["host_status"] == "unknown"
    page = await get(client, "/v1/orgs/personal/machines")
    assert [each["host_status"] for each in page["machines"]] == ["unknown"]


async def test_what_its_well_host_has_not_or_not_yet_is_unknown_and_its_list_answers(
    client: Client, control: FakeControl
) -> None:
    known, lost = on(control, "h1"), on(control, "h2")
    back = (Event(control.now(), "host", "returned", "fleetmend", "back"),)
    said = (Event(control.now(), LOST_EVENT, "failed", "agent", "its host no longer has it"),)
    gone = replace(known, state=MachineState.FAILED, events=back + said)
    coming = replace(known, id="11d717c2000000", state=MachineState.CREATED, replaces="m0", digest="")
    # Its host died before it told of it: that host cannot be reached, whatever was under way there.
    orphan = replace(coming, id="11d717c2000001", host=lost.host)
    control.world = replace(control.world, machines={each.id: each for each in (gone, coming, orphan)})
    control.configs.clear()
    docs = {doc["id"]: doc for doc in await get(client, f"/v1/apps/{known.app}/machines")}
    assert {key: doc["host_status"] for key, doc in docs.items()} == {
        gone.id: "unknown", coming.id: "unknown", orphan.id: "unreachable"
    }  # fmt: skip
    assert all(doc["config"] is None and doc["incomplete_config"] for doc in docs.values())


async def test_what_is_destroyed_shows_its_scrubbed_copy(client: Client, control: FakeControl) -> None:
    machine = replace(on(control, "h1"), state=MachineState.DESTROYED)
    control.world = replace(control.world, machines={machine.id: machine})
    control.configs.clear()
    doc = await get(client, f"/v1/apps/{machine.app}/machines/{machine.id}")
    assert (doc["state"], doc["config"]) == ("destroyed", machine.config)
    assert await get(client, f"/v1/apps/{machine.app}/machines") == []
    for yes in ("include_deleted=true", "include_deleted="):
        assert len(await get(client, f"/v1/apps/{machine.app}/machines?{yes}")) == 1


async def test_a_machine_of_a_forgotten_host_is_unknown(client: Client, control: FakeControl) -> None:
    machine = on(control, "h1")
    control.world = replace(control.world, hosts={})
    doc = await get(client, f"/v1/apps/{machine.app}/machines/{machine.id}")
    assert doc["host_status"] == HostStatus.UNKNOWN.value


async def test_lists_are_of_one_app_and_can_be_narrowed(client: Client) -> None:
    assert len(await get(client, "/v1/apps/web/machines")) == 10
    assert {doc["region"] for doc in await get(client, "/v1/apps/web/machines?region=arn")} == {"arn"}
    assert await get(client, "/v1/apps/web/machines?state=stopped,failed") == []
    assert await get(client, "/v1/apps/nobody/machines") == []


async def test_a_machine_of_another_app_is_not_found(client: Client, control: FakeControl) -> None:
    machine = on(control, "h1")
    doc = await get(client, f"/v1/apps/other/machines/{machine.id}", 404)
    assert doc == {"error": "not_found: machine not found", "status": "unknown"}


async def test_events_are_newest_first_in_milliseconds(client: Client, control: FakeControl) -> None:
    at = datetime(2026, 8, 10, 3, 0, 0, 250000, tzinfo=UTC)
    machine = on(control, "h1").noted(Event(at, "exit", "stopped", "fleetmend", "exit code 1"))
    control.world = replace(control.world, machines={machine.id: machine})
    events = await get(client, f"/v1/apps/{machine.app}/machines/{machine.id}/events")
    assert [event["type"] for event in events] == ["exit", "start", "launch"]
    assert events[0]["timestamp"] == 1786330800250
    assert events[0]["request"]["exit_event"]["exited_at"] == "2026-08-10T03:00:00.250000Z"
    assert len({event["id"] for event in events}) == 3
    assert len(await get(client, f"/v1/apps/{machine.app}/machines/{machine.id}/events?limit=1")) == 1


async def test_create_hands_on_the_config_as_it_came(
    client: Client, control: FakeControl, operator: dict[str, str]
) -> None:
    config = {"image": "a/b", "env": {"K": "v"}, "odd": {"kept": [1]}, "guest": {"cpus": 1, "memory_mb": 256}}
    body = {"config": config, "region": "iad", "name": None, "skip_launch": True, "skip_secrets": False}
    async with client.post("/v1/apps/new/machines", json=body, headers=operator) as response:
        assert response.status == 200
        doc = await response.json()
    assert (doc["config"], doc["state"], doc["region"]) == (config, "created", "iad")
    assert control.configs[doc["id"]] == config


async def test_create_answers_although_no_config_is_cached_yet(
    client: Client, control: FakeControl, operator: dict[str, str]
) -> None:
    control.configs = Forgetful()
    async with client.post("/v1/apps/new/machines", json={"config": {"image": "a"}}, headers=operator) as response:
        # Anything but 503: the machine is there, and clients would make it again.
        assert response.status == 200
        assert (await response.json())["config"] == {"image": "a"}


async def test_start_and_stop(client: Client, control: FakeControl, operator: dict[str, str]) -> None:
    machine = on(control, "h1")
    base = f"/v1/apps/{machine.app}/machines/{machine.id}"
    body = {"id": machine.id, "signal": "SIGTERM", "timeout": "0s"}
    async with client.post(f"{base}/stop", json=body, headers=operator) as response:
        assert await response.json() == {"ok": True}
    assert control.world.machines[machine.id].state is MachineState.STOPPED
    async with client.post(f"{base}/start", headers=operator) as response:
        assert await response.json() == {"previous_state": "stopped", "migrated": False, "new_host": ""}
    assert control.world.machines[machine.id].state is MachineState.STARTED


@pytest.mark.parametrize("query", ["force=true", "kill=true", "kill=false&force=1"])
async def test_a_forced_destroy_on_a_dead_host_is_taken(
    client: Client, control: FakeControl, operator: dict[str, str], query: str
) -> None:
    machine = on(control, "h2")
    base = f"/v1/apps/{machine.app}/machines/{machine.id}"
    async with client.delete(f"{base}?{query}", headers=operator) as response:
        assert (response.status, await response.json()) == (200, {"ok": True})
    assert control.asked == [(machine.id, Origin.OPERATOR, "operator token")]
    assert (await get(client, base))["state"] == "destroying"


async def test_a_destroy_too_early_is_refused_with_a_time(
    client: Client, control: FakeControl, operator: dict[str, str]
) -> None:
    machine = on(control, "h3")
    path = f"/v1/apps/{machine.app}/machines/{machine.id}"
    async with client.delete(f"{path}?force=true", headers=operator) as response:
        assert (response.status, response.headers["Retry-After"]) == (412, "60")
        assert (await response.json())["error"] == "failed_precondition: the host has only just been lost"
    async with client.delete(path, headers=operator) as response:
        assert response.status == 412
        assert "Retry-After" not in response.headers


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (TransientError("the journal is busy"), 503, "unavailable"),
        (PermanentError("its volume is elsewhere"), 422, "unprocessable"),
        (no_room("no host has 64 GiB"), 409, "insufficient_capacity"),
        (ValueError("TOKEN=swordfish"), 500, "internal"),
    ],
)
async def test_errors_have_the_apis_shape(
    client: Client, control: FakeControl, operator: dict[str, str], error: Exception, status: int, code: str
) -> None:
    control.fails_with = error
    async with client.post("/v1/apps/web/machines", json={"config": {}}, headers=operator) as response:
        assert response.status == status
        doc = await response.json()
    assert doc["status"] == code
    assert "swordfish" not in doc["error"]
    assert "Traceback" not in doc["error"]


async def test_routes_hold_only_what_may_be_reached(client: Client, control: FakeControl) -> None:
    routes = await get(client, "/v1/apps/worker/routes")
    assert {route["host"] for route in routes} <= {"h1", "h4", "h6", "h3"}
    web = await get(client, "/v1/apps/web/routes")
    assert set(web[0]) == {"machine", "name", "host", "region", "address", "port", "url"}
    assert web[0]["url"] == f"http://{web[0]['address']}:{web[0]['port']}"
    condemned = {machine.id for machine in control.world.machines.values() if machine.condemned}
    assert condemned
    assert condemned.isdisjoint(route["machine"] for route in routes)
