"""Work that is cut short tells what was done, with the exit code of a failure; work that never began does not."""

import pytest

from remediator.commands.client import CommandFailed
from remediator.commands.doing import accounted, progress


def run(ends: BaseException | None, *, begun: bool) -> tuple[int, list[str]]:
    told: list[str] = []

    def work() -> None:
        if ends:
            raise ends

    return accounted(work, lambda: begun, told.append), told


def test_what_came_to_its_end_is_told_and_well() -> None:
    assert run(None, begun=False) == (0, [""])


def test_what_failed_half_way_is_told_with_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(CommandFailed("no host has room"), begun=True) == (1, ["no host has room"])
    assert capsys.readouterr().err == "fleetmend: no host has room\n"


def test_a_person_s_interruption_is_told_too() -> None:
    assert run(KeyboardInterrupt(), begun=True) == (130, ["interrupted"])


@pytest.mark.parametrize("ends", [CommandFailed("bad input"), KeyboardInterrupt()])
def test_what_changed_nothing_has_nothing_to_tell(ends: BaseException) -> None:
    with pytest.raises(type(ends)):
        run(ends, begun=False)


def test_progress_is_for_terminals_alone(capsys: pytest.CaptureFixture[str]) -> None:
    progress("launching")
    assert capsys.readouterr() == ("", "")
