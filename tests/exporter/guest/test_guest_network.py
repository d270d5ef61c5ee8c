"""A link that goes and comes back, and one that is slow and loses packets."""

from collections.abc import Iterator

import pytest

from tests.exporter.guest.machine import Guest
from tests.exporter.scraped import scrape

pytestmark = pytest.mark.lab

DEVICE = {"device": "link0"}
FLAPS = 3


@pytest.fixture
def link(guest: Guest) -> Iterator[None]:
    guest.run("ip link add link0 type veth peer name link1; ip link set link0 up; ip link set link1 up")
    yield
    guest.run("ip link del link0")


@pytest.mark.usefixtures("link")
def test_link_that_flaps(guest: Guest) -> None:
    before = scrape(guest.url)
    assert before.value("node_network_carrier", **DEVICE) == before.value("node_network_up", **DEVICE) == 1
    flap = "ip link set link1 down; ip link set link1 up"
    guest.run(f"for n in $(seq {FLAPS}); do {flap}; done; ip link set link1 down")
    page = scrape(guest.url)
    assert page.value("node_network_carrier", **DEVICE) == 0
    assert page.value("node_network_up", **DEVICE) == 0
    for name in ("down", "up"):
        changes = f"node_network_carrier_{name}_changes_total"
        assert page.value(changes, **DEVICE) - before.value(changes, **DEVICE) == FLAPS + (name == "down")


def test_page_over_a_slow_link_that_loses_packets(guest: Guest) -> None:
    guest.run("tc qdisc add dev eth0 root netem delay 200ms 50ms loss 5%")
    pages = [scrape(guest.url) for _ in range(3)]
    assert min(page.seconds for page in pages) > 0.2
