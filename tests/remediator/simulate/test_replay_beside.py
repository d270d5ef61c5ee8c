"""Work beside each other: results in order, and the first failure is the whole's."""

import pytest

from remediator.model.errors import FleetmendError, TransientError
from remediator.simulate.replay.beside import beside


def test_results_come_in_the_order_of_the_items() -> None:
    assert beside(lambda number: number * 2, range(20), 3) == [number * 2 for number in range(20)]
    assert beside(str, [], 3) == []


def test_a_failure_is_raised_where_it_is_waited_for() -> None:
    def fails(number: int) -> int:
        if number == 3:
            raise TransientError("the store is away")
        return number

    with pytest.raises(FleetmendError, match="the store is away"):
        beside(fails, range(9), 2)
