"""Pages on disk: bounded, in order, whole or set aside, one process at a time."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, get_args

import pytest

from exporter.errors import BadStart
from exporter.push.backlog import MemoryBacklog
from exporter.push.meters import Meters
from exporter.push.page import Page, pack
from exporter.push.spool import BLOCK, MOST_SET_ASIDE, Spool

AT = 1_700_000_000_000
ROOM = 1 << 20


def page(number: int, size: int = 3) -> Page:
    return pack([b'n%d{i="%d"} 1.0' % (number, line) for line in range(size)], AT + number)


def moments(spool: Spool | MemoryBacklog) -> list[int]:
    """The collection times of all pages, the newest first, removing them."""
    found = []
    while kept := spool.newest(frozenset()):
        found.append(kept.page.at - AT)
        spool.remove(kept.number)
    return found


def dropped(meters: Meters) -> dict[str, float]:
    families = {family.name: family for family in meters.counted()}
    rows = families["fleetmend_push_dropped_samples"].samples
    return {sample.labels["reason"]: sample.value for sample in rows if sample.value}


def set_aside(meters: Meters) -> float:
    families = {family.name: family for family in meters.counted()}
    return families["fleetmend_push_spool_set_aside"].samples[0].value


@pytest.fixture
def meters() -> Meters:
    return Meters()


Open = Callable[[Path, int], Spool]


@pytest.fixture
def open_spool(meters: Meters) -> Iterator[Open]:
    """Spools that count with ``meters`` and are closed at the end."""
    opened: list[Spool] = []

    def opening(folder: Path, max_bytes: int = ROOM) -> Spool:
        opened.append(Spool(folder, max_bytes, meters))
        return opened[-1]

    yield opening
    for spool in opened:
        spool.close()


def test_the_newest_comes_first_and_is_whole(tmp_path: Path, open_spool: Open) -> None:
    spool = open_spool(tmp_path, ROOM)
    for number in range(3):
        spool.put(page(number))
    kept = spool.newest(frozenset())
    assert kept is not None
    assert kept.page == page(2)
    assert (spool.shelf.pages, spool.shelf.oldest_at) == (3, AT)
    assert spool.shelf.bytes == 3 * BLOCK
    assert moments(spool) == [2, 1, 0]
    assert (spool.shelf.pages, spool.shelf.bytes, spool.shelf.oldest_at) == (0, 0, None)
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_pages_that_are_put_off_are_left_out(tmp_path: Path, open_spool: Open) -> None:
    spool = open_spool(tmp_path, ROOM)
    spool.put(page(1))
    spool.put(page(2))
    newest = spool.newest(frozenset())
    assert newest is not None
    other = spool.newest(frozenset({newest.number}))
    assert other is not None
    assert other.page.at == AT + 1
    assert spool.newest(frozenset({newest.number, other.number})) is None


def test_another_run_finds_them_in_order(tmp_path: Path, open_spool: Open) -> None:
    first = open_spool(tmp_path, ROOM)
    # The clock was set back between them: the order is that of collection.
    for number in (5, 3, 4):
        first.put(page(number))
    first.close()
    second = open_spool(tmp_path, ROOM)
    second.put(page(1))
    assert moments(second) == [1, 4, 3, 5]


def test_the_oldest_are_dropped_for_the_bound_and_counted(tmp_path: Path, open_spool: Open, meters: Meters) -> None:
    spool = open_spool(tmp_path, 2 * BLOCK + 2)
    for number in range(5):
        spool.put(page(number))
    assert dropped(meters) == {"spool_full": 9.0}
    assert spool.shelf.bytes <= 2 * BLOCK + 2
    assert moments(spool) == [4, 3]


def test_a_page_larger_than_the_bound_is_dropped_alone(tmp_path: Path, open_spool: Open, meters: Meters) -> None:
    spool = open_spool(tmp_path, BLOCK)
    spool.put(page(0))
    spool.put(page(1, size=5000))
    assert dropped(meters) == {"spool_full": 5000.0}
    assert moments(spool) == [0]


def test_a_smaller_bound_holds_at_once(tmp_path: Path, open_spool: Open) -> None:
    first = open_spool(tmp_path, ROOM)
    for number in range(4):
        first.put(page(number))
    first.close()
    second = open_spool(tmp_path, BLOCK + 2)
    assert second.shelf.pages == 1
    assert moments(second) == [3]


Spoiled = Literal["cut off", "empty", "one bit", "noise", "other name", "a folder"]


def spoil(path: Path, how: Spoiled) -> None:
    content = path.read_bytes()
    match how:
        case "cut off":
            path.write_bytes(content[: len(content) // 2])
        case "empty":
            path.write_bytes(b"")
        case "one bit":
            path.write_bytes(content[:20] + bytes([content[20] ^ 1]) + content[21:])
        case "noise":
            path.write_bytes(b"\x00" * len(content))
        case "other name":
            path.rename(path.with_name(path.name.replace("-3.page", "-4.page")))
        case "a folder":
            path.unlink()
            path.mkdir()


@pytest.mark.parametrize("how", get_args(Spoiled))
def test_what_is_not_whole_is_set_aside_and_counted(
    how: Spoiled, tmp_path: Path, open_spool: Open, meters: Meters
) -> None:
    first = open_spool(tmp_path, ROOM)
    for number in range(3):
        first.put(page(number))
    first.close()
    spoil(sorted(tmp_path.glob("*.page"))[1], how)
    second = open_spool(tmp_path, ROOM)
    assert moments(second) == [2, 0]
    assert dropped(meters) == {"corrupt": 4.0 if how == "other name" else 3.0}
    assert set_aside(meters) == 1
    assert len(list(tmp_path.glob("*.bad"))) == 1
    assert second.shelf.bytes == 0


def test_a_page_that_was_being_written_is_set_aside(tmp_path: Path, open_spool: Open, meters: Meters) -> None:
    first = open_spool(tmp_path, ROOM)
    first.put(page(0))
    first.close()
    whole = next(tmp_path.glob("*.page"))
    whole.with_name(whole.name.replace("000000000001", "000000000002")).with_suffix(".part").write_bytes(b"\x1f\x8b")
    second = open_spool(tmp_path, ROOM)
    assert set_aside(meters) == 1
    second.put(page(9))
    assert moments(second) == [9, 0]


def test_few_are_set_aside_for_ever(tmp_path: Path, open_spool: Open, meters: Meters) -> None:
    first = open_spool(tmp_path, ROOM)
    for number in range(MOST_SET_ASIDE + 5):
        first.put(page(number))
    for path in tmp_path.glob("*.page"):
        path.write_bytes(b"")
    assert first.newest(frozenset()) is None
    assert set_aside(meters) == MOST_SET_ASIDE + 5
    assert len(list(tmp_path.glob("*.bad"))) == MOST_SET_ASIDE


def test_files_of_others_are_left_alone(tmp_path: Path, open_spool: Open) -> None:
    (tmp_path / "README").write_text("ours")
    (tmp_path / "1-2-3.page").write_text("a name that we never give")
    assert open_spool(tmp_path, ROOM).shelf.pages == 0
    assert {path.name for path in tmp_path.iterdir()} == {"README", "1-2-3.page", "lock"}


def test_pages_that_somebody_removed_are_missed_once(tmp_path: Path, open_spool: Open, meters: Meters) -> None:
    spool = open_spool(tmp_path, ROOM)
    spool.put(page(0))
    spool.put(page(1))
    sorted(tmp_path.glob("*.page"))[1].unlink()
    assert moments(spool) == [0]
    assert dropped(meters) == {"corrupt": 3.0}


def test_a_second_exporter_is_refused(tmp_path: Path, open_spool: Open) -> None:
    first = open_spool(tmp_path, ROOM)
    with pytest.raises(BadStart, match="in use by another exporter"):
        open_spool(tmp_path, ROOM)
    first.close()
    open_spool(tmp_path, ROOM).close()


def test_a_folder_that_cannot_be_is_said(tmp_path: Path, open_spool: Open) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadStart, match=r"--push\.spool\.dir: .*: Not a directory"):
        open_spool(tmp_path / "file" / "spool", ROOM)


def test_a_folder_that_is_gone_loses_pages_and_no_more(tmp_path: Path, open_spool: Open, meters: Meters) -> None:
    spool = open_spool(tmp_path / "spool", ROOM)
    (tmp_path / "spool" / "lock").unlink()
    (tmp_path / "spool").rmdir()
    spool.put(page(0))
    assert dropped(meters) == {"disk_error": 3.0}
    assert spool.newest(frozenset()) is None


def test_a_process_that_is_killed_leaves_whole_pages(tmp_path: Path, open_spool: Open) -> None:
    """A writer is killed at some moment; all that it said it had kept is there."""
    script = (
        "import sys; from pathlib import Path; from exporter.push.meters import Meters; "
        "from exporter.push.page import pack; from exporter.push.spool import Spool\n"
        "spool = Spool(Path(sys.argv[1]), 1 << 30, Meters())\n"
        "for number in range(1, 100000):\n"
        "    spool.put(pack([b'n 1.0'] * 3, number)); print(number, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        said = 0
        while said < 50:
            said = int(writer.stdout.readline())
        writer.kill()
        said = max([said, *(int(line) for line in writer.stdout.read().split("\n") if line)])
    spool = open_spool(tmp_path, ROOM)
    found = [moment + AT for moment in moments(spool)]
    assert found[-said:] == list(range(said, 0, -1))
    assert len(found) in {said, said + 1}


def test_memory_holds_a_few_pages_and_drops_the_oldest(meters: Meters) -> None:
    backlog = MemoryBacklog(meters, max_bytes=2 * page(0).size + 2)
    for number in range(4):
        backlog.put(page(number))
    assert dropped(meters) == {"queue_full": 6.0}
    assert (backlog.shelf.pages, backlog.shelf.oldest_at) == (2, AT + 2)
    assert moments(backlog) == [3, 2]
