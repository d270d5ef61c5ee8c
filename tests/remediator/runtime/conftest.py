"""One laboratory for each test; its writer thread ends with it."""

from collections.abc import AsyncIterator

import pytest

from tests.remediator.runtime.lab import Lab


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    made = Lab()
    yield made
    await made.outbox.close()
    await made.ledger.close()
