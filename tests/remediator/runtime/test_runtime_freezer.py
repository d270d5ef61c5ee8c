"""A freeze needs no journal, no store and no leader; what cannot be read counts as frozen."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from nacl.signing import SigningKey

from remediator.clock import FakeClock
from remediator.model.errors import PermanentError
from remediator.runtime.people.freezer import Freezer
from remediator.wire.freeze import sign_freeze
from tests.remediator.builders import NOON, SECOND

OPERATOR = SigningKey.generate()


def said(*, frozen: bool = True, after: timedelta = timedelta(), key: SigningKey = OPERATOR) -> dict[str, Any]:
    return sign_freeze(key, frozen=frozen, who="anna", why="drill", at=NOON + after)


@pytest.fixture
def freezer(tmp_path: Path) -> Freezer:
    return Freezer(tmp_path, OPERATOR.verify_key)


def test_with_neither_file_nor_word_acting_is_allowed(freezer: Freezer) -> None:
    assert freezer.frozen() == ""


def test_a_file_freezes_until_it_is_taken_away(freezer: Freezer, tmp_path: Path) -> None:
    (tmp_path / "freeze").touch()
    assert freezer.frozen() == "by the file freeze"
    freezer.accept(said(frozen=False))
    assert freezer.frozen() == "by the file freeze"
    (tmp_path / "freeze").unlink()
    assert freezer.frozen() == ""


def test_a_signed_word_freezes_and_a_younger_one_thaws(freezer: Freezer, tmp_path: Path) -> None:
    freezer.accept(said())
    assert freezer.frozen() == "by anna: drill"
    assert Freezer(tmp_path, OPERATOR.verify_key).frozen() == "by anna: drill"
    assert (tmp_path / "freeze.json").stat().st_mode & 0o777 == 0o600
    freezer.accept(said(frozen=False, after=SECOND))
    assert freezer.frozen() == ""


def test_of_two_the_younger_holds(freezer: Freezer) -> None:
    freezer.accept(said(after=SECOND))
    with pytest.raises(PermanentError, match="younger"):
        freezer.accept(said(frozen=False))
    assert freezer.frozen() == "by anna: drill"


@pytest.mark.parametrize(
    "forged",
    [said(frozen=False, key=SigningKey.generate()), said() | {"frozen": False}, said() | {"signature": "?"}, {}],
)
def test_a_word_that_is_not_the_operators_changes_nothing(freezer: Freezer, forged: dict[str, Any]) -> None:
    freezer.accept(said())
    with pytest.raises(PermanentError, match="not signed"):
        freezer.accept(forged)
    assert freezer.frozen() == "by anna: drill"


FORGED = json.dumps(said(frozen=False, after=timedelta(days=9000), key=SigningKey.generate()))


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "null", "{}", FORGED])
def test_what_cannot_be_read_counts_as_frozen_and_a_signed_word_mends_it(
    freezer: Freezer, tmp_path: Path, text: str
) -> None:
    (tmp_path / "freeze.json").write_text(text)
    assert "cannot be read" in freezer.frozen()
    freezer.accept(said(frozen=False))
    assert freezer.frozen() == ""


def test_a_folder_in_its_place_cannot_be_read_either(freezer: Freezer, tmp_path: Path) -> None:
    (tmp_path / "freeze.json").mkdir()
    assert "cannot be read" in freezer.frozen()


def test_a_freeze_with_an_end_ends_by_itself_and_agents_are_not_told_of_it(tmp_path: Path) -> None:
    clock = FakeClock(NOON)
    freezer = Freezer(tmp_path, OPERATOR.verify_key, clock)
    until = NOON + timedelta(hours=1)
    freezer.accept(sign_freeze(OPERATOR, frozen=True, who="anna", why="deploy", at=NOON, until=until))
    assert freezer.frozen() == "by anna: deploy, until 2026-08-01 13:00:00Z"
    assert freezer.statement() == {}
    # Who cannot tell the time stays frozen.
    assert Freezer(tmp_path, OPERATOR.verify_key).frozen() != ""
    clock.set(until)
    assert freezer.frozen() == ""


def test_no_freeze_ends_sooner_because_of_another(tmp_path: Path) -> None:
    clock = FakeClock(NOON)
    freezer, hour = Freezer(tmp_path, OPERATOR.verify_key, clock), timedelta(hours=1)

    def lasting(hours: int, after: timedelta) -> dict[str, Any]:
        until = NOON + hours * hour
        return sign_freeze(OPERATOR, frozen=True, who="bob", why="deploy", at=NOON + after, until=until)

    freezer.accept(said())
    with pytest.raises(PermanentError, match="frozen for longer already: by anna: drill; 'fleetmend thaw' ends it"):
        freezer.accept(lasting(1, SECOND))
    assert freezer.statement() == said()
    freezer.accept(said(frozen=False, after=2 * SECOND))
    freezer.accept(lasting(2, 3 * SECOND))
    with pytest.raises(PermanentError, match="until 2026-08-01 14:00:00Z"):
        freezer.accept(lasting(1, 4 * SECOND))
    freezer.accept(lasting(3, 5 * SECOND))
    assert "15:00:00Z" in freezer.frozen()
    # One that is over binds nobody.
    clock.set(NOON + 3 * hour)
    freezer.accept(lasting(4, 6 * SECOND))
    freezer.accept(said(after=7 * SECOND))
    assert freezer.frozen() == "by anna: drill"


def test_the_end_of_a_freeze_cannot_be_changed_or_taken_away(freezer: Freezer) -> None:
    word = sign_freeze(OPERATOR, frozen=True, who="anna", why="deploy", at=NOON, until=NOON + timedelta(hours=1))
    with pytest.raises(PermanentError):
        freezer.accept({**word, "until": NOON.isoformat()})
    with pytest.raises(PermanentError):
        freezer.accept({key: value for key, value in word.items() if key != "until"})
