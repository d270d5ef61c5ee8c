"""Our own document against the real desk: fewer requests than the fake one has, and what they write is written."""

from collections import Counter
from collections.abc import Iterator

import pytest
import requests

from tests.conformance.aiming import aim_by
from tests.conformance.real_desk import RealDesk, real_desk
from tests.conformance.served import SECRET
from tests.conformance.sweeping import EXAMPLES, swept

pytestmark = pytest.mark.slow
# A request of each kind that aims knows: wherever it may lead, as one would mean it, and laid over what is generated.
FEW = max(4, EXAMPLES // 4)


@pytest.fixture(scope="module")
def served() -> Iterator[RealDesk]:
    with real_desk() as opened:
        yield opened


@pytest.fixture(scope="module")
def told(served: RealDesk) -> dict[str, Counter[int]]:
    document = requests.get(f"{served.url}/openapi.json", timeout=10).json()
    # A reload answers 500 where the rules are wrong, as Prometheus does; here there are none.
    return swept(document, served, aim_by(served.point), {"POST /-/reload"}, examples=FEW)


def test_writes_come_to_a_good_end(told: dict[str, Counter[int]]) -> None:
    good = {label for label, codes in told.items() if any(code < 300 for code in codes)}
    written = {label for label in good if not label.startswith("GET ")}
    assert len(written) >= 30, sorted(set(told) - good)


def test_nothing_was_logged_that_tells_of_a_defect_or_a_secret(
    served: RealDesk, told: dict[str, Counter[int]]
) -> None:
    assert told
    assert not [line for line in served.log.lines if "failed:" in line or "Traceback" in line or SECRET in line]


def test_what_was_written_can_be_read_again(served: RealDesk, told: dict[str, Counter[int]]) -> None:
    """Rows, that is, and none of them with a secret."""
    assert told
    rows = served.town.lab.journal.rows()
    assert {"Machine", "Volume", "App", "MachineLease", "OperatorHold", "Operation", "Snapshot"} <= set(rows)
    assert SECRET not in repr(rows)
