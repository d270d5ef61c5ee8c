"""When an agent is ahead of the journal: higher terms, unknown incarnations, terms that began at other moments."""

from dataclasses import replace

import pytest

from remediator.engine.evidence.rewinding import Heard, ahead
from remediator.model.enrolment import Term
from tests.remediator.builders import NOON

TERM = Term("born-2", 5, NOON)
HISTORY = {("born-2", 4): "yesterday", ("born-2", 5): "noon"}
SAME = Heard("born-2", 5, 17, "noon")


@pytest.mark.parametrize(
    "heard",
    [
        Heard(),
        SAME,
        replace(SAME, term=4, began="yesterday"),
        replace(SAME, began=""),
        Heard("born-1", 9, 1, "other", 9),
        replace(SAME, epoch=3),
        replace(SAME, epoch=2),
    ],
)
def test_whoever_heard_what_we_said_is_not_ahead(heard: Heard) -> None:
    assert ahead(heard, TERM, HISTORY, 3) == ""


@pytest.mark.parametrize(
    ("heard", "text"),
    [
        (replace(SAME, term=6), "it has heard term 6, ours is 5"),
        # Restored, and started as often since: the numbers are the same, and the moments are not.
        (replace(SAME, began="one o'clock"), "that began one o'clock, ours began noon"),
        (replace(SAME, term=4, began="today"), "that began today, ours began yesterday"),
        (Heard("born-3", 1, 0), "incarnation born-3"),
        # Restored from within the very term that was heard last.
        (replace(SAME, epoch=4), "its host was given epoch 4, ours is 3"),
        (replace(SAME, term=4, began="yesterday", epoch=4), "its host was given epoch 4, ours is 3"),
    ],
)
def test_whoever_heard_more_is(heard: Heard, text: str) -> None:
    assert text in ahead(heard, TERM, HISTORY, 3)
