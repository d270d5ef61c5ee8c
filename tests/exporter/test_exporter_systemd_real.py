"""A real systemd in namespaces of its own: its units, as we and as a real node_exporter tell them."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.exporter.hardware import Series, series
from tests.exporter.node_exporter import NODE_EXPORTER, fetch, started

pytestmark = pytest.mark.lab

# A systemd that starts nothing of this machine's, in namespaces that end with it.
BOOT = """
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system /run/lock
unit() { printf '[Unit]\\nDefaultDependencies=no\\n%b' "$2" >"/run/systemd/system/$1"; }
unit small.target 'Wants=good.service bad.service again.service one.timer two.socket\\n'
unit good.service '[Service]\\nExecStart=/bin/sleep 1000\\n'
unit bad.service '[Service]\\nType=oneshot\\nExecStart=/bin/false\\n'
unit again.service 'StartLimitIntervalSec=0\\n[Service]\\nExecStart=/bin/false\\nRestart=always\\nRestartSec=200ms\\n'
unit one.timer '[Timer]\\nOnActiveSec=1s\\nUnit=good.service\\n'
unit two.socket '[Socket]\\nListenStream=/run/two.sock\\nAccept=yes\\n'
unit two@.service '[Service]\\nExecStart=/bin/true\\n'
umount -l /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
export container=lxc
exec /lib/systemd/systemd --system --unit=small.target --log-target=null --show-status=no
"""


@pytest.fixture
def booted() -> Iterator[list[str]]:
    """The words before a command that run it inside."""
    if os.geteuid() or not Path("/lib/systemd/systemd").exists():
        pytest.skip("NOT ROOT, OR NO SYSTEMD TO START")
    boot = subprocess.Popen(
        ["unshare", "--pid", "--mount", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child", "--mount-proc",
         "bash", "-c", BOOT],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield ["nsenter", "--target", str(wait_for_child(boot.pid)), "--pid", "--mount", "--uts", "--ipc", "--cgroup"]
    finally:
        boot.kill()
        boot.wait(timeout=10)


def wait_for_child(pid: int) -> int:
    """The first process inside, once it answers."""
    end = time.perf_counter() + 20
    while time.perf_counter() < end:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        inside = ["nsenter", "--target", *children[:1], "--pid", "--mount", "systemctl", "is-active", "two.socket"]
        if children and not subprocess.run(inside, capture_output=True, timeout=10).returncode:
            return int(children[0])
        time.sleep(0.1)
    pytest.skip("SYSTEMD DOES NOT START IN A NAMESPACE HERE")


READ = """
import sys
from exporter.clock import SystemClock
from exporter.collectors.systemd import Systemd, build_call
from exporter.places import UNITS_EXCLUDED, UNITS_INCLUDED
from exporter.render import render_text
systemd = Systemd(UNITS_INCLUDED, UNITS_EXCLUDED, build_call(SystemClock()))
systemd.read()
sys.stdout.write(render_text([one for one in systemd.read() if one.samples]).decode())
"""


@pytest.mark.skipif(not NODE_EXPORTER, reason="NODE_EXPORTER IS MISSING: its names are not compared")
def test_real_systemd_is_told_as_node_exporter_tells_it(booted: list[str], unused_port: int) -> None:
    flags = ["--collector.disable-defaults", "--collector.systemd", "--collector.systemd.private"]
    flags += [f"--collector.systemd.enable-{what}-metrics" for what in ("restarts", "start-time")]
    wait_until_triggered(booted)
    with started(unused_port, flags, inside=booted):
        before, theirs, after = read_inside(booted), series(fetch(unused_port)), read_inside(booted)
    newer = {key for key in after if key[0] == "node_systemd_virtualization_info"}
    assert after.keys() - newer == theirs.keys()
    for key, number in theirs.items():
        if "restart" in key[0]:
            assert before[key] <= number <= after[key], key
        # A unit that fails all the time is never twice the same.
        elif ("name", "again.service") not in key[1]:
            assert number == pytest.approx(after[key], abs=1), key
    crashes = "node_systemd_service_restart_total", frozenset({("name", "again.service")})
    assert after[crashes] > 0
    failed = {("name", "bad.service"), ("state", "failed"), ("type", "oneshot")}
    assert after["node_systemd_unit_state", frozenset(failed)] == 1


def wait_until_triggered(booted: list[str]) -> None:
    """The timer, a second after the start: it must not happen between two readings."""
    end = time.perf_counter() + 20
    while not read_inside(booted)["node_systemd_timer_last_trigger_seconds", frozenset({("name", "one.timer")})]:
        assert time.perf_counter() < end


def read_inside(booted: list[str]) -> Series:
    command = [*booted, "env", f"PYTHONPATH={Path(__file__).parents[2]}", sys.executable, "-c", READ]
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    return series(text_string_to_metric_families(said.stdout))
