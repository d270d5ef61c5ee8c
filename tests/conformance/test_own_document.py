"""Generated requests over all of our own document: no defect, no traceback, no secret, and answers as it says."""

from collections import Counter
from collections.abc import Iterator

import pytest
import requests

from remediator.api.elsewhere import NOT_OURS
from tests.conformance.aiming import aim
from tests.conformance.served import SECRET, Served, serving
from tests.conformance.sweeping import swept

pytestmark = pytest.mark.slow

# What generated requests cannot bring to a good end, and why.
NEVER_GOOD = {
    "POST /v1/freeze": "a freeze is signed",
    "POST /v1/reconcile": "nothing is amiss",
    "GET /v1/explain/{id}": "decisions have names that nobody guesses",
    "GET /api/v1/explain/{id}": "the same",
    "POST /v1/tokens": "nothing here keeps tokens",
    "DELETE /v1/tokens/{id}": "tokens have names that nobody guesses",
    "POST /v1/apps/{app}/machines/{id}/undestroy": "what is destroyed is destroyed after it",
    "GET /v1/apps/{app}/machines/{id}/metadata/{key}": "keys are set after it",
    "GET /v1/apps/{app}/machines/{id}/lease": "leases are taken after it",
    "DELETE /v1/apps/{app}/machines/{id}/lease": "nobody guesses a nonce",
}


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving() as listener:
        yield listener


@pytest.fixture(scope="module")
def told(served: Served) -> dict[str, Counter[int]]:
    document = requests.get(f"{served.url}/openapi.json", timeout=10).json()
    return swept(document, served, aim)


def test_every_operation_was_asked(served: Served, told: dict[str, Counter[int]]) -> None:
    assert {tuple(label.split(" ", 1)) for label in told} == served.paths


def test_whatever_is_ours_came_to_a_good_end_at_least_once(told: dict[str, Counter[int]]) -> None:
    elsewhere = {f"{method} {path}" for method, path in NOT_OURS}
    refused = {label for label, codes in told.items() if 501 in codes}
    assert elsewhere <= refused <= elsewhere | set(NEVER_GOOD)
    failed = {label for label, codes in told.items() if not any(code < 300 for code in codes)}
    assert failed - elsewhere <= set(NEVER_GOOD), {label: told[label] for label in failed - elsewhere}


def test_nothing_was_logged_that_tells_of_a_defect_or_a_secret(served: Served, told: dict[str, Counter[int]]) -> None:
    assert told
    assert not [line for line in served.log.lines if "failed:" in line or "Traceback" in line or SECRET in line]
