"""The exporter before a real remediator's listener: what one tells, the other counts, in pages and whole."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from exporter.orchestrator.feed import build_fetch
from remediator.api.fakes.control import FakeControl
from remediator.api.fakes.fleet import troubled_control
from remediator.api.public import build_public_app
from remediator.api.requests import RequestCounter
from remediator.api.settings import PublicSettings
from remediator.api.tenants.tenancy import Tenancy
from remediator.model.machine import MachineState
from tests.exporter.test_exporter_orchestrator import Page

NOW = datetime(2026, 8, 10, 3, 12, 5, tzinfo=UTC)


@pytest.fixture
def control() -> FakeControl:
    return troubled_control(NOW)


@pytest.fixture
async def url(control: FakeControl) -> AsyncIterator[str]:
    requests = RequestCounter(lambda: 0.0)
    requests.count("machines.list", "200", 0.3)
    app = build_public_app(
        control, PublicSettings(), operator_token="none", requests=requests, metrics_text=lambda: b""
    )
    async with TestServer(app) as server:
        yield str(server.make_url("/")).rstrip("/")


async def test_pages_and_whole_answers_make_the_same_page(url: str) -> None:
    fetch = build_fetch(url)
    followed = Page(fetch)
    # The version before ours asks without naming an incarnation.
    old = Page(lambda path: fetch(path.partition("&")[0]))
    page = await asyncio.to_thread(followed.read)
    assert page["fleetmend_orchestrator_up{}"] == 1
    assert len(page) > 100
    assert await asyncio.to_thread(old.read) == page
    assert await asyncio.to_thread(old.read, 1) == await asyncio.to_thread(followed.read, 1)


async def test_a_token_is_shown_where_one_is_asked_for(control: FakeControl, tmp_path: Path) -> None:
    asked = PublicSettings(tenancy=Tenancy(onlookers="nobody"))
    requests = RequestCounter(lambda: 0.0)
    app = build_public_app(control, asked, operator_token="shown", requests=requests, metrics_text=lambda: b"")
    async with TestServer(app) as server:
        url = str(server.make_url("/")).rstrip("/")
        with pytest.raises(ValueError, match="answered 401"):
            await asyncio.to_thread(build_fetch(url), "/internal/state")
        (tmp_path / "token").write_text("shown\n")
        assert await asyncio.to_thread(build_fetch(url, token_file=tmp_path / "token"), "/internal/state")


async def test_a_change_there_is_a_change_here(url: str, control: FakeControl) -> None:
    page = Page(build_fetch(url))
    before = await asyncio.to_thread(page.read)
    machine = next(each for each in control.world.machines.values() if each.state is MachineState.STARTED)
    stopped = replace(machine, state=MachineState.STOPPED)
    control.world = replace(control.world, machines={**control.world.machines, machine.id: stopped})
    after = await asyncio.to_thread(page.read, 1)
    name = "fleetmend_machine_info{app=%s,host=%s,machine=%s,region=%s,state=%s}"
    where = (machine.app, machine.host, machine.id, machine.region)
    assert name % (*where, "started") in set(before) - set(after)
    assert name % (*where, "stopped") in set(after) - set(before)


async def test_api_durations_are_a_histogram(url: str) -> None:
    page = await asyncio.to_thread(Page(build_fetch(url)).read)
    name = "fleetmend_api_request_duration_seconds_bucket{le=%s,operation=machines.list,version=0.1.0}"
    assert [page[name % bound] for bound in ("0.25", "0.5", "+Inf")] == [0, 1, 1]
