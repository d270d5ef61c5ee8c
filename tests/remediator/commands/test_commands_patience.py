"""What commands wait for: a remediator that does not lead yet, and hosts of which nobody knows yet."""

from typing import Any

import pytest

from remediator.commands.client import Answered, Remediator, again
from remediator.commands.settling import settled
from remediator.commands.tenant import App

SOON = 0.001


class Answers:
    """Refuses with these statuses, one after the other, and then answers."""

    def __init__(self, *statuses: int) -> None:
        self.left = list(statuses)

    def __call__(self) -> str:
        if self.left:
            raise Answered(self.left.pop(0), "not now", SOON)
        return "done"


class Fleet(App):
    """An app whose one machine's host is, look by look, as told; the last one stays."""

    def __init__(self, *statuses: str) -> None:
        super().__init__(Remediator("http://127.0.0.1:1"), "web")
        self.left = list(statuses)

    def machines(self) -> list[dict[str, Any]]:
        status = self.left.pop(0) if len(self.left) > 1 else self.left[0]
        return [{"id": "m1", "host_status": status}]


def test_what_was_not_done_is_asked_for_again() -> None:
    assert again(Answers(503, 429, 503), {503: 1.0, 429: 1.0}) == "done"


@pytest.mark.parametrize(("statuses", "left"), [((412, 503), [503]), ((503,) * 9, [503] * 7)])
def test_but_neither_for_ever_nor_whatever_is_answered(statuses: tuple[int, ...], left: list[int]) -> None:
    answers = Answers(*statuses)
    with pytest.raises(Answered):
        again(answers, {503: 1.5 * SOON})
    assert answers.left == left


@pytest.mark.parametrize(("statuses", "then"), [(("unknown", "unknown", "ok"), "ok"), (("unknown",), "unknown")])
def test_a_loss_becomes_certain_or_passes_or_is_waited_for_no_more(statuses: tuple[str, ...], then: str) -> None:
    (machine,) = settled(Fleet(*statuses), within=60 * SOON, every=20 * SOON)
    assert machine["host_status"] == then
