"""`fleetmend deploy` against a real listener: what is cut short is told, and a second run goes on where it ended."""

import argparse
import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from remediator.api.fakes.control import FakeControl
from remediator.api.public import build_public_app
from remediator.api.requests import RequestCounter
from remediator.api.settings import PublicSettings
from remediator.commands import deploy, machines, scale
from remediator.commands import machine as one_machine
from remediator.engine.machines.refusals import Refused, no_room, precondition
from remediator.model.machine import Event, Machine, MachineState, Recovery
from remediator.model.request import Destroy
from tests.remediator.builders import NOON, dead, fleet, host, machine

CONFIG = {"image": "web:1", "env": {"A": "1"}, "guest": {"cpus": 1, "memory_mb": 256}}


class Stubborn(FakeControl):
    """Refuses what a test says, until it says otherwise."""

    launches: Refused | None = None
    destroys: Refused | None = None

    async def create_machine(self, ask: Any) -> Machine:
        if self.launches:
            raise self.launches
        return await super().create_machine(ask)

    async def destroy_machine(self, machine_id: str, **how: Any) -> Destroy:
        if self.destroys:
            raise self.destroys
        return await super().destroy_machine(machine_id, **how)


@pytest.fixture
def control() -> Stubborn:
    """A healthy machine m1, and m2 on a host that is dead."""
    world = fleet(host("h1"), dead("h2"), machine("m1"), machine("m2", on="h2", config={"guest": CONFIG["guest"]}))
    return Stubborn(NOON, world, {"m1": CONFIG})


@pytest.fixture
async def flags(control: Stubborn, tmp_path: Path) -> AsyncIterator[list[str]]:
    app = build_public_app(
        control,
        PublicSettings(),
        operator_token="right",
        requests=RequestCounter(lambda: 0.0),
        metrics_text=bytes,
    )
    (tmp_path / "operator.token").write_text("right\n")
    async with TestServer(app) as server:
        yield ["--app", "web", "--url", str(server.make_url("")), "--data", str(tmp_path)]


async def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    subparsers = parser.add_subparsers(required=True)
    for module in (deploy, machines, one_machine, scale):
        module.add_parser(subparsers)
    args = parser.parse_args(words)
    code = await asyncio.to_thread(args.run, args)
    assert isinstance(code, int)
    return code


async def deployed(flags: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, str]]:
    """The exit code, and what became of each machine."""
    code = await run("deploy", "--env", "B=2", "--json", *flags)
    return code, {each["id"]: each["outcome"] for each in json.loads(capsys.readouterr().out)}


async def test_one_on_a_dead_host_is_replaced_and_the_others_are_updated(
    flags: list[str], control: Stubborn, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = await deployed(flags, capsys)
    assert code == 0
    new = next(each for each in control.world.machines if each not in ("m1", "m2"))
    assert told == {"m2": f"replaced by {new}", "m1": "updated"}
    assert control.configs[new]["env"] == control.configs["m1"]["env"] == {"A": "1", "B": "2"}
    assert [each[0] for each in control.asked] == ["m2"]
    assert await deployed(flags, capsys) == (0, {"m1": "as wanted", new: "as wanted"})


async def test_what_was_stopped_stays_stopped(flags: list[str], control: Stubborn) -> None:
    stopped = {key: replace(each, state=MachineState.STOPPED) for key, each in control.world.machines.items()}
    control.world = replace(control.world, machines=stopped)
    assert await run("deploy", "--env", "B=2", *flags) == 0
    alive = [each.state for each in control.world.machines.values() if each.alive]
    assert alive == [MachineState.STOPPED, MachineState.CREATED]


async def test_a_launch_that_fails_is_told_and_nothing_was_lost(
    flags: list[str], control: Stubborn, capsys: pytest.CaptureFixture[str]
) -> None:
    control.launches = no_room("no host has 256 MB")
    code, told = await deployed(flags, capsys)
    assert code == 1
    assert told["m2"].startswith("failed: the remediator answers 409: aborted: could not reserve resource")
    assert told["m1"] == "not begun"
    assert control.asked == []


async def test_a_destroy_that_fails_is_made_up_for_by_the_next_deploy(
    flags: list[str], control: Stubborn, capsys: pytest.CaptureFixture[str]
) -> None:
    control.destroys = precondition("not now")
    assert (await deployed(flags, capsys))[0] == 1
    control.destroys = None
    new = next(each for each in control.world.machines if each not in ("m1", "m2"))
    code, told = await deployed(flags, capsys)
    assert (code, told["m2"]) == (0, f"destroyed: {new} serves in its place")
    assert len(control.world.machines) == 3


async def test_a_machine_that_is_not_there_is_not_destroyed(
    flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for force in ([], ["--force"]):
        assert await run("machine", "destroy", "m9", *force, *flags) == 2
        assert "404: not_found: machine not found" in capsys.readouterr().err


async def test_a_bad_config_changes_nothing_and_is_found_in_its_file(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "machine.json"
    file.write_text('{"guest":\n  {"cpus": "many"}}')
    for command in (["deploy"], ["scale", "count", "2"]):
        assert await run(*command, "--config", str(file), *flags) == 2
        told = capsys.readouterr()
        assert told.out == ""
        assert told.err.startswith(f"fleetmend: {file}:2:12: guest.cpus: ")


async def test_a_list_of_ones_own_machines_marks_the_lost_and_says_what_became_of_them(
    flags: list[str], control: Stubborn, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = control.world.machines["m2"].recovering(Recovery.PLACED, "being recreated on h1", NOON)
    lost = lost.noted(Event(NOON, "host", "unreachable", "fleetmend", "its host h2 is lost"))
    control.world = replace(control.world, machines={**control.world.machines, "m2": lost})
    assert await run("machines", "list", *flags) == 0
    heading, well, row, *rest = capsys.readouterr().out.splitlines()
    assert heading.split()[:3] == ["ID", "NAME", "STATE"]
    assert (well.split()[0], row.split()[0], row.endswith("being recreated on h1")) == ("m1", "m2*", True)
    assert rest == ["", "* These machines' hosts could not be reached."]
