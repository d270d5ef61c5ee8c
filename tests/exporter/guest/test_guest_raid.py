"""Software RAID that loses a member and gets another."""

import pytest

from tests.exporter.guest.machine import Guest
from tests.exporter.scraped import Scraped, scrape, scrape_until

pytestmark = pytest.mark.lab

SLOWLY, QUICKLY = (f"echo {speed} >/proc/sys/dev/raid/speed_limit_max" for speed in (100, 1_000_000))  # KiB/s
LOOPS = "for n in 0 1 2; do truncate -s 32M part$n; losetup /dev/loop$n part$n; done"


def disks(page: Scraped) -> dict[str, float]:
    return {one.labels["state"]: one.value for one in page.rows("node_md_disks", device="md0")}


def state(page: Scraped) -> list[str]:
    return [one.labels["state"] for one in page.rows("node_md_state", device="md0") if one.value]


def test_raid1_that_loses_a_member(guest: Guest) -> None:
    guest.run(f"{SLOWLY}; {LOOPS}")
    guest.run("mdadm --create /dev/md0 --run --level=1 --raid-devices=2 --metadata=1.2 /dev/loop0 /dev/loop1")
    page = scrape(guest.url)
    assert state(page) == ["resync"]
    assert 0 < page.value("node_md_blocks_synced", device="md0") < page.value("node_md_blocks", device="md0")
    guest.run(QUICKLY)
    whole = scrape_until(guest.url, lambda page: state(page) == ["active"])
    assert disks(whole) == {"active": 2, "failed": 0, "spare": 0}
    assert whole.value("node_md_degraded", device="md0") == 0
    assert whole.value("node_md_blocks_synced", device="md0") == whole.value("node_md_blocks", device="md0")

    guest.run("mdadm /dev/md0 --fail /dev/loop1")
    page = scrape(guest.url)
    assert disks(page) == {"active": 1, "failed": 1, "spare": 0}
    assert page.value("node_md_degraded", device="md0") == 1
    reason = {"reason": "RaidDiskFailure"}
    told = [one.value("fleetmend_kernel_log_events_total", **reason) for one in (whole, page)]
    assert told[1] == told[0] + 1

    guest.run("mdadm /dev/md0 --remove /dev/loop1")
    page = scrape(guest.url)
    assert disks(page) == {"active": 1, "failed": 0, "spare": 0}
    assert page.value("node_md_disks_required", device="md0") == page.value("node_md_raid_disks", device="md0") == 2
    assert page.value("node_md_degraded", device="md0") == 1

    guest.run(f"{SLOWLY}; mdadm /dev/md0 --add /dev/loop2")
    page = scrape_until(guest.url, lambda page: state(page) == ["recovering"])
    assert page.value("node_md_blocks_synced", device="md0") < page.value("node_md_blocks", device="md0")
    guest.run(QUICKLY)
    healed = scrape_until(guest.url, lambda page: state(page) == ["active"])
    assert healed.value("node_md_degraded", device="md0") == 0
    assert disks(healed) == {"active": 2, "failed": 0, "spare": 0}


def test_raid5_without_enough_members_to_run(guest: Guest) -> None:
    guest.run(f"{QUICKLY}; {LOOPS}")
    guest.run("mdadm --create /dev/md0 --run --level=5 --raid-devices=3 --assume-clean /dev/loop[012]")
    guest.run("mdadm --stop /dev/md0")
    assert guest.try_to("mdadm --incremental /dev/loop0").code == 0
    page = scrape(guest.url)
    (array,) = [one.labels for one in page.rows("node_md_state", state="inactive") if one.value]
    members = {one.labels["state"]: one.value for one in page.rows("node_md_disks", device=array["device"])}
    assert members == {"active": 0, "failed": 0, "spare": 1}
