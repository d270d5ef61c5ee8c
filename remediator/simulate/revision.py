"""The rules as they were at a revision of git, in a folder that is gone afterwards."""

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from remediator.model.errors import FleetmendError

TIMEOUT = 60


class RevisionUnusable(FleetmendError):
    """There is no git, no repository, no such revision, or no such folder in it."""


@contextmanager
def folder_at(folder: Path, revision: str) -> Iterator[Path]:
    """``folder`` as it was at ``revision``, unpacked elsewhere.

    Raises:
        RevisionUnusable: in one line for people.
    """
    if not folder.is_dir():
        raise RevisionUnusable(f"{folder} is no folder")
    if revision.startswith("-"):
        raise RevisionUnusable(f"{revision!r} is no revision")
    commit = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if not commit:
        raise RevisionUnusable(f"the repository of {folder} has no revision {revision!r}")
    inside = _git(folder, "rev-parse", "--show-prefix").decode().strip()
    tree = f"{commit.decode().strip()}:{inside}"
    if not _git(folder, "rev-parse", "--verify", "--quiet", tree):
        raise RevisionUnusable(f"revision {revision!r} has no folder {inside.rstrip('/')}")
    # From the top: git packs no part of a tree from inside another.
    top = _git(folder, "rev-parse", "--show-toplevel").decode().strip()
    packed = _git(Path(top), "archive", "--format=tar", tree)
    with tempfile.TemporaryDirectory(prefix="fleetmend-") as place:
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(place, filter="data")
        yield Path(place)


def _git(folder: Path, *arguments: str) -> bytes:
    """What git says; empty when it says no without a word."""
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=TIMEOUT)
    except FileNotFoundError:
        raise RevisionUnusable("git is not installed, or not in PATH") from None
    except subprocess.TimeoutExpired:
        raise RevisionUnusable("git does not answer in time") from None
    if done.returncode and done.stderr:
        told = done.stderr.decode(errors="replace").strip().splitlines()
        raise RevisionUnusable(f"git: {told[0]}")
    return b"" if done.returncode else done.stdout
