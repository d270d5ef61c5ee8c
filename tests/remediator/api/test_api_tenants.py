"""Tokens and tenants: what each may reach, and that nobody learns what is another's."""

import hmac
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from remediator.model.token import Access, ApiToken
from remediator.wire.tokens import PREFIX
from tests.remediator.api.tenants_town import OPERATOR, Town, opened_town
from tests.remediator.builders import NOON, machine

MAKE = {"name": "ci", "access": "write", "organisation": "acme"}


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with opened_town(tmp_path) as opened:
        yield opened


async def made(town: Town, **more: Any) -> dict[str, Any]:
    status, told = await town.ask(OPERATOR, "POST", "/v1/tokens", MAKE | more)
    assert status == 201, told
    doc: dict[str, Any] = json.loads(told)
    return doc


async def test_a_token_is_told_once_and_kept_as_its_digest_alone(town: Town) -> None:
    secret = (await made(town))["token"]
    assert secret.startswith(PREFIX)
    assert len(secret) > len(PREFIX) + 42
    (row,) = town.lab.ledger.all(ApiToken).values()
    kept = repr(
        (town.lab.journal.rows(), town.lab.journal.entries("token", 10), town.lab.journal.entries("audit", 10))
    )
    assert row.digest in kept
    assert secret not in kept
    _, listed = await town.get(OPERATOR, "/v1/tokens")
    assert secret not in listed
    assert row.digest not in listed


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "FlyV1"])
async def test_both_schemes_of_the_machines_api_are_taken(town: Town, scheme: str) -> None:
    secret = await town.token("ci")
    status, told = await town.get("", "/v1/apps/web/machines/a1", Authorization=f"{scheme} {secret}")
    assert status == 200
    assert json.loads(told)["config"] == {"env": {"KEY": "acme-secret"}}


async def test_a_token_ends_with_its_time_and_with_its_revocation(town: Town) -> None:
    short = (await made(town, name="short", expires_seconds=60))["token"]
    gone = await made(town, name="gone")
    path = "/v1/apps/web/machines"
    assert [(await town.get(each, path))[0] for each in (short, gone["token"])] == [200, 200]
    town.lab.wait(60)
    assert (await town.get(short, path))[0] == 401
    assert (await town.ask(OPERATOR, "DELETE", f"/v1/tokens/{gone['id']}"))[0] == 200
    assert (await town.get(gone["token"], path))[0] == 401
    assert (await town.ask(OPERATOR, "DELETE", "/v1/tokens/gone"))[0] == 404
    _, listed = await town.get(OPERATOR, "/v1/tokens")
    assert [(each["name"], each["expired"]) for each in json.loads(listed)] == [("short", True)]


async def test_when_a_token_was_used_is_known_to_the_hour(town: Town) -> None:
    secret = await town.token("ci")
    await town.get(secret, "/v1/tokens/current")
    await town.tenants.tokens.flush()
    town.lab.wait(59 * 60)
    await town.get(secret, "/v1/tokens/current")
    await town.tenants.tokens.flush()
    (row,) = town.lab.ledger.all(ApiToken).values()
    assert row.used_at == NOON
    town.lab.wait(60)
    await town.get(secret, "/v1/tokens/current")
    await town.tenants.tokens.flush()
    assert town.lab.ledger.all(ApiToken)[row.id].used_at == NOON + timedelta(hours=1)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"name": ""}, "name"),
        ({"access": "root"}, "access"),
        ({"organisation": ""}, "needs an organisation"),
        ({"access": "operator"}, "belongs to no organisation"),
        ({"expires_seconds": 0}, "expires_seconds"),
        ({"expires_seconds": 1e12}, "expires_seconds"),
    ],
)
async def test_a_token_that_makes_no_sense_is_refused(town: Town, body: dict[str, Any], place: str) -> None:
    status, told = await town.ask(OPERATOR, "POST", "/v1/tokens", MAKE | body)
    assert (status, place in told) == (400, True)


async def test_a_name_is_one_token_s(town: Town) -> None:
    await made(town)
    status, told = await town.ask(OPERATOR, "POST", "/v1/tokens", MAKE)
    assert (status, json.loads(told)["status"]) == (422, "name_taken")


async def test_what_each_access_may_do(town: Town) -> None:
    access = {each.value: await town.token(each.value, each) for each in Access}
    acme = [("GET", "/v1/apps/web/machines"), ("DELETE", "/v1/apps/web/machines/a2?force=true")]
    fleet = [("GET", "/v1/status"), ("GET", "/v1/tokens"), ("POST", "/v1/people/hold")]
    seen = {
        name: [(await town.ask(secret, method, path, {}))[0] for method, path in (*acme, *fleet)]
        for name, secret in access.items()
    }
    assert seen == {
        "read": [200, 403, 403, 403, 403],
        "write": [200, 200, 403, 403, 403],
        "monitor": [403, 403, 200, 403, 403],
        "operator": [200, 200, 200, 200, 400],
    }


async def test_a_token_of_one_app_reaches_no_other_of_its_organisation(town: Town) -> None:
    secret = await town.token("other", app="shop")
    assert (await town.get(secret, "/v1/apps/web/machines"))[0] == 404
    assert (await town.get(await town.token("mine", app="web"), "/v1/apps/web/machines"))[0] == 200


# What another tenant owns, and the same place with what nobody owns.
FOREIGN = {"app": ("vault", "nowhere"), "org": ("globex", "nobody"), "id": ("g1", "x1"), "job": ("host", "nought")}


def filled(pattern: str, which: int, app: str = "") -> str:
    parts = []
    for part in pattern.split("/"):
        name = part.strip("{}")
        if not part.startswith("{"):
            parts.append(part)
        elif name.startswith("app") and app:
            parts.append(app)
        else:
            kind = "app" if name.startswith("app") else "org" if name.startswith("org") else name
            pair = ("vg", "v1") if kind == "id" and "volumes" in pattern else FOREIGN.get(kind, ("g1", "x1"))
            parts.append(pair[which])
    return "/".join(parts)


def without_names(text: str) -> str:
    for names in (*FOREIGN.values(), ("vg", "v1")):
        for name in names:
            text = text.replace(f"'{name}'", "'…'").replace(f'"{name}"', '"…"').replace(f" {name} ", " … ")
    return text


async def test_what_is_another_s_answers_as_what_is_not_there(town: Town) -> None:
    secret = await town.token("acme")
    compared = 0
    for pattern in town.reads():
        for app in ("", "web"):
            pair = [await town.get(secret, filled(pattern, which, app)) for which in (0, 1)]
            (status, told), (missing, said) = pair
            assert (status, without_names(told)) == (missing, without_names(said)), pattern
            compared += "{" in pattern
    assert compared > 20


async def test_no_read_tells_a_tenant_a_word_of_another(town: Town) -> None:
    secret = await town.token("acme")
    tokens = {"globex-ci": await town.token("globex-ci", org="globex")}
    words = ("vault", "globex", "g1", "g2", "vg", "svg", *tokens)
    for pattern in town.reads():
        for app, which in (("web", 1), ("web", 0), ("", 0)):
            path = filled(pattern, which, app)
            status, told = await town.get(secret, path)
            asked = [part for part in path.split("/") if part in words]
            found = [word for word in words if f'"{word}"' in told or f"({word})" in told]
            assert not set(found) - set(asked) or status in (401, 403, 404), (path, status, told)


async def test_nor_does_a_write_tell_what_is_another_s_from_what_is_not_there(town: Town) -> None:
    secret = await town.token("acme")
    before, compared = town.lab.ledger.sequence, 0
    for method, pattern in town.endpoints():
        if method in ("GET", "HEAD") or "{" not in pattern:
            continue
        for app in ("", "web"):
            pair = [await town.ask(secret, method, filled(pattern, which, app), {}) for which in (0, 1)]
            (status, told), (missing, said) = pair
            assert (status, without_names(told)) == (missing, without_names(said)), (method, pattern)
            compared += status in (400, 404)
    assert compared > 40
    await town.tenants.audit.flush()
    # The audit of what was refused is all that was written.
    assert town.lab.ledger.sequence == before + 1


WRITES = [
    ("POST", "/v1/apps/vault/machines", {"config": {"image": "x"}}),
    ("DELETE", "/v1/apps/vault/machines/g2?force=true", None),
    ("DELETE", "/v1/apps/web/machines/g2?force=true", None),
    ("POST", "/v1/apps/web/machines/g1/stop", {}),
    ("POST", "/v1/apps/vault/volumes", {"name": "x", "region": "arn", "size_gb": 1}),
    ("POST", "/v1/apps/web/volumes", {"name": "x", "region": "arn", "size_gb": 1, "snapshot_id": "svg"}),
    ("POST", "/v1/apps/web/volumes/vg/snapshots", {}),
    ("DELETE", "/v1/apps/web/volumes/vg", None),
]


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
async def test_no_write_reaches_another_s(town: Town, method: str, path: str, body: Any) -> None:
    secret = await town.token("acme")
    before = town.lab.ledger.sequence
    status, told = await town.ask(secret, method, path, body)
    assert status == 404, told
    assert town.lab.ledger.sequence == before


async def test_an_app_that_another_s_machines_make_cannot_be_created(town: Town) -> None:
    await town.lab.put(machine("p1", "h1", app="implied"))
    for name in ("implied", "vault"):
        status, told = await town.ask(await town.token(name), "POST", "/v1/apps", {"app_name": name})
        assert (status, json.loads(told)["status"]) == (422, "name_taken")
    status, _ = await town.ask(
        await town.token("new"), "POST", "/v1/apps", {"app_name": "fresh", "org_slug": "globex"}
    )
    assert status == 404
    assert (await town.ask(await town.token("own"), "POST", "/v1/apps", {"app_name": "fresh"}))[0] == 201
    assert (await town.get(await town.token("seen"), "/v1/apps/fresh"))[0] == 200
    _, listed = await town.get(await town.token("list"), "/v1/apps")
    assert [each["name"] for each in json.loads(listed)["apps"]] == ["fresh", "web"]


async def test_a_mount_of_another_s_volume_is_a_mount_of_none(town: Town) -> None:
    secret = await town.token("acme")
    answers = []
    for name in ("vg", "v1"):
        body = {"config": {"image": "x", "mounts": [{"volume": name, "path": "/data"}]}}
        status, told = await town.ask(secret, "POST", "/v1/apps/web/machines", body)
        answers.append((status, told.replace(name, "…")))
    assert answers[0] == answers[1]
    assert answers[0][0] >= 400


async def test_its_own_machine_is_explained_to_a_tenant_and_nothing_of_its_host(town: Town) -> None:
    secret = await town.token("acme")
    status, told = await town.get(secret, "/v1/explain/a1")
    doc = json.loads(told)
    assert (status, doc["subject"], doc["accounts"]) == (200, "a1", [])
    assert "h1" not in told
    assert (await town.get(secret, "/v1/explain/h1"))[0] == 404


async def test_onlookers_are_those_on_the_loopback(town: Town) -> None:
    assert (await town.get("", "/v1/status"))[0] == 200
    # A proxy on our own host says for whom it asks.
    assert (await town.get("", "/v1/status", **{"X-Forwarded-For": "10.1.2.3"}))[0] == 401
    assert (await town.get("", "/healthz", **{"X-Forwarded-For": "10.1.2.3"}))[0] == 200
    assert (await town.get("", "/v1/status", **{"Fleetmend-Forwarded": "b"}))[0] == 401
    assert (await town.get("", "/v1/status", **{"Fleetmend-Forwarded": "b", "Fleetmend-Onlooker": "x"}))[0] == 401
    mark = hmac.digest(OPERATOR.encode(), b"onlooker", "sha256").hex()
    assert (await town.get("", "/v1/status", **{"Fleetmend-Forwarded": "b", "Fleetmend-Onlooker": mark}))[0] == 200


async def test_where_nobody_looks_on_everything_needs_a_token(tmp_path: Path) -> None:
    async with opened_town(tmp_path, onlookers="nobody") as town:
        free = {pattern for pattern in town.reads() if (await town.get("", filled(pattern, 1)))[0] != 401}
    assert free == {"/healthz", "/readyz", "/v1/journal/head", "/openapi.json"}


async def test_one_s_own_token_tells_what_it_may(town: Town) -> None:
    secret = await town.token("ci", app="web")
    _, told = await town.get(secret, "/v1/tokens/current")
    (one,) = json.loads(told)["tokens"]
    assert (one["org_slug"], one["apps"], one["user"]) == ("acme", ["web"], "ci")
    assert secret not in told


async def test_every_answer_has_an_id_and_no_library_s_name(town: Town) -> None:
    seen = set()
    for path in ("/healthz", "/nowhere", "/v1/apps/web/machines", "/v1/status"):
        async with town.client.get(path) as response:
            seen.add(response.headers["fly-request-id"])
            assert response.headers["Server"] == "fleetmend"
    assert len(seen) == 4


async def test_the_audit_tells_refused_writes_and_not_those_of_strangers(town: Town) -> None:
    await town.ask(await town.token("eyes", Access.READ), "DELETE", "/v1/apps/web/machines/a1")
    await town.ask("fleetmend_unknown", "DELETE", "/v1/apps/web/machines/a1")
    await town.ask("", "POST", "/-/reload")
    _, told = await town.get(OPERATOR, "/v1/audit")
    lines = [(line["who"], line["operation"], line["outcome"]) for line in json.loads(told)]
    assert ("eyes", "machines.destroy", "answered 403") in lines
    assert ("anyone", "POST /-/reload", "answered 500") in lines
    assert len(lines) == 2
