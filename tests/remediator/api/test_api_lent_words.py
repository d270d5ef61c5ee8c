"""What people read of a lent host: for which burst, how far it is, since when it is idle, and why it stays."""

from datetime import timedelta

from remediator.api.explaining.explain import Scene, explain
from remediator.api.people.words import words_about, words_named
from remediator.model.loan import Loan, LoanStage
from tests.remediator.builders import NOON, fleet, host

AT = NOON - timedelta(hours=1)
LENT = Loan("h1", "arn", "burst:arn:1", AT, LoanStage.JOINED, NOON, AT, NOON, note="provider answered 409")


def test_a_host_says_what_it_was_made_for() -> None:
    known = fleet(host(), LENT)
    assert words_about(known.hosts["h1"], None, known, NOON) == [
        "lent by its provider for burst:arn:1 since 2026-08-01 11:00:00Z, joined, with nothing on it since"
        " 2026-08-01 12:00:00Z: provider answered 409"
    ]


def test_one_that_never_joined_is_explained_by_its_name() -> None:
    known = fleet(Loan("h9", "arn", "burst:arn:1", AT))
    (told,) = words_named("h9", known, NOON)
    assert told == "lent by its provider for burst:arn:1 since 2026-08-01 11:00:00Z, awaited"
    found = explain("h9", Scene(known, (), (), NOON))
    assert found is not None
    assert found.now == (told,)
