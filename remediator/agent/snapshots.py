"""Snapshots: copies of volumes outside the host, each with the digest that a restore checks.

A directory stands for the object store: ``DIR/<volume>/<id>.tar`` and beside it ``<id>.json``.
"""

import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from remediator.agent.record import VolumeRecord
from remediator.model.errors import PermanentError, TransientError
from remediator.wire.keys import write_private

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
# GNU tar's way to say that something changed while it was read.
_CHANGED = 1
_TAR_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class SnapshotRecord:
    """What is known of one snapshot; ``size_bytes`` is the stored copy's."""

    id: str
    volume: str
    app: str
    size_bytes: int
    digest: str
    created_at: datetime

    def told(self) -> dict[str, Any]:
        return {**asdict(self), "created_at": self.created_at.isoformat()}


@dataclass(frozen=True, slots=True)
class SnapshotStore:
    """The place for snapshots; every method blocks and belongs in a thread."""

    root: Path

    def take(self, snapshot: str, volume: VolumeRecord, content: Path, at: datetime) -> SnapshotRecord | None:
        """Copy a volume's content; None when it changed meanwhile, and the copy is no moment of it.

        Raises:
            TransientError: the copy cannot be written.
        """
        if known := self.find(snapshot):
            return known
        path = self.root / checked_name(volume.id) / f"{checked_name(snapshot)}.tar"
        fresh = path.with_suffix(".part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not _pack(content, fresh):
                return None
            record = SnapshotRecord(snapshot, volume.id, volume.app, fresh.stat().st_size, file_digest(fresh), at)
            fresh.replace(path)
            # The description comes last: only what it names is complete.
            write_private(path.with_suffix(".json"), msgspec.json.encode(record))
        except OSError as error:
            raise TransientError(f"snapshot {snapshot} cannot be written: {error.strerror}") from None
        finally:
            fresh.unlink(missing_ok=True)
        return record

    def find(self, snapshot: str) -> SnapshotRecord | None:
        """The snapshot of that id, of whatever volume."""
        for path in self.root.glob(f"*/{checked_name(snapshot)}.json"):
            return msgspec.json.decode(path.read_bytes(), type=SnapshotRecord)
        return None

    def drop(self, snapshot: str) -> None:
        """Remove a snapshot for good; nothing when it is unknown.

        Raises:
            TransientError: it cannot be removed now.
        """
        try:
            # The description goes first: what is left without one is no snapshot any more.
            for suffix in ("json", "tar"):
                for path in self.root.glob(f"*/{checked_name(snapshot)}.{suffix}"):
                    path.unlink(missing_ok=True)
        except OSError as error:
            raise TransientError(f"snapshot {snapshot} cannot be removed: {error.strerror}") from None

    def restore(self, snapshot: str, folder: Path) -> None:
        """Unpack a snapshot into an empty volume.

        Raises:
            PermanentError: unknown, damaged, or too large: the one before may do.
        """
        record = self.find(snapshot)
        path = self.root / (record.volume if record else "") / f"{snapshot}.tar"
        if record is None or not path.exists():
            raise PermanentError(f"there is no snapshot {snapshot}")
        if file_digest(path) != record.digest:
            raise PermanentError(f"snapshot {snapshot} is damaged: its digest is not the one it was taken with")
        empty(folder)
        words = ["tar", "--extract", "--numeric-owner", "--sparse", f"--file={path}", f"--directory={folder}"]
        if _run(words) != 0:
            raise PermanentError(f"snapshot {snapshot} cannot be unpacked: is the volume large enough?")
        _sync(folder)


def checked_name(name: str) -> str:
    """The name, when it is fit for a path.

    Raises:
        PermanentError: it is not.
    """
    if not _NAME.fullmatch(name):
        raise PermanentError(f"{name!r} is no fit name")
    return name


def file_digest(path: Path) -> str:
    """sha256 in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def empty(folder: Path) -> None:
    """Remove what an earlier, cut-off restore left."""
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _pack(content: Path, fresh: Path) -> bool:
    _sync(content)
    words = ["tar", "--create", "--numeric-owner", "--sparse", f"--file={fresh}", f"--directory={content}"]
    code = _run([*words, "--exclude=./lost+found", "."])
    if code not in (0, _CHANGED):
        raise TransientError("a snapshot cannot be packed: no room where snapshots are kept?")
    with fresh.open("rb") as file:
        os.fsync(file.fileno())
    return code == 0


def _run(words: list[str]) -> int:
    return subprocess.run(words, capture_output=True, check=False, timeout=_TAR_SECONDS).returncode


def _sync(folder: Path) -> None:
    subprocess.run(["sync", "--file-system", str(folder)], capture_output=True, check=False)
