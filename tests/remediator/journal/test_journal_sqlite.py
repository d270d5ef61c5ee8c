"""What only a journal in a file can suffer: locks, newer versions, unreadable places, full disks and kill -9."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from remediator.journal.kept import kept_in
from remediator.journal.protocol import Entry, JournalUnusable, Row
from remediator.journal.reserve import Reserve
from remediator.journal.sqlite import SCHEMA_VERSION, SqliteJournal
from remediator.journal.verify import verify
from tests.remediator.builders import NOON, SECOND, host
from tests.remediator.journal.kill import killed_after, measured

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


def run(program: str, folder: Path, *before: str) -> "subprocess.CompletedProcess[str]":
    arguments = [*before, sys.executable, str(HERE / program), str(folder)]
    return subprocess.run(
        arguments, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def one_line(text: str) -> str:
    assert "\n" not in text
    return text


def test_what_was_committed_is_there_after_opening_again(tmp_path: Path) -> None:
    with closing(SqliteJournal(tmp_path)) as journal:
        journal.commit([Row("Host", "h1", 0, host())], [])
    with closing(SqliteJournal(tmp_path)) as journal:
        assert journal.rows()["Host"]["h1"].value == host()


def test_it_is_written_ahead_and_synced_fully(tmp_path: Path) -> None:
    with closing(SqliteJournal(tmp_path)) as journal:
        settings = [journal._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    assert settings == ["wal", 2]


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    with closing(SqliteJournal(tmp_path / "new")):
        modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "new").iterdir()}
    assert modes["journal.db"] == modes["journal.lock"] == 0o600
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_a_second_remediator_is_told_in_one_line_and_the_first_goes_on(tmp_path: Path) -> None:
    with closing(SqliteJournal(tmp_path)) as journal:
        with pytest.raises(JournalUnusable) as refused:
            SqliteJournal(tmp_path)
        assert one_line(str(refused.value)) == f"{tmp_path}: another remediator is running on this journal"
        journal.commit([Row("Host", "h1", 0, host())], [])
    with closing(SqliteJournal(tmp_path)) as journal:
        assert set(journal.rows()["Host"]) == {"h1"}


def test_a_newer_schema_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    with closing(SqliteJournal(tmp_path)) as journal:
        journal.commit([Row("Host", "h1", 0, host())], [])
    with closing(sqlite3.connect(tmp_path / "journal.db")) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    for _ in range(2):  # the refusal itself leaves no lock behind
        with pytest.raises(JournalUnusable) as refused:
            SqliteJournal(tmp_path)
        assert "written by a newer version" in one_line(str(refused.value))
    with closing(sqlite3.connect(tmp_path / "journal.db")) as db:
        assert db.execute("SELECT kind, id FROM rows").fetchall() == [("Host", "h1")]


def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"something else" * 100)
    with pytest.raises(JournalUnusable) as refused:
        SqliteJournal(tmp_path)
    assert "journal.db: " in one_line(str(refused.value))
    assert (tmp_path / "journal.db").read_bytes() == b"something else" * 100


def test_a_database_of_somebody_else_is_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "journal.db")) as db:
        db.executescript(f"CREATE TABLE rows (x); PRAGMA user_version = {SCHEMA_VERSION};")
    with pytest.raises(JournalUnusable, match="not a journal of ours"):
        SqliteJournal(tmp_path)


def test_a_folder_that_cannot_be_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JournalUnusable) as refused:
        SqliteJournal(tmp_path / "file" / "data")
    assert one_line(str(refused.value)) == f"{tmp_path}/file/data: Not a directory"


def test_a_folder_of_somebody_else_is_one_line(tmp_path: Path) -> None:
    """Run as nobody, for root may read everything."""
    if os.geteuid() != 0:
        pytest.skip("only root can become nobody")
    locked = Path("/var/tmp") / f"fleetmend-test-{os.getpid()}"  # noqa: S108 - nobody cannot reach pytest's folder
    locked.mkdir(mode=0o700)
    try:
        child = os.fork()
        if child == 0:
            os._exit(_refused_as_nobody(locked))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42
        assert list(locked.iterdir()) == []
    finally:
        shutil.rmtree(locked)


def _refused_as_nobody(folder: Path) -> int:
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
    try:
        SqliteJournal(folder)
    except JournalUnusable as error:
        return 42 if str(error) == f"{folder}: Permission denied" else 1
    return 2


def test_a_full_disk_is_transient_and_loses_nothing(tmp_path: Path) -> None:
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("NOT TESTED: a really full disk needs root and unshare")
    ended = run("fill_disk.py", tmp_path, "unshare", "--mount", "--propagation", "private")
    if ended.returncode == 77:
        pytest.skip("NOT TESTED: a really full disk needs the right to mount")
    assert ended.returncode == 0, ended.stderr + ended.stdout
    said, kept = ended.stdout.splitlines()
    assert said == "transient: journal: database or disk is full"
    number = int(kept.removeprefix("kept ").split(";")[0])
    assert number > 5
    assert kept == f"kept {number}; {number + 1}"


def test_a_full_disk_has_room_for_destroys(tmp_path: Path) -> None:
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.skip("NOT TESTED: a really full disk needs root and unshare")
    ended = run("low_disk.py", tmp_path, "unshare", "--mount", "--propagation", "private")
    if ended.returncode == 77:
        pytest.skip("NOT TESTED: a really full disk needs the right to mount")
    assert ended.returncode == 0, ended.stderr + ended.stdout
    assert ended.stdout.splitlines() == [
        "reserve 204 KiB; doubts []",
        "full; doubts ['DiskLow']",
        "alerts refused True; at last: journal: database or disk is full",
        "destroys written on a full disk: enough; ['the reserve for a full disk is spent']",
        "room again; doubts []; []",
        "kept 0; []",
    ]


def test_a_reserve_is_real_room_and_none_where_there_is_little(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path, 1 << 20)
    assert (tmp_path / "journal.reserve").stat().st_blocks * 512 >= 1 << 20
    assert reserve.release()
    assert (reserve.spent, reserve.release()) == (True, False)
    reserve.keep()
    assert not reserve.spent
    assert (tmp_path / "journal.reserve").stat().st_size == 1 << 20
    nothing = Reserve(tmp_path / "nowhere", 1 << 20)
    assert (nothing.release(), nothing.spent) == (False, True)


@pytest.mark.slow
def test_kill_9_within_a_pruning_leaves_the_one_or_the_other(tmp_path: Path) -> None:
    key = SigningKey(bytes(32))
    with closing(SqliteJournal(tmp_path / "whole", lambda: key)) as journal:
        for number in range(400):
            entries = [Entry(NOON + SECOND * number, "row", "", f"h{number % 50}", {"number": number})]
            journal.commit([Row("Host", f"h{number % 50}", number // 50, host(epoch=number + 1))], entries)

    def prune(folder: Path) -> None:
        with closing(SqliteJournal(folder, lambda: key)) as journal:
            while journal.prune(NOON + SECOND * 350, 40):
                pass

    seconds = measured(lambda: prune(Path(shutil.copytree(tmp_path / "whole", tmp_path / "measured"))))
    for step in range(1, 13):
        folder = Path(shutil.copytree(tmp_path / "whole", tmp_path / f"killed{step}"))
        killed_after(seconds * step / 12, prune, folder)
        with kept_in(folder) as kept:
            assert verify(kept, [key.verify_key]).findings == []
            assert kept.horizon().head.number % 40 in (0, 350 % 40)
        with closing(SqliteJournal(folder, lambda: key)) as journal:
            assert (journal.head().number, journal.count(), len(journal.rows()["Host"])) == (400, 400, 50)


def test_kill_9_loses_no_acknowledged_commit(tmp_path: Path) -> None:
    for enough in (3, 25, 60):
        last = _killed_after(tmp_path, enough)
        with closing(SqliteJournal(tmp_path)) as journal:
            stored = journal.rows()["Host"]
            numbers = {int(entry.id) for entry in journal.entries("host", 10_000)}
            count = journal.count()
        assert numbers == set(range(count))
        assert last < count <= last + 2
        with kept_in(tmp_path) as kept:
            assert verify(kept).findings == []
        # The rows of one commit stand or fall together.
        assert stored["h1"].version == stored["h1"].value.epoch == count
        assert set(stored) == {"h1"} | {f"x{number}" for number in numbers}


def _killed_after(folder: Path, enough: int) -> int:
    """Kill the committing process once it has acknowledged so many; the last number that it said."""
    arguments = [sys.executable, str(HERE / "commit_forever.py"), str(folder)]
    with subprocess.Popen(arguments, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(enough)]
        process.send_signal(signal.SIGKILL)
        return int([*said, *process.stdout][-1])
