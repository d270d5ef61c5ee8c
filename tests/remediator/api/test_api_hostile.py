"""Bodies, queries and headers that nobody honest would send."""

import io
import json
import logging
from dataclasses import replace

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from remediator.api.fakes.control import FakeControl
from remediator.model.request import Operation, Origin

Client = TestClient[web.Request, web.Application]
MACHINES = "/v1/apps/web/machines"
WRITES = [
    ("POST", MACHINES),
    ("DELETE", f"{MACHINES}/x"),
    ("POST", f"{MACHINES}/x/start"),
    ("POST", f"{MACHINES}/x/stop"),
    ("POST", "/v1/apps/web/volumes"),
    ("POST", "/v1/apps/web/volumes/x/snapshots"),
    ("POST", "/v1/join-tokens"),
]


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize("header", [None, "Bearer ", "Bearer wrong", "Basic b3BlcmF0b3I=", "Bearer \udcff\udcfe"])
async def test_no_write_without_the_token(client: Client, method: str, path: str, header: str | None) -> None:
    headers = {"Authorization": header} if header else {}
    async with client.request(method, path, headers=headers, json={"config": {}}) as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert (await response.json())["status"] == "unauthorized"


READS = [
    MACHINES,
    f"{MACHINES}/x",
    f"{MACHINES}/x/events",
    "/v1/apps/web",
    "/v1/apps/web/volumes",
    "/v1/apps/web/volumes/x",
    "/v1/apps/web/volumes/x/snapshots",
]
OPEN = [
    "/",
    "/healthz",
    "/readyz",
    "/metrics",
    "/internal/state",
    "/sd/host",
    "/sd/probe",
    "/v1/apps/web/routes",
    "/v1/platform/regions",
    "/v1/status",
    "/v1/decisions",
    "/v1/explain/h1",
    "/v1/explain/3d8e1f00000000",
]


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("header", [None, "Bearer wrong"])
async def test_what_may_hold_a_config_is_read_with_the_token_alone(
    client: Client, method: str, path: str, header: str | None
) -> None:
    headers = {"Authorization": header} if header else {}
    async with client.request(method, path, headers=headers) as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"
        text = await response.text()
    assert method == "HEAD" or json.loads(text)["status"] == "unauthorized"
    assert "swordfish" not in text


@pytest.mark.parametrize("path", OPEN)
async def test_what_anybody_may_read_holds_no_secret(client: Client, control: FakeControl, path: str) -> None:
    args = {"machine_id": "x", "sealed_config": "swordfish"}
    written = Operation("k1", "create", "h1", args, Origin.OWNER, control.at, "3d8e1f00000000")
    machines = {
        name: replace(each, config={**each.config, "env": {"TOKEN": "swordfish"}})
        for name, each in control.world.machines.items()
    }
    control.world = replace(control.world, operations={"k1": written}, machines=machines)
    async with client.get(path) as response:
        assert response.status == 200
        assert "swordfish" not in await response.text()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"config"',
        b"\xff\xfe",
        b'{"config": NaN}',
        b'{"config": "\xed\xa0\x80"}',
        b'{"config": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b'{"config": null}',
        b'{"config": []}',
        b'{"config": {"guest": {"cpus": 1e999}}}',
        b'{"config": {"guest": {"memory_mb": ' + b"9" * 400 + b"}}}",
    ],
)
async def test_what_is_no_request_is_400(
    client: Client, control: FakeControl, operator: dict[str, str], body: bytes
) -> None:
    before = len(control.world.machines)
    async with client.post(MACHINES, data=body, headers=operator) as response:
        assert response.status == 400, await response.text()
        doc = await response.json()
    assert doc["status"] == "invalid"
    assert doc["problems"]
    assert len(control.world.machines) == before


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ({"guest": {"cpus": 0}}, "config.guest.cpus"),
        ({"guest": {"memory_mb": "256"}}, "config.guest.memory_mb"),
        ({"env": {"A=B": "x"}}, "config.env"),
        ({"env": {"A": "x\0"}}, "config.env.A"),
        ({"env": {"A": 1}}, "config.env.A"),
        ({"init": {"exec": "rm -rf /"}}, "config.init.exec"),
        ({"metadata": {"recoverable": True}}, "config.metadata.recoverable"),
        ({"mounts": [{"volume": "v", "path": "/a"}, {"volume": "w", "path": "/b"}]}, "config.mounts"),
        ({"files": [{"raw_value": "aGk="}]}, "config.files.0.guest_path"),
    ],
)
async def test_problems_name_their_place_and_never_the_value(
    client: Client, operator: dict[str, str], config: dict[str, object], place: str
) -> None:
    body = {"config": {**config, "image": "secret-registry/x"}}
    async with client.post(MACHINES, json=body, headers=operator) as response:
        assert response.status == 400
        problems = (await response.json())["problems"]
    assert len(problems) == 1
    assert problems[0].startswith(place)
    assert "secret-registry" not in problems[0]


async def test_all_problems_are_told_at_once(client: Client, operator: dict[str, str]) -> None:
    body = {"name": "Not A Name", "region": 7, "config": {"guest": {"cpus": -1, "memory_mb": 0}}}
    async with client.post(MACHINES, json=body, headers=operator) as response:
        problems = (await response.json())["problems"]
    assert len(problems) == 4


@pytest.mark.parametrize(
    "body",
    [{"region": "arn", "size_mb": 1}, {"name": "d", "region": "arn"}, {"name": "", "region": "", "size_gb": 0}],
)
async def test_volumes_want_a_name_a_region_and_a_size(
    client: Client, operator: dict[str, str], body: dict[str, object]
) -> None:
    async with client.post("/v1/apps/db/volumes", json=body, headers=operator) as response:
        assert response.status == 400


async def test_a_body_beyond_one_mebibyte_is_413(client: Client, operator: dict[str, str]) -> None:
    body = json.dumps({"config": {"env": {"A": "x" * 1_100_000}}})
    async with client.post(MACHINES, data=io.BytesIO(body.encode()), headers=operator) as response:
        assert response.status == 413
        assert "error" in await response.json()


@pytest.mark.parametrize("app", ["Web", "-web", "we%20b", "w" * 64, "%00", "..%2f.."])
async def test_apps_have_plain_names(client: Client, operator: dict[str, str], app: str) -> None:
    async with client.post(f"/v1/apps/{app}/machines", json={"config": {}}, headers=operator) as response:
        assert response.status in (400, 404)
        assert "error" in await response.json()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nowhere", 404),
        ("/v1/apps/web/machines/0000/events", 404),
        ("/sd/unknown", 404),
        ("/v1/explain/nothing", 404),
        ("/v1/join-tokens", 405),
        ("/v1/decisions?limit=0", 400),
        ("/v1/decisions?limit=1001", 400),
        ("/v1/decisions?limit=²", 400),
        ("/v1/decisions?limit=" + "9" * 5000, 400),
        ("/internal/state?since=-1", 400),
        ("/internal/state?since=99999999999999999999", 400),
        ("/v1/apps/web/machines?include_deleted=perhaps", 400),
    ],
)
async def test_reads_never_fail_with_a_traceback(
    client: Client, operator: dict[str, str], path: str, status: int
) -> None:
    async with client.get(path, headers=operator) as response:
        assert response.status == status
        text = await response.text()
    assert "Traceback" not in text
    assert set(json.loads(text)) >= {"error", "status"}


async def test_a_bug_is_500_logged_once_without_its_words(
    client: Client, control: FakeControl, operator: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    control.fails_with = KeyError("swordfish")
    with caplog.at_level(logging.ERROR):
        async with client.post(MACHINES, json={"config": {}}, headers=operator) as response:
            assert (response.status, await response.json()) == (500, {"error": "internal", "status": "internal"})
    assert len(caplog.records) == 1
    assert "KeyError" in caplog.text
    assert "swordfish" not in caplog.text
