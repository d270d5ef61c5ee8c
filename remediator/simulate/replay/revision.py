"""The rules of another git revision, taken out into a folder of their own; nothing of the work tree is touched."""

import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from remediator.model.errors import BadInput, Problem

_SECONDS = 60


@contextmanager
def rules_at(revision: str, folder: Path) -> Iterator[Path]:
    """The rules folder as it was in that revision.

    Raises:
        BadInput: no git, no repository around the folder, no such revision, or no such folder in it.
    """
    top = Path(_git(folder, "rev-parse", "--show-toplevel", why="is in no git repository").decode().strip())
    told = f"{revision}^{{commit}}"
    ask = ("rev-parse", "--verify", "--quiet", "--end-of-options", told)
    commit = _git(folder, *ask, why=f"there is no revision {revision!r}")
    inside = folder.resolve().relative_to(top.resolve()).as_posix()
    named = commit.decode().strip()
    packed = _git(top, "archive", "--format=tar", named, "--", inside, why=f"revision {revision!r} has no {inside}")
    with TemporaryDirectory(prefix="fleetmend-replay-") as place:
        with tarfile.open(fileobj=BytesIO(packed)) as archive:
            archive.extractall(place, filter="data")
        yield Path(place) / inside


def _git(folder: Path, *arguments: str, why: str) -> bytes:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, timeout=_SECONDS, check=False
        )
    except FileNotFoundError:
        raise _refused("--against needs git, which is not installed") from None
    except subprocess.TimeoutExpired:
        raise _refused("--against: git did not answer in time") from None
    if done.returncode:
        raise _refused(f"--against: {folder} {why}" if why.startswith("is") else f"--against: {why}")
    return done.stdout


def _refused(text: str) -> BadInput:
    return BadInput([Problem("", 0, 0, text)])
