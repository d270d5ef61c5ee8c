"""One guest for all tests, which leave it as they found it."""

import os
import time
from collections.abc import Iterator

import pytest
import requests

from tests.exporter.guest.kernel import find_kernel
from tests.exporter.guest.machine import FAULT_MODULES, ROOT, Guest, missing_programs, running_guest

KERNEL = ROOT / ".cache/guest-kernel"
START_SECONDS = 90.0
# First, whatever holds back what others wait for: a full pool whose writers wait cannot even be removed.
# What is not there is no error.
CLEAN = """
[ ! -e /dev/vg0/thin ] || lvchange --quiet --errorwhenfull y vg0/pool
for name in $(dmsetup ls 2>/dev/null | cut -f 1); do dmsetup resume "$name"; done
/run/busybox killall dd
tc qdisc del dev eth0 root
for point in /srv/*.d; do umount -l "$point"; done
mdadm --stop --scan
dmsetup remove_all --force
losetup --detach-all
rm -rf /srv/* /dev/vg0
"""


@pytest.fixture(scope="session")
def booted_guest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guest]:
    """With our exporter and its reader in it, and every module that a fault needs."""
    if missing := missing_programs():
        pytest.skip(f"NOT INSTALLED: {', '.join(missing)}")
    kernel = find_kernel(KERNEL)
    if kernel is None:
        pytest.skip("NO KERNEL FOR A GUEST: run scripts/fetch-guest-kernel")
    if os.geteuid() != 0:
        pytest.skip("NEEDS ROOT: the guest's root must find the host's files readable")
    with running_guest(kernel, tmp_path_factory.mktemp("guest")) as guest:
        guest.start_exporter("--collector.filesystem.mount-timeout=1")
        guest.load(kernel, *FAULT_MODULES)
        wait_for_page(guest)
        yield guest


def wait_for_page(guest: Guest) -> None:
    end = time.perf_counter() + START_SECONDS
    while time.perf_counter() < end:
        try:
            if requests.get(f"{guest.url}/healthz", timeout=2).ok:
                return
        except requests.RequestException:
            time.sleep(0.2)
    pytest.fail(f"no page: {guest.try_to('cat /run/exporter.log /run/reader.log').output}")


@pytest.fixture
def guest(booted_guest: Guest) -> Iterator[Guest]:
    """Nothing that a test mounted, mapped or started there outlives it."""
    yield booted_guest
    booted_guest.try_to(CLEAN)
