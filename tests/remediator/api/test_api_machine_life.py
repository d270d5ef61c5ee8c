"""A machine's life over HTTP: verbs, leases, metadata, versions, waiting; what clients send and read."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from remediator.api.fakes.control import FakeControl
from remediator.model.asks import VerbAsk
from remediator.model.check import Check, CheckStatus
from remediator.model.machine import Event, Machine, MachineState
from remediator.model.request import Destroy, DestroyStage, Origin

Client = TestClient[web.Request, web.Application]
OPERATOR = {"Authorization": "Bearer operator-token-for-tests"}
NONCE = "fly-machine-lease-nonce"


def on(control: FakeControl, host: str) -> Machine:
    return next(machine for machine in control.world.machines.values() if machine.host == host)


class Caller:
    """Asks of one machine."""

    def __init__(self, client: Client, machine: Machine) -> None:
        self._client = client
        self._base = f"/v1/apps/{machine.app}/machines/{machine.id}"

    async def ask(
        self, method: str, path: str = "", status: int = 200, headers: Mapping[str, str] | None = None, **more: Any
    ) -> Any:
        sent = {**OPERATOR, **(headers or {})}
        async with self._client.request(method, self._base + path, headers=sent, **more) as answered:
            assert answered.status == status, await answered.text()
            return await answered.json() if answered.status != 204 else None


@pytest.fixture
def mine(client: Client, control: FakeControl) -> Caller:
    return Caller(client, on(control, "h1"))


@pytest.fixture
def lost(client: Client, control: FakeControl) -> Caller:
    return Caller(client, next(m for m in control.world.machines.values() if m.host == "h2" and m.alive))


@pytest.mark.parametrize(
    ("body", "args"),
    [
        (None, {}),
        ({"id": "x", "timeout": "0s"}, {}),
        ({"signal": "SIGINT", "timeout": "1m30s"}, {"signal": "SIGINT", "timeout_s": 90.0}),
        ({"signal": "int", "timeout": 5_000_000_000}, {"signal": "SIGINT", "timeout_s": 5.0}),
        ({"timeout": "30"}, {"timeout_s": 30.0}),
    ],
)
async def test_stop_reads_what_clients_send(mine: Caller, control: FakeControl, body: Any, args: Any) -> None:
    assert await mine.ask("POST", "/stop", json=body) == {"ok": True}
    assert (control.life.asks[0].verb, control.life.asks[0].args) == ("stop", args)


@pytest.mark.parametrize("body", [{"signal": "SIGNOT"}, {"signal": 99}, {"timeout": "soon"}, {"timeout": "-1s"}])
async def test_stop_says_what_is_wrong(mine: Caller, control: FakeControl, body: Any) -> None:
    told = await mine.ask("POST", "/stop", 400, json=body)
    assert told["status"] == "invalid"
    assert not control.life.asks


@pytest.mark.parametrize(("number", "known"), [(9, 9), ("SIGKILL", "SIGKILL"), ("usr1", "SIGUSR1")])
async def test_signals_are_names_or_numbers(mine: Caller, control: FakeControl, number: Any, known: Any) -> None:
    await mine.ask("POST", "/signal", json={"signal": number})
    assert control.life.asks[0].args == {"signal": known}


async def test_restart_takes_its_query_and_its_body(mine: Caller, control: FakeControl) -> None:
    await mine.ask("POST", "/restart?timeout=10s&signal=SIGINT")
    await mine.ask("POST", "/restart?force_stop=true")
    # As fly-admin sends it.
    await mine.ask("POST", "/restart", json={"timeout": "20s"})
    assert [ask.args for ask in control.life.asks] == [
        {"timeout_s": 10.0, "signal": "SIGINT"},
        {"signal": 9},
        {"timeout_s": 20.0},
    ]
    await mine.ask("POST", "/restart?timeout=never", 400)


async def test_suspend_and_start_again(mine: Caller) -> None:
    await mine.ask("POST", "/suspend")
    assert (await mine.ask("GET"))["state"] == "suspended"
    assert (await mine.ask("POST", "/start"))["previous_state"] == "suspended"


async def test_a_verb_on_a_lost_host_is_refused_and_told(lost: Caller) -> None:
    for verb in ("start", "stop", "suspend", "restart"):
        told = await lost.ask("POST", f"/{verb}", 412)
        assert "its host is unreachable" in told["error"]


@pytest.mark.parametrize(
    ("body", "words"),
    [({"cmd": "echo 'a b'"}, ["echo", "a b"]), ({"command": ["ls", "-l"], "cmd": "other"}, ["ls", "-l"])],
)
async def test_exec_takes_both_forms(mine: Caller, control: FakeControl, body: Any, words: list[str]) -> None:
    control.life.told["exec"] = {"exit_code": 0, "stdout": "x", "stderr": ""}
    assert await mine.ask("POST", "/exec", json={**body, "stdin": "in", "timeout": 5}) == control.life.told["exec"]
    assert control.life.asks[0].args == {"command": words, "stdin": "in", "timeout_s": 5.0}


@pytest.mark.parametrize("body", [{}, {"cmd": "echo 'a"}, {"command": []}, {"cmd": "x", "timeout": 3600}])
async def test_exec_says_what_is_wrong(mine: Caller, body: Any) -> None:
    assert (await mine.ask("POST", "/exec", 400, json=body))["status"] == "invalid"


async def test_processes_are_sorted(mine: Caller, control: FakeControl) -> None:
    control.life.told["ps"] = {"processes": [{"pid": 2, "rss": 5}, {"pid": 1, "rss": 9}]}
    assert [each["pid"] for each in await mine.ask("GET", "/ps")] == [1, 2]
    assert [each["pid"] for each in await mine.ask("GET", "/ps?sort_by=rss&order=desc")] == [1, 2]
    assert [each["pid"] for each in await mine.ask("GET", "/ps?sort_by=rss")] == [2, 1]
    await mine.ask("GET", "/ps?sort_by=secret", 400)


async def test_a_lease_is_wrapped_as_clients_read_it(mine: Caller) -> None:
    assert "lease not found" in (await mine.ask("GET", "/lease", 404))["error"]
    taken = await mine.ask("POST", "/lease?ttl=60")
    assert (taken["status"], taken["data"]["owner"]) == ("success", "operator token")
    assert taken["data"]["expires_at"] == 1786331585
    held = {NONCE: taken["data"]["nonce"]}
    again = await mine.ask("POST", "/lease", headers=held, json={"ttl": 90, "description": "a deploy"})
    assert (again["data"]["nonce"], again["data"]["expires_at"]) == (taken["data"]["nonce"], 1786331615)
    other = await mine.ask("POST", "/lease", 409)
    assert "lease currently held by operator token, expires at 2026-08-10T03:13:35Z" in other["error"]
    await mine.ask("POST", "/stop", 409)
    await mine.ask("DELETE", "?force=true", 409)
    assert (await mine.ask("GET", "?include_leases=true"))["nonce"] == taken["data"]["nonce"]
    assert "nonce" not in await mine.ask("GET")
    assert await mine.ask("DELETE", "/lease", headers=held) == {"status": "success", "data": {"ok": True}}
    await mine.ask("POST", "/stop")


async def test_a_lost_machine_can_be_leased(lost: Caller) -> None:
    assert (await lost.ask("POST", "/lease"))["data"]["nonce"]


async def test_metadata_by_key_and_as_a_whole(mine: Caller) -> None:
    await mine.ask("POST", "/metadata/team", 204, json={"value": "a"})
    assert await mine.ask("GET", "/metadata") == {"recoverable": "true", "team": "a"}
    assert await mine.ask("GET", "/metadata/team") == {"value": "a"}
    await mine.ask("DELETE", "/metadata/team", 204)
    await mine.ask("GET", "/metadata/team", 404)
    await mine.ask("PATCH", "/metadata", 204, json={"metadata": {"b": "1", "recoverable": None}})
    assert await mine.ask("GET", "/metadata") == {"b": "1"}
    await mine.ask("PUT", "/metadata", 204, json={"metadata": {"c": "2"}})
    assert await mine.ask("GET", "/metadata") == {"c": "2"}
    await mine.ask("PUT", "/metadata", 412, json={"metadata": {}, "machine_version": "another"})
    for wrong in ({"metadata": {"a": 1}}, {}, {"metadata": {}, "updated_at": "yesterday"}):
        await mine.ask("PUT", "/metadata", 400, json=wrong)


async def test_metadata_of_a_lost_machine_is_read_and_not_set(lost: Caller) -> None:
    assert await lost.ask("GET", "/metadata") == {"recoverable": "true"}
    await lost.ask("POST", "/metadata/team", 412, json={"value": "a"})


async def test_an_update_makes_another_version(mine: Caller) -> None:
    before = await mine.ask("GET")
    config = {"image": "a/b:2", "env": {"K": "v"}}
    body = {"config": config, "current_version": before["instance_id"], "lease_ttl": 30, "skip_secrets": False}
    after = await mine.ask("POST", json=body)
    assert (after["config"], after["nonce"]) == (config, "nonce-1")
    versions = await mine.ask("GET", "/versions")
    assert [each["version"] for each in versions] == [after["instance_id"], before["instance_id"]]
    assert "env" not in versions[1]["user_config"]
    stale = {"config": config, "current_version": before["instance_id"]}
    await mine.ask("POST", "", 412, headers={NONCE: "nonce-1"}, json=stale)
    await mine.ask("POST", "", 400, json={"config": {"env": ["no"]}})


async def test_cordoned_machines_say_so_and_have_no_route(mine: Caller, client: Client, control: FakeControl) -> None:
    machine = on(control, "h1")
    for verb, cordoned in (("cordon", True), ("uncordon", False)):
        assert await mine.ask("POST", f"/{verb}") == {"ok": True}
        assert (await mine.ask("GET"))["cordoned"] is cordoned
        async with client.get(f"/v1/apps/{machine.app}/routes") as routes:
            assert (machine.id in await routes.text()) is not cordoned
        async with client.get(f"/v1/explain/{machine.id}", headers=OPERATOR) as told:
            assert ("its owner keeps traffic away" in await told.text()) is cordoned


async def test_a_destroy_is_taken_back_until_it_is_sent(lost: Caller, control: FakeControl) -> None:
    machine = next(m for m in control.world.machines.values() if m.host == "h2" and m.alive)
    await lost.ask("DELETE", "?kill=true")
    assert (await lost.ask("POST", "/undestroy"))["state"] == "started"
    sent = Destroy(machine.id, machine.app, "h2", Origin.OPERATOR, "", control.at, DestroyStage.SENT, epoch=1)
    control.world = replace(control.world, destroys={machine.id: sent})
    assert "was sent already" in (await lost.ask("POST", "/undestroy", 412))["error"]


async def test_waiting_ends_when_it_is_so(mine: Caller, control: FakeControl) -> None:
    machine = on(control, "h1")
    now = await mine.ask("GET", "/wait")
    assert now["ok"]
    assert (now["state"], now["version"]) == ("started", machine.instance_id)
    waiting = asyncio.create_task(mine.ask("GET", "/wait?state=stopped&state=suspended,settled_not", 400))
    assert "no states of a machine" in (await waiting)["error"]
    waiting = asyncio.create_task(mine.ask("GET", "/wait?state=stopped,suspended&timeout=5"))
    await asyncio.sleep(0.05)
    control.life.keep(replace(machine, state=MachineState.SUSPENDED))
    assert (await waiting)["state"] == "suspended"


async def test_waiting_from_an_event_is_for_what_follows_it(mine: Caller, control: FakeControl) -> None:
    machine = on(control, "h1")
    newest = (await mine.ask("GET", "/events"))[0]["id"]
    waiting = asyncio.create_task(mine.ask("GET", f"/wait?state=started&from_event_id={newest}&timeout=5"))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    control.life.keep(machine.noted(Event(control.at, "started", "started", "agent")))
    assert (await waiting)["event_id"] != newest


async def test_waiting_in_vain_is_told_at_once_or_in_time(mine: Caller, control: FakeControl) -> None:
    assert (await mine.ask("GET", "/wait?state=stopped&timeout=1", 408))["status"] == "deadline_exceeded"
    machine = on(control, "h1")
    control.life.keep(replace(machine, state=MachineState.FAILED))
    assert "failed to reach desired state" in (await mine.ask("GET", "/wait?state=started", 400))["error"]
    assert (await mine.ask("GET", "/wait?state=settled"))["state"] == "failed"
    control.life.keep(replace(machine, state=MachineState.DESTROYED))
    assert (await mine.ask("GET", "/wait?state=destroyed"))["state"] == "destroyed"
    control.world = replace(control.world, machines={})
    await mine.ask("GET", "/wait?state=destroyed", 404)
    await mine.ask("GET", "/wait?timeout=61", 400)


async def test_lists_are_narrowed_by_metadata_and_can_be_short(client: Client, control: FakeControl) -> None:
    machine = on(control, "h1")
    control.life.keep(replace(machine, config={**machine.config, "metadata": {"team": "a"}}))
    base = f"/v1/apps/{machine.app}/machines"
    async with client.get(f"{base}?metadata.team=a&summary=true", headers=OPERATOR) as answered:
        (short,) = await answered.json()
    assert short["host_status"] == "ok"
    assert not {"config", "incomplete_config", "events", "checks", "nonce"} & set(short)
    async with client.get(f"{base}?metadata.team=b", headers=OPERATOR) as answered:
        assert await answered.json() == []


async def test_an_end_is_told_with_how_it_ended(mine: Caller, control: FakeControl) -> None:
    stopped = on(control, "h1").noted(Event(control.at, "stop", "stopping", "user"))
    control.life.keep(stopped.noted(Event(control.at, "stopped", "stopped", "agent", exit_code=143)))
    newest = (await mine.ask("GET", "/events?limit=1"))[0]
    ended = newest["request"]["exit_event"]
    assert (newest["type"], ended["requested_stop"], ended["exit_code"], ended["guest_signal"]) == (
        "exit",
        True,
        143,
        15,
    )


async def test_checks_are_told_while_the_host_is_ok(mine: Caller, lost: Caller, control: FakeControl) -> None:
    check = Check("alive", CheckStatus.PASSING, "answered 200", control.at)
    for machine in list(control.world.machines.values()):
        control.life.keep(replace(machine, checks=(check,)))
    told = {"name": "alive", "status": "passing", "output": "answered 200", "updated_at": "2026-08-10T03:12:05Z"}
    assert (await mine.ask("GET"))["checks"] == [told]
    assert (await lost.ask("GET"))["checks"] == []


async def test_create_takes_a_lease_and_may_begin_without_traffic(client: Client, control: FakeControl) -> None:
    body = {"config": {"image": "a"}, "region": "arn", "lease_ttl": 30, "skip_service_registration": True}
    async with client.post("/v1/apps/new/machines", json=body, headers=OPERATOR) as answered:
        made = await answered.json()
    assert (made["nonce"], made["cordoned"]) == ("nonce-1", True)
    lease = control.life.leases[made["id"]]
    assert lease.expires_at == control.at + timedelta(seconds=30)


@pytest.mark.parametrize(
    "part",
    [
        {"restart": {"policy": "sometimes"}},
        {"restart": {"max_retries": "many"}},
        {"stop_config": {"timeout": "99999999h"}},
        {"stop_config": {"timeout": "1.2.3s"}},
    ],
)
async def test_what_its_host_could_not_read_is_refused_at_the_door(client: Client, part: Any) -> None:
    body = {"config": {"image": "a", **part}, "region": "arn"}
    async with client.post("/v1/apps/new/machines", json=body, headers=OPERATOR) as answered:
        assert (answered.status, (await answered.json())["status"]) == (400, "invalid")


async def test_nobody_without_a_token_does_anything(client: Client, control: FakeControl) -> None:
    machine = on(control, "h1")
    base = f"/v1/apps/{machine.app}/machines/{machine.id}"
    for verb in ("start", "stop", "exec", "signal", "lease", "cordon", "undestroy"):
        async with client.post(f"{base}/{verb}") as answered:
            assert answered.status == 401
    assert control.life.asks == list[VerbAsk]()
