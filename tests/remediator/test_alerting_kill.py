"""kill -9 in a flood of alerts: whatever was answered is there after the next start."""

import pytest

from tests.bench.rules_intake import BATCH, kill_in_flood

pytestmark = pytest.mark.slow


def test_no_alert_that_was_answered_is_lost() -> None:
    answered, lost = kill_in_flood()
    assert answered > 10 * BATCH
    assert lost == 0
