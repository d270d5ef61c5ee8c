"""Real machines under a real agent: they answer, survive it, come back, and end when they must."""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from remediator.agent.trial import Trial, answer_of, on_trial, running, serving
from tests.remediator.agent.waiting import comes_true

pytestmark = pytest.mark.slow


@pytest.fixture
async def host() -> AsyncIterator[Trial]:
    async with on_trial() as trial:
        yield trial


def uid_of(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


async def test_a_machine_is_created_and_answers(host: Trial) -> None:
    config = serving()
    result = await host.create("m1", config)
    record = result["value"]["record"]
    assert (record["state"], record["config"], record["sealed"]) == ("started", config, None)
    assert 20_000 <= record["port"] <= 20_999
    assert await answer_of(record["port"]) == "m1"
    assert "env" not in record["scrubbed"]
    assert config["env"]["SECRET"] not in host.log


async def test_machines_live_through_their_agents_crash(host: Trial) -> None:
    record = (await host.create("m1", serving()))["value"]["record"]
    assert await answer_of(record["port"]) == "m1"
    await host.end(signal.SIGKILL)
    assert await answer_of(record["port"]) == "m1"
    host.fake.machines.clear()
    await host.start()
    again = await host.until("m1", state="started")
    assert (again["pid"], again["port"]) == (record["pid"], record["port"])
    assert host.processes("m1") == {record["pid"]}


async def test_an_upgrade_touches_no_machine(host: Trial) -> None:
    record = (await host.create("m1", serving()))["value"]["record"]
    assert await host.end(signal.SIGTERM) == 0
    assert await answer_of(record["port"]) == "m1"
    assert host.processes("m1") == {record["pid"]}


async def test_an_adopted_machine_is_still_supervised(host: Trial) -> None:
    record = (await host.create("m1", running("exec sleep 600", restart={"policy": "always"})))["value"]["record"]
    await host.end(signal.SIGKILL)
    await host.start()
    os.kill(record["pid"], signal.SIGKILL)
    await host.fake.until(lambda: host.fake.machines["m1"]["pid"] not in (0, record["pid"]))
    assert host.processes("m1") == {host.fake.machines["m1"]["pid"]}


async def test_a_new_life_of_the_host_starts_what_should_run(host: Trial) -> None:
    record = (await host.create("m1", serving()))["value"]["record"]
    await host.create("m2", running("exec sleep 600"))
    await host.send("stop", machine_id="m2")
    await host.end(signal.SIGKILL)
    for pid in host.processes("m1"):
        os.kill(pid, signal.SIGKILL)
    host.boot_id = "another-life"
    await host.start()
    again = await host.until("m1", state="started")
    assert again["pid"] != record["pid"]
    assert await answer_of(again["port"]) == "m1"
    assert host.fake.machines["m2"]["state"] == "stopped"


async def test_a_failing_machine_is_restarted_until_its_retries_are_used_up(host: Trial) -> None:
    config = running("echo x >> tries; exit 3", restart={"policy": "on-failure", "max_retries": 2})
    await host.create("m1", config)
    record = await host.until("m1", state="failed")
    assert record["exit_code"] == 3
    assert (host.data / "disk/machines/m1/tries").read_text().split() == ["x"] * 3


async def test_a_machine_that_ends_well_stays_stopped(host: Trial) -> None:
    await host.create("m1", running("exit 0"))
    record = await host.until("m1", state="stopped")
    assert (record["exit_code"], record["desired"]) == (0, "stopped")


async def test_stop_is_polite_then_certain(host: Trial) -> None:
    await host.create("kind", running("trap 'echo bye > said; exit 0' TERM; : > hears; sleep 600 & wait"))
    deaf = running("trap '' TERM; : > hears; while :; do sleep 1; done", stop_config={"timeout": "300ms"})
    await host.create("deaf", deaf)
    for machine in ("kind", "deaf"):
        await comes_true((host.data / "disk/machines" / machine / "hears").exists)
        result = await host.send("stop", machine_id=machine)
        assert result["value"]["record"]["state"] == "stopped"
        assert host.processes(machine) == set()
    assert (host.data / "disk/machines/kind/said").read_text() == "bye\n"
    assert (await host.send("start", machine_id="kind"))["value"]["record"]["state"] == "started"


async def test_destroy_ends_every_process_and_the_directory(host: Trial) -> None:
    await host.create("m1", running("setsid sleep 600 & setsid env -i sleep 600 & sleep 600"))
    await comes_true(lambda: len(host.processes("m1")) >= 2)
    assert (await host.send("destroy", machine_id="m1"))["value"] == {"absent": True}
    await host.fake.until(lambda: "m1" in host.fake.absent)
    assert host.processes("m1") == set()
    assert not (host.data / "disk/machines/m1").exists()
    assert (await host.send("destroy", machine_id="m1"))["value"] == {"absent": True}


@pytest.mark.parametrize("path", ["/../escape", "/app/../../escape", ".."])
async def test_a_path_that_leads_out_is_refused(host: Trial, path: str) -> None:
    config = running("sleep 600", files=[{"guest_path": path, "raw_value": "aHVudGVyMg=="}])
    result = await host.create("m1", config)
    assert (result["ok"], result["error"]) == (False, "permanent")
    assert "beneath" in result["text"]
    assert "m1" not in host.fake.machines
    assert not (host.data / "disk/escape").exists()


async def test_a_link_that_leads_out_is_not_followed(host: Trial) -> None:
    outside = host.root / "outside"
    outside.mkdir()
    config = running(f"ln -s {outside} trap; exec sleep 600", files=[])
    await host.create("m1", config)
    await comes_true((host.data / "disk/machines/m1/trap").is_symlink)
    await host.send("destroy", machine_id="m1")
    config["files"] = [{"guest_path": "/trap/x", "raw_value": "aGk="}]
    folder = host.data / "disk/machines/m2"
    folder.mkdir()
    (folder / "trap").symlink_to(outside)
    assert not (await host.create("m2", config))["ok"]
    assert list(outside.iterdir()) == []


async def test_a_program_that_is_not_there_leaves_nothing_behind(host: Trial) -> None:
    result = await host.create("m1", {"init": {"exec": ["/no/such/program", "--password=hunter2"]}})
    assert (result["error"], "cannot be started" in result["text"]) == ("permanent", True)
    assert "hunter2" not in host.log
    assert not (host.data / "disk/machines/m1").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="uids of their own need root")
async def test_each_machine_has_a_uid_of_its_own(host: Trial) -> None:
    for machine in ("m1", "m2"):
        await host.create(machine, running("exec sleep 600"))
    uids = {(host.data / "disk/machines" / machine).stat().st_uid for machine in ("m1", "m2")}
    assert len(uids) == 2
    assert min(uids) >= 200_000
    (pid,) = host.processes("m1")
    assert uid_of(pid) in uids


GROUPS = Path("/sys/fs/cgroup/memory")


@pytest.mark.skipif(not os.access(GROUPS / "cgroup.procs", os.W_OK), reason="needs a writable memory cgroup (v1)")
async def test_a_machine_runs_within_its_group(host: Trial) -> None:
    parent = GROUPS / f"fleetmend-test-{os.getpid()}"
    make_folder(parent)
    try:
        await host.end()
        host.flags = ["--cgroup", str(parent)]
        await host.start()
        record = (await host.create("m1", running("exec sleep 600")))["value"]["record"]
        group = parent / "m1"
        assert (group / "cgroup.procs").read_text().split() == [str(record["pid"])]
        assert int((group / "memory.limit_in_bytes").read_text()) == 64 << 20
        await host.send("destroy", machine_id="m1")
        assert not group.exists()
    finally:
        remove_groups(parent)


def make_folder(folder: Path) -> None:
    folder.mkdir()


def remove_groups(parent: Path) -> None:
    for group in (*parent.glob("*/"), parent):
        group.rmdir()
