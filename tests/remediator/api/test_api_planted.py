"""Secrets planted all over a machine's config, looked for in everything that is told or written of it."""

import asyncio
import json
import logging
import tempfile
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remediator.journal.opening import open_journal
from remediator.model.machine import Machine
from remediator.model.request import Operation
from remediator.runtime.people.owners import Owners
from remediator.telemetry import Reading, Telemetry
from remediator.wire.scrub import scrubbed
from remediator.wire.sealing import open_config
from tests.remediator.api.tenants_town import OPERATOR, Town, opened_town
from tests.remediator.builders import dead
from tests.remediator.runtime.lab import Lab, record

MARK = "s3cr3t-"
# Keys that a config has, those that hide something by another name, and whatever may be invented tomorrow.
WORDS = (
    "env files init processes cmd raw_value token headers path image guest services checks metadata mounts metrics "
    "dns statics containers secrets new_field tls_options"
)
KEYS = st.sampled_from(WORDS.split())
LEAVES = st.just(MARK) | st.integers(0, 9) | st.booleans() | st.none()
EXTRA = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4))
# As an honest client would send them, each with a secret in it.
ENV = {"env": {"TOKEN": MARK}, "init": {"exec": ["run", MARK]}, "files": [{"guest_path": "/k", "raw_value": MARK}]}
CHECKED = {
    "checks": {"http": {"type": "http", "path": f"/health?key={MARK}", "headers": [{"name": "A", "values": [MARK]}]}}
}
# What is checked at the border must be of its kind; everything else may be anything.
FREE = (
    "processes",
    "token",
    "headers",
    "metrics",
    "dns",
    "statics",
    "containers",
    "secrets",
    "new_field",
    "services",
)


def numbered(value: Any, counted: "count[int]") -> Any:
    """The same, each secret one of its own."""
    if isinstance(value, dict):
        return {key: numbered(inner, counted) for key, inner in value.items()}
    if isinstance(value, list):
        return [numbered(inner, counted) for inner in value]
    return value.replace(MARK, f"{MARK}{next(counted)}.") if isinstance(value, str) else value


def planted(value: Any) -> set[str]:
    """Every secret that is in it."""
    return {f"{MARK}{part.partition('.')[0]}." for part in json.dumps(value).split(MARK)[1:]}


def agent(lab: Lab, asked: Operation) -> dict[str, Any]:
    config = open_config(asked.args["sealed_config"], lab.keys[asked.host])
    told = {name: asked.args[name] for name in ("app", "name", "region", "instance_id", "digest", "volumes")}
    return {"record": record(asked.machine, scrubbed=scrubbed(config), config=config, **told)}


async def launched(town: Town, token: str, config: dict[str, Any]) -> tuple[str, str]:
    """The machine's id, and all that was answered."""
    asking = asyncio.create_task(
        town.ask(token, "POST", "/v1/apps/web/machines", {"config": config, "region": "arn"})
    )
    while not asking.done():
        await town.lab.send("h1")
        await asyncio.sleep(0.001)
    status, told = await asking
    assert status == 200, told
    return str(json.loads(told)["id"]), told


async def all_told(town: Town, token: str, name: str) -> str:
    """Every read there is, as that token is answered."""
    paths = [
        pattern.replace("{app}", "web").replace("{org}", "acme").replace("{id}", name) for pattern in town.reads()
    ]
    return "".join([(await town.get(token, path))[1] for path in paths if "wait" not in path])


def written(folder: Path) -> str:
    return b"".join(file.read_bytes() for file in folder.glob("journal.db*")).decode("latin-1")


async def looked_for(config: dict[str, Any], folder: Path) -> None:
    lab = Lab(lambda asked: agent(lab, asked), open_journal(folder))
    lab.ledger.before_commit.append(Owners(lab.ledger, {"*": "owners"}, lab.clock))
    await lab.enrol("h1")
    page = Telemetry("0", lambda: Reading(0.0)).page
    async with opened_town(folder, lab=lab) as town:
        mine, other = await town.token("mine"), await town.token("other", org="globex")
        secrets = planted(config)
        assert secrets
        name, answered = await launched(town, mine, config)
        held = lab.ledger.get(Machine, name)
        assert held is not None
        shown = planted(held.config)
        # All that the owner sent is shown to the owner, and only what is on the list is kept.
        assert secrets <= planted(json.loads(answered)["config"])
        assert shown == planted(scrubbed(config))
        hidden = [*(secrets - shown), mine, other, OPERATOR]
        told = {"nobody": await all_told(town, "", name), "other": await all_told(town, other, name)}
        # A body that is refused is not quoted.
        bad = {"config": config | {"guest": {"cpus": [MARK]}}, "name": [*secrets]}
        told["refused"] = (await town.ask(mine, "POST", "/v1/apps/web/machines", bad))[1]
        await lab.put(dead("h1"))
        # Its owner is called; what is said goes by the journal.
        assert [each.verb for each in lab.ledger.all(Operation).values() if each.args.get("to") == "owners"]
        for who, token in (("owner", mine), ("operator", OPERATOR)):
            told[f"dead, {who}"] = await all_told(town, token, name)
        told["metrics"] = page().decode()
        await town.tenants.audit.flush()
    told["journal"] = written(folder)
    assert name in told["journal"]
    for where, text in told.items():
        assert not [secret for secret in hidden if secret in text], where


@pytest.mark.slow
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(extra=st.dictionaries(st.sampled_from(FREE), EXTRA, max_size=4))
def test_what_is_not_on_the_list_is_told_to_nobody_and_written_nowhere(
    extra: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    config = numbered({**extra, **ENV, **CHECKED}, count())
    caplog.clear()
    with caplog.at_level(logging.DEBUG), tempfile.TemporaryDirectory() as folder:
        asyncio.run(looked_for(config, Path(folder)))
    assert MARK not in caplog.text


@given(config=st.dictionaries(KEYS, EXTRA, max_size=6))
@settings(max_examples=40, deadline=None)
def test_no_secret_outlives_the_list_however_it_is_hidden(config: dict[str, Any]) -> None:
    kept = scrubbed(numbered(config, count()))
    for key in ("env", "files", "init", "processes", "cmd", "token", "secrets", "new_field", "containers"):
        assert key not in kept
    assert scrubbed(kept) == kept
