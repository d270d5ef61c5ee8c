"""Volume groups and thin pools: filled to the last block, and with metadata that cannot be written."""

import pytest

from tests.exporter.guest.machine import Guest
from tests.exporter.scraped import Scraped, scrape, scrape_until

pytestmark = pytest.mark.lab

TIMEOUT = "/sys/module/dm_thin_pool/parameters/no_space_timeout"  # seconds that a full pool's writers wait
POOL = "vg0-pool-tpool"
SECTORS = 8 << 20  # of a pool whose data nobody keeps


def mode(page: Scraped, pool: str) -> list[str]:
    return [one.labels["mode"] for one in page.rows("fleetmend_thin_pool_mode", pool=pool) if one.value]


def of_group(page: Scraped, name: str, group: str) -> float:
    (info,) = page.rows("lvm_vg_info", vg_name=group)
    return page.value(name, vg_uuid=info.labels["vg_uuid"])


def start_pool(guest: Guest, metadata: str) -> None:
    """A bare pool ``pool`` over a device that swallows everything, and a thin volume ``thin`` in it."""
    guest.run(f'dmsetup create data --table "0 {SECTORS} zero"')
    guest.run(f'dmsetup create pool --table "0 {SECTORS} thin-pool {metadata} /dev/mapper/data 128 0"')
    guest.run('dmsetup message pool 0 "create_thin 0"')
    guest.run(f'dmsetup create thin --table "0 {SECTORS} thin /dev/mapper/pool 0"')


def test_thin_pool_filled_to_its_end(guest: Guest) -> None:
    guest.run("truncate -s 128M disk; losetup /dev/loop0 disk; pvcreate -q /dev/loop0; vgcreate -q vg0 /dev/loop0")
    empty = scrape(guest.url)
    guest.run("lvcreate -q -L 32M --poolmetadatasize 4M --thinpool pool vg0")
    guest.run("lvcreate -q -V 128M --thin -n thin vg0/pool")
    page = scrape(guest.url)
    assert of_group(page, "lvm_vg_size_bytes", "vg0") == of_group(empty, "lvm_vg_free_bytes", "vg0") > 100 << 20
    assert of_group(page, "lvm_vg_free_bytes", "vg0") < of_group(empty, "lvm_vg_free_bytes", "vg0")
    assert mode(page, POOL) == ["rw"]
    assert page.value("fleetmend_thin_pool_data_ratio", pool=POOL) < 0.1

    guest.run(f"echo 60 >{TIMEOUT}")
    guest.start("dd if=/dev/zero of=/dev/vg0/thin bs=1M count=64 oflag=direct", "/srv/dd.log")
    page = scrape_until(guest.url, lambda page: page.total("fleetmend_thin_pool_data_ratio", pool=POOL) == 1)
    assert mode(page, POOL) == ["out_of_data_space"]
    assert page.value("fleetmend_thin_pool_queue_if_no_space", pool=POOL) == 1
    assert page.value("fleetmend_thin_pool_data_used_bytes", pool=POOL) == 32 << 20
    waiting = scrape_until(guest.url, lambda page: page.total("fleetmend_blocked_tasks", comm="dd") > 0)
    assert waiting.value("node_processes_threads_state", thread_state="D") >= 1
    reason = {"reason": "ThinPoolExhausted"}
    told = [one.value("fleetmend_kernel_log_events_total", **reason) for one in (empty, waiting)]
    assert told[1] > told[0]

    # The owner gives it room: nobody has lost a byte.
    guest.run("lvextend -q -L +48M vg0/pool")
    healed = scrape_until(guest.url, lambda page: page.total("fleetmend_blocked_tasks", comm="dd") == 0)
    assert mode(healed, POOL) == ["rw"]
    scrape_until(guest.url, lambda _: "67108864 bytes" in guest.run("cat dd.log"))


def test_thin_pool_whose_writers_waited_long_enough(guest: Guest) -> None:
    guest.run(f"truncate -s 64M disk; losetup /dev/loop0 disk; echo 2 >{TIMEOUT}")
    guest.run("pvcreate -q /dev/loop0; vgcreate -q vg0 /dev/loop0; lvcreate -q -L 16M --thinpool pool vg0")
    guest.run("lvcreate -q -V 64M --thin -n thin vg0/pool")
    failed = guest.try_to("dd if=/dev/zero of=/dev/vg0/thin bs=1M count=32 oflag=direct")
    assert "No space left" in failed.output
    page = scrape(guest.url)
    assert mode(page, POOL) == ["out_of_data_space"]
    assert page.value("fleetmend_thin_pool_queue_if_no_space", pool=POOL) == 0


def test_thin_pool_without_metadata_space(guest: Guest) -> None:
    guest.run("truncate -s 256K metadata; losetup /dev/loop0 metadata")
    start_pool(guest, "/dev/loop0")
    page = scrape(guest.url)
    assert page.value("fleetmend_thin_pool_metadata_ratio", pool="pool") < 1
    assert page.value("fleetmend_thin_pool_metadata_size_bytes", pool="pool") == 256 << 10
    guest.run('for n in $(seq 64); do dmsetup message pool 0 "create_thin $n" || exit 0; done; exit 1')
    page = scrape(guest.url)
    assert mode(page, "pool") == ["ro"]
    assert page.value("fleetmend_thin_pool_metadata_ratio", pool="pool") == 1
    assert page.value("fleetmend_thin_pool_data_ratio", pool="pool") < 0.1


def test_thin_pool_that_could_not_write_its_metadata(guest: Guest) -> None:
    """All but the first block of its metadata takes no writes any more: it says that it needs a check."""
    guest.run("truncate -s 4M metadata; losetup /dev/loop0 metadata")
    guest.run('dmsetup create metadata --table "0 8192 linear /dev/loop0 0"')
    start_pool(guest, "/dev/mapper/metadata")
    assert scrape(guest.url).value("fleetmend_thin_pool_needs_check", pool="pool") == 0
    table = "0 8 linear /dev/loop0 0\\n8 8184 flakey /dev/loop0 8 0 3600 1 error_writes"
    guest.run(f'dmsetup suspend metadata; printf "{table}" | dmsetup load metadata; dmsetup resume metadata')
    assert guest.try_to("dd if=/dev/zero of=/dev/mapper/thin bs=64k count=1 oflag=direct,sync").code != 0
    page = scrape(guest.url)
    assert page.value("fleetmend_thin_pool_needs_check", pool="pool") == 1
    assert mode(page, "pool") == ["ro"]


def test_volume_group_that_lost_a_disk(guest: Guest) -> None:
    guest.run("for n in 0 1; do truncate -s 32M disk$n; losetup /dev/loop$n disk$n; pvcreate -q /dev/loop$n; done")
    guest.run("vgcreate -q vg0 /dev/loop0 /dev/loop1")
    assert of_group(scrape(guest.url), "lvm_vg_missing_pv_count", "vg0") == 0
    guest.run("losetup --detach /dev/loop1")
    page = scrape_until(guest.url, lambda page: of_group(page, "lvm_vg_missing_pv_count", "vg0") == 1)
    assert of_group(page, "lvm_vg_partial", "vg0") == 1
