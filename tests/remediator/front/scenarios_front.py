"""A real chassis, its faults, and what the rest of the world sees of them.

Not collected by name: test_front_modes.py runs this file once for each mode, inside a network of its own or as
somebody without rights. FRONT_MODE says which, FRONT_MORE adds flags.
"""

import errno
import http.client
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from remediator.agent.front import tree
from remediator.agent.front.client import FrontClient
from remediator.model.errors import FleetmendError

MODE = os.environ["FRONT_MODE"]
ADDRESS = "10.77.0.11" if MODE == "namespace" else f"127.77.{os.getpid() % 90 + 5}.11"
HUB = "10.77.0.1" if MODE == "namespace" else "127.0.0.1"
AGENT = 9080
# What comes in a moment, on a machine that is busy with other tests.
LONG = 20.0
STAND_IN = Path(__file__).with_name("stand_in_host.py")
RUN_FRONT = "import sys; from remediator.agent.front.cli import main; sys.exit(main(sys.argv[1:]))"


def until(holds: Callable[[], bool], seconds: float, what: str) -> float:
    """Wait for something to be so; the seconds that it took."""
    began = time.perf_counter()
    while not holds():
        assert time.perf_counter() - began < seconds, f"not within {seconds} s: {what}"
        time.sleep(0.01)
    return time.perf_counter() - began


def look(path: str = "/healthz", port: int = AGENT, timeout: float = 0.7) -> str:
    """What a prober sees: the body, or silent, refused, reset."""
    connection = http.client.HTTPConnection(ADDRESS, port, timeout=timeout)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    except (ConnectionResetError, http.client.RemoteDisconnected):
        return "reset"
    except ConnectionRefusedError:
        return "refused"
    except TimeoutError:
        return "silent"
    except OSError as error:  # nobody answers for the address any more
        return "silent" if error.errno == errno.EHOSTUNREACH else str(error)
    finally:
        connection.close()


def answers(when: str, port: int = AGENT) -> None:
    """A busy machine may need more than one look."""
    until(lambda: look(port=port) == "ok", LONG, f"it answers {when}")


class Beats(BaseHTTPRequestHandler):
    """Stands for a remediator and counts."""

    count = 0

    def do_GET(self) -> None:
        Beats.count += 1
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@dataclass
class Lab:
    """One chassis and how to speak to it."""

    process: "subprocess.Popen[str]"
    client: FrontClient
    data: Path
    disk: str
    seen: set[int] = field(default_factory=set)

    def fault(self, name: str) -> float:
        return self.client.fault(name)

    def below(self) -> list[tree.Task]:
        """The living of the host; every one is remembered."""
        tasks = [task for task in tree.descendants(self.process.pid) if tree.is_alive(task)]
        self.seen |= {task.pid for task in tasks}
        return tasks

    def machine_pids(self) -> set[int]:
        return {one["pid"] for one in self.client.truth()["processes"] if one["machine"] == "m-1"}

    def disk_folder(self) -> Path:
        """The host's disk as the chassis has mounted it."""
        return Path(f"/proc/{self.process.pid}/root{self.data}/disk")


def alive(pids: set[int]) -> set[int]:
    return {task.pid for task in tree.read_tasks() if task.pid in pids and tree.is_alive(task)}


def start_front(data: Path, remediator: str, *more: str) -> "subprocess.Popen[str]":
    stand_in = shlex.join([sys.executable, "-I", "-S", str(STAND_IN)])
    command = [sys.executable, "-c", RUN_FRONT, "--name", "h1", "--region", "arn", "--rack", "r1"]
    command += ["--address", ADDRESS, "--mode", MODE, "--data", str(data), "--remediator", remediator]
    command += [
        "--bmc-listen",
        "127.0.0.1:0",
        "--disk-mb",
        "16",
        "--snapshots",
        str(data / "snapshots"),
        "--restart-delay",
        "0.8",
    ]
    command += ["--agent-command", f"{stand_in} agent", "--exporter-command", f"{stand_in} exporter"]
    command += [*shlex.split(os.environ.get("FRONT_MORE", "")), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def remediator() -> Iterator[str]:
    server = ThreadingHTTPServer((HUB, 0), Beats)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://{HUB}:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def lab(tmp_path: Path, remediator: str) -> Iterator[Lab]:
    """A host that is up; afterwards nothing of it may be left."""
    with start_front(tmp_path, remediator) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        client = FrontClient(f"http://{ready['bmc']}", (tmp_path / "bmc.token").read_text())
        lab = Lab(process, client, tmp_path, ready["disk"])
        until(lambda: look() == "ok", LONG, "the first answer")
        until(lambda: look(port=9100) == "ok", LONG, "the exporter answers")
        lab.below()
        yield lab
        lab.below()
        if process.poll() is None:
            process.terminate()
            assert process.wait(LONG) == 0
        assert_nothing_left(lab)


def assert_nothing_left(lab: Lab) -> None:
    until(lambda: not alive(lab.seen), LONG, "every process is gone")
    assert str(lab.data) not in Path("/proc/self/mounts").read_text()
    if MODE == "namespace":
        until(lambda: "v-h1" not in output("ip", "-o", "link"), LONG, "the link is gone")
    if os.geteuid() == 0:
        until(lambda: str(lab.data) not in output("losetup", "-a"), LONG, "the loop device is free")


def output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_boots_with_everything(lab: Lab) -> None:
    truth = lab.client.truth()
    assert (truth["power"], truth["network"]) == ("On", "ok")
    assert truth["boot_id"] == look("/boot", timeout=LONG)
    assert truth["agent_pid"] in {task.pid for task in lab.below()}
    assert len(lab.machine_pids()) == 1
    assert lab.client.power() == "On"
    assert lab.client.uuid() == (lab.data / "system.uuid").read_text().strip()
    assert lab.disk in ({"loop", "tmpfs"} if os.geteuid() == 0 else {"tmpfs", "folder"})


def test_wrong_token_is_refused(lab: Lab) -> None:
    stranger = FrontClient(lab.client.url, "guess")
    with pytest.raises(FleetmendError, match="401"):
        stranger.reset("ForceOff")
    answers("still")
    assert (lab.data / "bmc.token").stat().st_mode & 0o777 == 0o600


def test_power_cut_is_silence_and_death_and_power_on_a_new_boot(lab: Lab) -> None:
    (lab.disk_folder() / "kept").write_text("kept")
    before = look("/boot", timeout=LONG)
    host = {task.pid for task in lab.below()}
    with socket.create_connection((ADDRESS, AGENT), timeout=0.5) as held:
        lab.fault("power_cut")
        assert not alive(host)
        assert look() == "silent"
        assert look(port=9100) == "silent"
        with pytest.raises(TimeoutError):  # no farewell, no reset on what was open
            held.recv(1)
    assert lab.client.power() == "Off"
    assert lab.client.truth()["processes"] == []
    lab.fault("power_on")
    answers("after power on")
    assert look("/boot", timeout=LONG) not in {before, "ok"}
    assert (lab.disk_folder() / "kept").read_text() == "kept"


def test_redfish_reset_and_repeats(lab: Lab) -> None:
    for _ in range(2):
        lab.client.reset("ForceOff")
        assert lab.client.power() == "Off"
    assert look() == "silent"
    lab.client.reset("On")
    first = lab.client.truth()["boot_id"]
    lab.client.reset("On")
    assert lab.client.truth()["boot_id"] == first
    lab.client.reset("ForceRestart")
    assert lab.client.truth()["boot_id"] != first
    answers("after the restart")


def test_network_cut_is_silence_only(lab: Lab) -> None:
    machines = lab.machine_pids()
    held = http.client.HTTPConnection(ADDRESS, AGENT, timeout=LONG)
    held.request("GET", "/healthz")
    held.getresponse().read()
    lab.fault("network_cut")
    beats = Beats.count
    assert look() == "silent"
    assert lab.machine_pids() == machines
    assert lab.client.truth()["network"] == "cut"
    held.request("GET", "/healthz")  # goes nowhere now, and comes through later, as on a real wire
    assert Beats.count <= beats + 1
    lab.fault("network_heal")
    answers("after healing")
    assert held.getresponse().read() == b"ok"
    until(lambda: Beats.count > beats + 2, LONG, "the agent reaches the remediator again")
    assert lab.machine_pids() == machines
    held.close()


def test_cut_host_stays_cut_over_a_reboot(lab: Lab) -> None:
    lab.fault("network_cut")
    lab.client.reset("ForceRestart")
    until(lambda: bool(lab.machine_pids()), LONG, "it runs, unseen")
    assert look() == "silent"
    lab.fault("network_heal")
    answers("after healing")


def test_agent_crash_is_refused_and_machines_run_on(lab: Lab) -> None:
    machines, agent = lab.machine_pids(), lab.client.truth()["agent_pid"]
    boot = look("/boot", timeout=LONG)
    began = time.perf_counter()
    lab.fault("agent_crash")
    gone = "refused" if MODE == "namespace" else "reset"
    until(lambda: look() == gone, 0.7, f"{gone} at once")
    assert not alive({agent})
    answers("beside it", 9100)
    answers("again")
    assert time.perf_counter() - began > 0.8
    assert look("/boot", timeout=LONG) == boot
    assert lab.machine_pids() == machines


def test_full_disk_is_a_real_one(lab: Lab) -> None:
    if lab.disk == "folder":
        with pytest.raises(FleetmendError, match="501"):
            lab.fault("fill_disk")
        pytest.skip("NO DISK OF ITS OWN: neither loop devices nor a tmpfs are allowed here")
    lab.fault("fill_disk")
    (lab.disk_folder() / "small").touch()
    with pytest.raises(OSError, match="No space left"):
        (lab.disk_folder() / "small").write_bytes(b"x" * 100_000)
    assert lab.client.truth()["filled"]
    answers("still")
    lab.fault("free_disk")
    (lab.disk_folder() / "small").write_bytes(b"x" * 100_000)


def test_wedged_tasks_block_in_the_kernel(lab: Lab) -> None:
    lab.fault("wedge")
    until(lambda: sum(task.state == "D" for task in lab.below()) >= 2, LONG, "tasks in state D")
    answers("still")
    lab.fault("unwedge")
    until(lambda: all(task.state != "D" for task in lab.below()), LONG, "nothing is blocked any more")
    lab.fault("wedge")
    until(lambda: any(task.state == "D" for task in lab.below()), LONG, "again")
    host = {task.pid for task in lab.below()}
    lab.fault("power_cut")
    assert not alive(host)
    assert look() == "silent"
    with pytest.raises(FleetmendError, match="no power"):
        lab.fault("wedge")


def test_killed_chassis_takes_its_host_along(lab: Lab) -> None:
    lab.below()
    lab.process.send_signal(signal.SIGKILL)
    lab.process.wait(LONG)
    until(lambda: not alive(lab.seen), LONG, "the host died with its chassis")


def test_what_cannot_start_says_so_in_one_line(tmp_path: Path, remediator: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = start_front(tmp_path, remediator, "--bmc-listen", f"127.0.0.1:{taken.getsockname()[1]}")
        _, said = process.communicate(timeout=LONG)
    assert process.returncode == 2
    assert said.count("\n") == 1
    assert "Address already in use" in said
