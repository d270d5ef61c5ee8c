"""The gate: closes at once, opens slowly, slower when it relapses, and never on no knowledge."""

from datetime import UTC, datetime, timedelta

import pytest

from remediator.clock import FakeClock
from remediator.settings import GateSettings
from remediator.sources.fake_store import FakeStore
from remediator.sources.store import StoreError
from remediator.sources.store_health import GateMemory, Reading, StoreHealth, closed_at_first, gate_after

NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SETTINGS = GateSettings(open_after=10 * SECOND, open_after_max=40 * SECOND)


def good(second: float) -> Reading:
    return Reading(NOON + second * SECOND, 0.01, SECOND)


def bad(second: float) -> Reading:
    return Reading(NOON + second * SECOND, error="store vm:8428: cannot be reached")


def after(memory: GateMemory, *readings: Reading) -> GateMemory:
    for reading in readings:
        memory = gate_after(memory, reading, SETTINGS)
    return memory


def opened() -> GateMemory:
    memory = after(closed_at_first(NOON, SETTINGS), *(good(second) for second in range(11)))
    assert memory.gate.open
    return memory


def first_open(memory: GateMemory, start: int) -> int:
    """Seconds of good readings until the gate opens."""
    for second in range(200):
        memory = gate_after(memory, good(start + second), SETTINGS)
        if memory.gate.open:
            return second
    return -1


def test_before_the_first_reading_it_is_closed_and_says_so() -> None:
    gate = closed_at_first(NOON, SETTINGS).gate
    assert (gate.open, gate.reason) == (False, "no reading yet")


def test_it_opens_after_good_readings_for_long_enough_and_not_before() -> None:
    memory = after(closed_at_first(NOON, SETTINGS), *(good(second) for second in range(10)))
    assert (memory.gate.open, memory.gate.reason) == (False, "good for 9 s of 10 s")
    assert after(memory, good(10)).gate.open


def test_one_bad_reading_closes_it_and_the_count_starts_anew() -> None:
    memory = after(opened(), bad(11))
    assert (memory.gate.open, memory.gate.reason) == (False, "store vm:8428: cannot be reached")
    assert memory.gate.since == NOON + 11 * SECOND


def test_relapses_within_the_hour_double_the_wait_up_to_the_most() -> None:
    memory, second, waits = opened(), 11, []
    for _ in range(4):
        memory = after(memory, bad(second))
        waits.append(first_open(memory, second + 1))
        memory = after(memory, *(good(second + 1 + n) for n in range(waits[-1] + 1)))
        second += waits[-1] + 2
    assert waits == [20, 40, 40, 40]


def test_after_a_good_hour_the_wait_is_the_short_one_again() -> None:
    memory = after(after(opened(), bad(11)), *(good(12 + second) for second in range(5000)))
    assert memory.gate.open
    assert first_open(after(memory, bad(6000)), 6001) == 10


@pytest.mark.parametrize(
    ("reading", "said"),
    [
        (Reading(NOON, 3.0, SECOND), "the canary took 3.0 s"),
        (Reading(NOON, 0.1, None), "our own heartbeat is not in the store"),
        (Reading(NOON, 0.1, 30 * SECOND), "our newest heartbeat in the store is 30 s old"),
        (Reading(NOON, 0.1, -9 * SECOND), "9 s ahead of our clock"),
    ],
)
def test_each_fault_is_named(reading: Reading, said: str) -> None:
    assert said in gate_after(opened(), reading, SETTINGS).gate.reason


def test_a_hole_in_the_readings_is_no_good_time() -> None:
    assert not after(opened(), good(60)).gate.open


async def test_the_shell_reads_the_canary_and_closes_when_it_falls_silent() -> None:
    clock, store = FakeClock(NOON), FakeStore()
    health = StoreHealth(store, clock, SETTINGS)
    for _ in range(11):
        await clock.sleep(1)
        store.set(SETTINGS.canary, ({}, clock.now().timestamp() - 1))
        await health.once()
    assert health.gate().open
    clock.set(clock.now() + 60 * SECOND)
    assert health.gate().reason == "the canary is silent"
    store.fail(SETTINGS.canary, StoreError("down"))
    assert (await health.once()).reason == "down"
    assert health.failures == 1
