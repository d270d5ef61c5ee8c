"""Generated requests over every operation of the public specification that we implement."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from remediator.api.elsewhere import NOT_OURS
from tests.conformance.aiming import aim
from tests.conformance.mismatches import MISMATCHES, as_spoken
from tests.conformance.served import SECRET, Served, serving
from tests.conformance.specification import operations, plain, read_specification
from tests.conformance.sweeping import RIGHT, swept

pytestmark = pytest.mark.slow

# What generated requests cannot bring to a good end, and why.
NEVER_GOOD = {
    "GET /apps/{app_name}/machines/{machine_id}/metadata/{key}": "keys are set after it",
    "GET /apps/{app_name}/machines/{machine_id}/lease": "leases are taken after it",
    "DELETE /apps/{app_name}/machines/{machine_id}/lease": "nobody guesses a nonce",
}


@pytest.fixture(scope="module")
def specification() -> dict[str, Any]:
    return read_specification()


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving() as listener:
        yield listener


@pytest.fixture(scope="module")
def told(specification: dict[str, Any], served: Served) -> dict[str, Counter[int]]:
    # Nothing wrong is sent: configs are told again as they came, and what came wrong would be judged once more.
    return swept(as_spoken(specification), served, aim, elsewhere(specification), RIGHT)


def elsewhere(specification: dict[str, Any]) -> set[str]:
    """As the specification labels them, those that are another system's."""
    known = {(method, plain(path)) for method, path in NOT_OURS}
    return {
        f"{each.method} {each.path.removeprefix('/v1')}" for each in operations(specification) if each.key in known
    }


def test_every_operation_that_is_ours_was_asked(specification: dict[str, Any], told: dict[str, Counter[int]]) -> None:
    every = {f"{each.method} {each.path.removeprefix('/v1')}" for each in operations(specification)}
    assert set(told) == every - elsewhere(specification)


def test_each_came_to_a_good_end_at_least_once(told: dict[str, Counter[int]]) -> None:
    failed = {label: codes for label, codes in told.items() if not any(code < 300 for code in codes)}
    assert set(failed) <= set(NEVER_GOOD), failed


def test_nothing_was_logged_that_tells_of_a_defect_or_a_secret(served: Served, told: dict[str, Counter[int]]) -> None:
    assert told
    assert not [line for line in served.log.lines if "failed:" in line or "Traceback" in line or SECRET in line]


def test_every_exception_says_why_and_is_one(specification: dict[str, Any]) -> None:
    for name, change in MISMATCHES.items():
        changed = as_spoken(specification)
        assert change.__doc__, name
        assert changed != specification, name
