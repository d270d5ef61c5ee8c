"""A value with some fields changed is the one that ``dataclasses.replace`` makes."""

from dataclasses import replace
from typing import Any

import pytest

from remediator.model.changing import changed
from remediator.model.fleet import Fleet
from remediator.model.host import Life
from tests.remediator.builders import NOON, host, machine, remediation


@pytest.mark.parametrize(
    ("value", "changes"),
    [
        (host(), {"life": Life.DEAD, "died_at": NOON}),
        (machine(), {"app": "other", "config": {}}),
        (remediation("h1", "recreate"), {"steps": {}}),
        (Fleet(), {"frozen": "a drill"}),
        (host(), {}),
    ],
)
def test_it_is_what_replace_makes_and_leaves_the_first_as_it_was(value: Any, changes: dict[str, Any]) -> None:
    before = replace(value)
    assert changed(value, **changes) == replace(value, **changes)
    assert value == before


def test_a_field_that_there_is_not_is_an_error() -> None:
    with pytest.raises(KeyError):
        changed(host(), colour="red")
