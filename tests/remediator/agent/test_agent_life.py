"""A real agent's verbs of a machine's life: another configuration, sleep, signals, and questions to its inside."""

import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from remediator.agent.trial import Trial, answer_of, on_trial, running, serving
from remediator.wire.sealing import digest, seal_config
from tests.remediator.agent.waiting import comes_true

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def host() -> AsyncIterator[Trial]:
    async with on_trial() as trial:
        yield trial


async def update(host: Trial, machine: str, config: dict[str, Any], instance: str, **more: Any) -> dict[str, Any]:
    box = seal_config(config, host.fake.agent_key(host.name))
    return await host.send(
        "update", machine_id=machine, instance_id=instance, sealed_config=box, digest=digest(config), **more
    )


def letter(pid: int) -> str:
    """The kernel's letter for what a process does; T is stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


async def test_an_update_keeps_the_id_and_runs_the_new_config(host: Trial) -> None:
    before = (await host.create("m1", serving()))["value"]["record"]
    new = serving(metadata={"recoverable": "true"})
    after = (await update(host, "m1", new, "i-2"))["value"]["record"]
    assert (after["id"], after["instance_id"], after["state"]) == ("m1", "i-2", "started")
    assert (after["pid"] != before["pid"], after["port"]) == (True, before["port"])
    assert (after["sealed"]["instance_id"], after["sealed"]["digest"]) == ("i-2", digest(new))
    assert await answer_of(after["port"]) == "m1"
    again = (await update(host, "m1", new, "i-2"))["value"]["record"]
    assert again["pid"] == after["pid"]
    stopped = (await update(host, "m1", running("sleep 600"), "i-3", start=False))["value"]["record"]
    assert (stopped["state"], stopped["sealed"], host.processes("m1")) == ("stopped", None, set())


async def test_what_cannot_be_is_refused_before_anything_stops(host: Trial) -> None:
    before = (await host.create("m2", running("exec sleep 600")))["value"]["record"]
    wrong = {"init": {}, "guest": {"memory_mb": 64}}, running("sleep 1", mounts=[{"volume": "v1", "path": "/d"}])
    for config in wrong:
        assert (await update(host, "m2", config, "i-2"))["error"] == "permanent"
    assert host.processes("m2") == {before["pid"]}


async def test_metadata_is_another_config_and_the_same_process(host: Trial) -> None:
    config = running("exec sleep 600")
    before = (await host.create("m3", config))["value"]["record"]
    wanted = {"recoverable": "true", "team": "a"}
    expected = digest({**config, "metadata": wanted})
    after = (await host.send("set_metadata", machine_id="m3", metadata=wanted, digest=expected))["value"]["record"]
    assert (after["pid"], after["instance_id"], after["scrubbed"]["metadata"]) == (before["pid"], "i-m3", wanted)
    assert (after["digest"], after["sealed"]["digest"]) == (expected, expected)
    refused = await host.send("set_metadata", machine_id="m3", metadata={}, digest="another")
    assert refused["error"] == "permanent"


async def test_suspended_is_stopped_where_it_is_and_goes_on_from_there(host: Trial) -> None:
    pid = (await host.create("m4", serving()))["value"]["record"]["pid"]
    suspended = (await host.send("suspend", machine_id="m4"))["value"]["record"]
    assert (suspended["state"], suspended["pid"]) == ("suspended", pid)
    # The kernel stops it when it next comes to run.
    await comes_true(lambda: letter(pid) == "T")
    # Its sleep outlives its agent.
    await host.end(signal.SIGKILL)
    await host.start()
    assert (host.fake.machines["m4"]["state"], letter(pid)) == ("suspended", "T")
    awake = (await host.send("start", machine_id="m4"))["value"]["record"]
    assert (awake["state"], awake["pid"]) == ("started", pid)
    assert await answer_of(awake["port"]) == "m4"


async def test_a_suspended_machine_hears_that_it_is_to_stop(host: Trial) -> None:
    await host.create("m5", running("trap 'echo bye > said; exit 0' TERM; : > hears; while :; do sleep 0.05; done"))
    await comes_true((host.data / "disk/machines/m5/hears").exists)
    await host.send("suspend", machine_id="m5")
    assert (await host.send("stop", machine_id="m5"))["value"]["record"]["state"] == "stopped"
    assert (host.data / "disk/machines/m5/said").read_text() == "bye\n"


async def test_a_suspended_machine_that_was_killed_starts_anew(host: Trial) -> None:
    pid = (await host.create("m6", running("exec sleep 600")))["value"]["record"]["pid"]
    await host.send("suspend", machine_id="m6")
    await host.send("signal", machine_id="m6", signal=9)
    await comes_true(lambda: not host.processes("m6"))
    again = (await host.send("start", machine_id="m6"))["value"]["record"]
    assert again["state"] == "started"
    assert again["pid"] != pid


@pytest.mark.parametrize("number", [10, "SIGUSR1"])
async def test_signals_reach_the_first_process(host: Trial, number: int | str) -> None:
    name = f"hears-{number}".lower()
    await host.create(name, running("trap 'echo heard > said' USR1; : > hears; while :; do sleep 0.05; done"))
    folder = host.data / "disk/machines" / name
    await comes_true((folder / "hears").exists)
    assert (await host.send("signal", machine_id=name, signal=number))["ok"]
    await comes_true((folder / "said").exists)


async def test_a_command_runs_inside_and_tells_how_it_ended(host: Trial) -> None:
    await host.create("m9", serving())
    line = "cat; echo $MACHINE_ID; pwd; echo oops >&2; exit 3"
    told = (await host.send("exec", machine_id="m9", command=["sh", "-c", line], stdin="fed "))["value"]
    folder = host.data / "disk/machines/m9"
    assert told == {"exit_code": 3, "stdout": f"fed m9\n{folder}\n", "stderr": "oops\n"}
    killed = (await host.send("exec", machine_id="m9", command=["sh", "-c", "kill -9 $$"]))["value"]
    assert (killed["exit_code"], killed["exit_signal"]) == (137, 9)
    missing = await host.send("exec", machine_id="m9", command=["no-such-program"])
    assert (missing["error"], "No such file" in missing["text"]) == ("permanent", True)


async def test_a_command_is_heard_up_to_a_bound_and_ended_in_time(host: Trial) -> None:
    await host.create("m10", running("exec sleep 600"))
    loud = (await host.send("exec", machine_id="m10", command=["head", "-c", "3000000", "/dev/zero"]))["value"]
    assert (loud["exit_code"], len(loud["stdout"])) == (0, 256 * 1024)
    slow = await host.send("exec", machine_id="m10", command=["sleep", "600"], timeout_s=0.2)
    assert "did not end within 0.2 s" in slow["text"]
    left = await host.send("exec", machine_id="m10", command=["sh", "-c", "sleep 600 & echo left"])
    assert left["value"]["stdout"] == "left\n"
    await host.send("destroy", machine_id="m10")
    assert host.processes("m10") == set()


async def test_what_was_said_inside_is_not_kept(host: Trial) -> None:
    await host.create("m11", running("exec sleep 600"))
    await host.send("exec", machine_id="m11", command=["echo", "swordfish"])
    await host.end(signal.SIGTERM)
    await host.start()
    kept = b"".join(path.read_bytes() for path in (host.data / "state").glob("agent.db*"))
    assert b"swordfish" not in kept
    assert "swordfish" not in host.log


async def test_processes_are_listed_as_the_machine_sees_them(host: Trial) -> None:
    record = (await host.create("m12", serving()))["value"]["record"]
    await answer_of(record["port"])
    (told,) = (await host.send("ps", machine_id="m12"))["value"]["processes"]
    assert (told["pid"], told["directory"]) == (record["pid"], "/")
    assert told["command"].endswith("python3 app/serve.py")
    assert told["listen_sockets"] == [{"proto": "tcp", "address": f"127.0.0.1:{record['port']}"}]
    assert told["rss"] > 1_000_000
    assert 0 < told["rtime"] < 60_000
