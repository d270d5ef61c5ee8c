"""One Alertmanager's queue: the newest word waits, the oldest goes when it is full, and failures are told again."""

import asyncio

from remediator.clock import FakeClock, SystemClock
from remediator.model.errors import PermanentError, TransientError
from remediator.runtime.alerts import outlet as outlet_module
from remediator.runtime.alerts.outlet import Outlet
from tests.remediator.builders import NOON


class Remembering:
    """An Alertmanager that keeps what it takes, and answers as it is told."""

    place = "am:9093"

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.error: Exception | None = None
        self.hangs = False

    async def post(self, body: bytes) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        self.bodies.append(body)


async def test_what_waits_goes_in_batches() -> None:
    manager = Remembering()
    outlet = Outlet(manager, FakeClock(NOON))
    outlet.offer({str(n): b"%d" % n for n in range(outlet_module.BATCH + 1)})
    assert await outlet.post_some()
    assert await outlet.post_some()
    assert manager.bodies[0].startswith(b"[0,1,2,")
    assert manager.bodies[1] == b"[%d]" % outlet_module.BATCH
    assert (outlet.sent, outlet.waiting, outlet.posts) == (outlet_module.BATCH + 1, 0, 2)


async def test_large_ones_go_in_smaller_batches() -> None:
    manager = Remembering()
    outlet = Outlet(manager, FakeClock(NOON))
    outlet.offer({str(n): b"9" * 100_000 for n in range(4)})
    await outlet.post_some()
    assert outlet.waiting == 1


async def test_only_the_newest_word_waits_and_the_oldest_goes() -> None:
    manager = Remembering()
    outlet = Outlet(manager, FakeClock(NOON), capacity=2)
    outlet.offer({"a": b"1", "b": b"2"})
    outlet.offer({"a": b"3"})
    outlet.offer({"c": b"4"})
    await outlet.post_some()
    assert (manager.bodies, outlet.dropped) == ([b"[2,4]"], 1)


async def test_what_could_not_be_sent_is_sent_later_unless_there_is_a_newer_word() -> None:
    manager = Remembering()
    outlet = Outlet(manager, FakeClock(NOON))
    manager.error = TransientError("away")
    outlet.offer({"a": b"1", "b": b"2"})
    assert not await outlet.post_some()
    outlet.offer({"a": b"3"})
    manager.error = None
    await outlet.post_some()
    assert (manager.bodies, outlet.failed, outlet.trouble) == ([b"[3,2]"], 2, "")


async def test_what_will_never_be_taken_is_not_tried_again() -> None:
    manager = Remembering()
    outlet = Outlet(manager, FakeClock(NOON))
    manager.error = PermanentError("HTTP 400: bad label")
    outlet.offer({"a": b"1"})
    assert await outlet.post_some()
    assert (outlet.waiting, outlet.failed, outlet.trouble) == (0, 1, "HTTP 400: bad label")


async def test_one_that_hangs_holds_up_no_other() -> None:
    dead, living = Remembering(), Remembering()
    dead.hangs = True
    outlets = [Outlet(dead, SystemClock(), capacity=3), Outlet(living, SystemClock())]
    running = [asyncio.create_task(outlet.run()) for outlet in outlets]
    for number in range(20):
        for outlet in outlets:
            outlet.offer({str(number): b"%d" % number})
        await asyncio.sleep(0.001)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    assert outlets[1].sent == 20
    assert (outlets[0].waiting, outlets[0].sent) == (3, 0)
