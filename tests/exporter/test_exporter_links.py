"""A real link in a namespace of its own: its cable is pulled and put back, and each is seen at the next scrape."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.exporter.hardware import Series, series

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(bool(os.geteuid()) or not shutil.which("ip"), reason="NOT ROOT, OR NO IPROUTE2"),
]

ROOT = Path(__file__).parents[2]
NAME = f"fleetmend-links-{os.getpid()}"
STARTED = re.compile(r"on http://127\.0\.0\.1:(\d+)/metrics")
FETCH = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=10).read().decode())"

Read = Callable[[], Series]


def run(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=30).stdout


def inside(*words: str) -> list[str]:
    """With a sysfs of the namespace's own, as a host has it."""
    return ["ip", "netns", "exec", NAME, *words]


@pytest.fixture
def namespace() -> Iterator[None]:
    """One link, with both ends in it."""
    run("ip", "netns", "add", NAME)
    try:
        run(*inside("ip", "link", "set", "lo", "up"))
        run(*inside("ip", "link", "add", "port0", "type", "veth", "peer", "name", "switch0"))
        for end in ("port0", "switch0"):
            run(*inside("ip", "link", "set", end, "up"))
        yield
    finally:
        run("ip", "netns", "delete", NAME)


@pytest.fixture
def read(namespace: None) -> Iterator[Read]:
    """Scrapes an exporter that runs inside, from inside."""
    process = subprocess.Popen(
        inside(sys.executable, "-m", "exporter.cli", "host", "--listen", "127.0.0.1:0"),
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        found = STARTED.search(process.stdout.readline())
        assert found
        url = f"http://127.0.0.1:{found.group(1)}/metrics"

        def scrape() -> Series:
            return series(text_string_to_metric_families(run(*inside(sys.executable, "-c", FETCH, url))))

        yield scrape
    finally:
        process.kill()
        process.communicate(timeout=10)


def of_link(found: Series, device: str = "port0") -> dict[str, float]:
    names = ("up", "carrier", "carrier_down_changes_total", "carrier_up_changes_total", "carrier_changes_total")
    key = frozenset({("device", device)})
    return {name: found[f"node_network_{name}", key] for name in names if (f"node_network_{name}", key) in found}


def read_until(read: Read, up: float) -> dict[str, float]:
    """The kernel takes up to a second to pass on what became of a link; its carrier is told at once."""
    first = found = of_link(read())
    end = time.perf_counter() + 5
    while found["up"] != up:
        assert time.perf_counter() < end, "the kernel never said so"
        found = of_link(read())
    return first | {"up": found["up"]}


def test_link_that_flaps_is_seen_within_one_scrape(read: Read) -> None:
    before = read_until(read, up=1)
    assert (before["up"], before["carrier"]) == (1, 1)
    run(*inside("ip", "link", "set", "switch0", "down"))
    pulled = read_until(read, up=0)
    assert (pulled["up"], pulled["carrier"]) == (0, 0)
    assert pulled["carrier_down_changes_total"] == before["carrier_down_changes_total"] + 1
    run(*inside("ip", "link", "set", "switch0", "up"))
    back = read_until(read, up=1)
    assert (back["up"], back["carrier"]) == (1, 1)
    assert back["carrier_up_changes_total"] == before["carrier_up_changes_total"] + 1
    assert back["carrier_changes_total"] == before["carrier_changes_total"] + 2


def test_link_taken_down_on_purpose_is_told_from_a_pulled_cable(read: Read) -> None:
    run(*inside("ip", "link", "set", "port0", "down"))
    found = read()
    # The driver has no word on the cable then.
    assert "carrier" not in of_link(found)
    assert of_link(found)["up"] == 0
    (info,) = [key for name, key in found if name == "node_network_info" and ("device", "port0") in key]
    assert ("adminstate", "down") in info


def test_link_that_is_replaced_under_its_name(read: Read) -> None:
    index = "node_network_iface_id", frozenset({("device", "port0")})
    first = read()[index]
    run(*inside("ip", "link", "delete", "port0"))
    assert index not in read()
    run(*inside("ip", "link", "add", "port0", "type", "veth", "peer", "name", "switch0"))
    found = read()
    assert found[index] > first
    assert of_link(found)["up"] == 0


def test_exporter_with_a_sysfs_of_another_namespace_tells_no_links(namespace: None) -> None:
    """After nsenter the host's sysfs is still there: its links must not be told as ours."""
    from_here = """
from pathlib import Path
from exporter.collectors.netclass import Links
from exporter.errors import NoData
try:
    Links(Path("/proc"), Path("/sys"), "^$").read()
except NoData as error:
    print(error)
"""
    said = run("nsenter", f"--net=/run/netns/{NAME}", "env", f"PYTHONPATH={ROOT}", sys.executable, "-c", from_here)
    assert "another network namespace" in said


def test_bond_that_loses_a_member(read: Read) -> None:
    made = subprocess.run(inside("ip", "link", "add", "bond0", "type", "bond", "miimon", "100"), capture_output=True)
    if made.returncode:
        pytest.skip("THIS KERNEL HAS NO BONDING")
    run(*inside("ip", "link", "set", "port0", "down"))
    run(*inside("ip", "link", "set", "port0", "master", "bond0"))
    run(*inside("ip", "link", "set", "bond0", "up"))
    key = frozenset({("master", "bond0")})
    assert read()["node_bonding_slaves", key] == 1
    run(*inside("ip", "link", "set", "switch0", "down"))
    end = time.perf_counter() + 5
    while read()["node_bonding_active", key]:
        assert time.perf_counter() < end
