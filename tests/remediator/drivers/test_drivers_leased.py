"""Calls to targets that cannot tell an old leader from a new one."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from remediator.drivers.leased import CALL_SECONDS, Leased
from remediator.drivers.protocol import FakeDriver
from remediator.model.errors import TransientError
from remediator.model.request import Operation, Origin

CALL = Operation("webhook:x", "webhook", "", {}, Origin.AUTOMATIC, datetime(2026, 1, 1, tzinfo=UTC))


async def test_a_call_goes_out_while_the_lease_outlasts_it() -> None:
    driver = FakeDriver()
    await Leased(driver, lambda: CALL_SECONDS).perform(CALL)
    assert [each.key for each in driver.calls] == ["webhook:x"]


@pytest.mark.parametrize("left", [CALL_SECONDS - 0.1, 0.0, -5.0])
async def test_no_call_begins_that_might_outlast_the_lease(left: float) -> None:
    driver = FakeDriver()
    with pytest.raises(TransientError, match="might end before"):
        await Leased(driver, lambda: left).perform(CALL)
    assert driver.calls == []


async def test_a_call_that_did_outlast_it_is_uncertain() -> None:
    # As after a pause of the whole process in the middle of the call.
    left = iter([CALL_SECONDS, -20.0])
    with pytest.raises(TransientError, match="uncertain"):
        await Leased(FakeDriver(), lambda: next(left)).perform(CALL)


class _Slow:
    async def perform(self, operation: Operation) -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}


@pytest.mark.slow
async def test_a_target_that_does_not_answer_is_given_up_in_time() -> None:
    with pytest.raises(TransientError, match="no answer"):
        await Leased(_Slow(), lambda: 60.0).perform(CALL)
